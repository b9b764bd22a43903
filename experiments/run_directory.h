// A run's directory: what `train` does in it, whose it is, and what lies where.
//   run.yaml environment.json command.txt lock metrics.jsonl timings.jsonl tensorboard/ logs/attempt-<k>/ checkpoints/
//   model/ results.json report.html
// results.json is written last: where it is, the run is finished.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/durable.h"
#include "core/fence.h"
#include "experiments/run_config.h"

namespace broadsheet {

enum class RunState { kNew, kResumes, kFinished };

struct RunChoice {
  bool fresh = false;   // anew, in a folder beside an existing one
  bool resume = false;  // go on although keys that may_change_on_resume differ
};

struct RunPlan {
  std::string folder;  // with `fresh` perhaps <folder>-2, -3, ...
  RunState state = RunState::kNew;
  std::vector<Difference> changes;  // that `resume` takes over
};

// What training `config` in `folder` means; touches nothing. UserError("run.changed") when the folder holds a run of
// another configuration: lists every differing key with both values and says what --fresh and --resume would do.
RunPlan plan_run(const RunConfig& config, const std::string& folder, RunChoice choice);

class RunDirectory {
 public:
  // Makes the folder, takes its lock (UserError("lock.held") names the holder), plans again under the lock, and, unless
  // the run is finished, takes the next number (logs/attempt-<k>), raises the fence, writes run.yaml and adds to
  // command.txt. An earlier start of the same job (`incarnation`) is taken over although it may still live; that one
  // ends with RunError("run.fenced"). UserError when the folder is not the user's own (experiments/own_folder.h).
  static RunDirectory open(const RunConfig& config, const std::string& folder, RunChoice choice,
                           const std::string& command, const Incarnation& incarnation = {});
  // For a process whose launcher has opened the directory, or another rank has: takes no lock, writes nothing.
  static RunDirectory join(const std::string& folder, const std::string& attempt_folder,
                           RunState state = RunState::kResumes);

  RunState state() const { return state_; }
  const std::string& folder() const { return folder_; }
  const std::string& attempt_folder() const { return attempt_folder_; }  // empty when finished
  int64_t attempt() const;                                               // its number: 1, 2, ...
  Fence fence() const { return Fence::join(checkpoints(), attempt()); }  // what is published goes through it
  std::string config_file() const { return folder_ + "/run.yaml"; }
  std::string checkpoints() const { return folder_ + "/checkpoints"; }
  std::string model() const { return folder_ + "/model"; }
  std::string results() const { return folder_ + "/results.json"; }
  std::string report() const { return folder_ + "/report.html"; }
  std::string rank_log(int rank) const;  // <attempt>/rank-00000.log

  // Adds `attempt` to environment.json's "attempts". Returns the attempt before it, or null.
  nlohmann::json record_attempt(const nlohmann::json& attempt);

 private:
  RunDirectory(std::string folder, RunState state) : folder_(std::move(folder)), state_(state) {}
  std::string logs() const { return folder_ + "/logs"; }
  void raise_fence();
  void begin(const RunConfig& config, const std::vector<Difference>& changes, const std::string& command);
  std::string folder_, attempt_folder_;
  RunState state_;
  std::unique_ptr<FolderLock> lock_;
  // Of checkpoints/, for as long as the opener lives (core/fence.h).
  struct Raised {
    Fence fence;
    ~Raised() { fence.lower(); }
  };
  std::unique_ptr<Raised> raised_;
};

// `broadsheet checkpoint` makes this file, the running job takes it away and saves.
std::string checkpoint_request_file(const std::string& run_folder);

// micro_batch.json: after a start that was out of memory, passes are this much smaller, in every start from then on.
int64_t read_micro_batch_divisor(const std::string& run_folder);  // 1: there is none
void write_micro_batch_divisor(const std::string& run_folder, int64_t divisor);

// "  train.learning_rate: 2e-05 -> 1e-05" per line.
std::string to_text(const std::vector<Difference>& differences);

}  // namespace broadsheet
