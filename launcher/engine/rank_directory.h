// The run's directory as a rank sees it: opened once, by the launcher or by the first rank, and known to all.
#pragma once

#include <optional>
#include <string>

#include "experiments/run_directory.h"
#include "launcher/start.h"
#include "trainer/parallel/communicator.h"

namespace broadsheet {

class RankDirectory {
 public:
  // Collective. Starts this rank's log file, installs the stop signals, writes ranks.json when all ranks have, and
  // records the attempt in environment.json; warns when an earlier attempt ran on another kind of machine or program.
  RankDirectory(const RunConfig& config, const RunRequest& request, Communicator& ranks);

  bool finished() const { return directory_->state() == RunState::kFinished; }
  bool first() const { return first_; }       // this rank is the one that writes
  bool prints_json() const { return json_; }  // and the one that answers on stdout
  const std::string& folder() const { return directory_->folder(); }
  const std::string& attempt_folder() const { return directory_->attempt_folder(); }
  int64_t attempt() const { return directory_->attempt(); }
  Fence fence() const { return directory_->fence(); }
  std::string checkpoints() const { return directory_->checkpoints(); }
  // Collective: whether there is one in checkpoints(), as the first rank sees it.
  bool has_checkpoints(Communicator& ranks) const;
  // Collective: by how much passes are smaller than the configuration says (micro_batch.json); 1: they are not.
  int64_t micro_batch_divisor(Communicator& ranks) const;
  std::string model() const { return directory_->model(); }
  std::string results() const { return directory_->results(); }
  std::string report() const { return directory_->report(); }

 private:
  void open(const RunConfig& config, const RunRequest& request, Communicator& ranks);
  void start_log(const RunRequest& request, Communicator& ranks) const;
  void announce(const RunConfig& config, Communicator& ranks);

  bool first_, json_;
  std::optional<RunDirectory> directory_;
};

}  // namespace broadsheet
