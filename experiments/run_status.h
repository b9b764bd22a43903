// How far a run has come, from what lies in its directory: no Slurm, no process is asked. Any user's machine that sees
// the directory can tell, also after the run has ended.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace broadsheet {

// logs/attempt-<k>/plan.json: what an attempt was about to do.
struct AttemptPlan {
  int64_t start_step = 0, total_steps = 0, steps_per_epoch = 0;
};
// A warning when it cannot be written: it is only told from.
void write_attempt_plan(const std::string& attempt_folder, const AttemptPlan& plan) noexcept;

struct RunProgress {
  std::string name, folder;
  bool finished = false;  // results.json is there
  bool begun = false;     // there was an attempt
  int64_t attempts = 0;
  int64_t step = -1;           // last one on disk; -1: none
  int64_t total_steps = 0;     // 0: not known yet
  std::optional<double> loss;  // of that step
  std::string metric;          // validation.metric
  std::optional<double> best;  // of the validations so far
  int64_t best_step = 0;
  double tokens_per_second = 0;  // over the last steps; 0: not known
  double seconds_left = -1;      // negative: not known
  int64_t last_checkpoint = -1;  // step of the newest one; -1: none
  double idle_seconds = -1;      // since the newest record was written, by the file system's clock and ours
};
// UserError("run.not_found") when `folder` is not the directory of a run.
RunProgress read_progress(const std::string& folder);

// Last step in metrics.jsonl; -1: none.
int64_t last_recorded_step(const std::string& run_folder);

// The runs at `path`: itself, when it is a run's directory, else the runs in it (one level), by name.
std::vector<std::string> runs_at(const std::string& path);
// Whether a folder is a run's: it has run.yaml, or a job was submitted for it.
bool is_run_folder(const std::string& folder);

}  // namespace broadsheet
