// Who tells of a run: the trainer's observer, in front of the tracker; and what a finished run leaves behind.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "data/long_documents.h"
#include "experiments/run_config.h"
#include "experiments/tracking.h"
#include "launcher/engine/rank_directory.h"
#include "trainer/trainer.h"

namespace broadsheet {

class Reporter : public TrainObserver {
 public:
  // Tells what is about to be trained. On ranks other than the first everything here does nothing.
  Reporter(const RunConfig& config, const RankDirectory& directory, const ShardSet& corpus, Task& task);

  void on_start(int64_t start_step, int64_t total_steps, int64_t steps_per_epoch) override;
  void on_record(const StepRecord& record) override;
  void on_checkpoint(int64_t step, const std::string& folder, double seconds) override;

  // model/ (`with_model`), results.json, report.html, and the table of before and after. `task` holds the best weights.
  // results.json comes last of what a resume would look at: where it is, the run is finished.
  void publish(const TrainOutcome& outcome, Task& task, const std::vector<std::string>& tokenizer_files,
               bool with_model);

 private:
  RunConfig config_;
  const RankDirectory& directory_;
  CutShare cut_;
  std::optional<RunTracker> tracker_;  // first rank only
};

}  // namespace broadsheet
