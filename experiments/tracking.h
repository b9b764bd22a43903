// RunTracker: what a run writes down while it trains. metrics.jsonl, timings.jsonl, TensorBoard's events and the lines
// that a person follows. First rank only. Nothing here throws for want of disk: it is a warning and training goes on.
// RunError("run.fenced") when a newer attempt has taken over before the files were this one's.
//
// metrics.jsonl holds one object per line, always in this order of keys:
//   {"step", "epoch", "kind": "train", "loss", "learning_rate", "grad_norm", "tokens", "examples"}
//   {"step", "epoch", "kind": "validation", "loss", "tokens", "examples", <metrics by name>}
// Numbers are the shortest decimals that read back as the same double; what is not finite is null. No clock, host or
// rate is in it: a repeated run writes the same bytes. timings.jsonl has the rest:
//   {"step", "kind", "seconds", "tokens", "tokens_per_second", <seconds of each phase>, "ranks": [{<the same>}]}
// "ranks" stands in lines of validations only: by rank, summed over the steps since the validation before.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/progress.h"
#include "experiments/tensorboard.h"
#include "experiments/tracking_file.h"
#include "trainer/step_record.h"

namespace broadsheet {

struct TrackingOptions {
  std::string run_folder;
  Fence fence;  // of this attempt
  bool tensorboard = true;
  std::string metric;             // validation.metric, marked in the lines that a person sees
  bool higher_is_better = false;  // of `metric`
};

class RunTracker {
 public:
  explicit RunTracker(TrackingOptions options);
  ~RunTracker();

  // Training goes on after `start_step`: records of later steps, written by an attempt that died, are cut away.
  // A start at step 0 begins the files anew. Records that came before this call are written after it.
  void on_start(int64_t start_step, int64_t total_steps, int64_t steps_per_epoch);
  // A record that the files already hold (the same step and kind, kept by on_start) is not written again.
  void on_record(const StepRecord& record);
  void on_checkpoint(int64_t step, const std::string& folder, double seconds);
  // Ends the progress line, and the files are on disk. Called by the destructor too.
  void finish();

 private:
  void keep(const std::string& metrics_line);
  bool is_known(const StepRecord& record) const;
  void show_training(const StepRecord& record);
  void show_validation(const StepRecord& record);
  void write_events(const StepRecord& record);

  TrackingOptions options_;
  bool started_ = false;
  int64_t start_step_ = 0, total_steps_ = 0;
  std::vector<StepRecord> early_;
  AppendFile metrics_, timings_;
  std::unique_ptr<EventWriter> events_;
  std::unique_ptr<Progress> progress_;
  int64_t known_train_step_ = -1;
  std::set<int64_t> known_validations_;
  bool has_best_ = false;
  double best_ = 0;
  std::chrono::steady_clock::time_point start_time_;
  std::deque<std::pair<int64_t, double>> recent_;  // tokens and seconds of the last steps
};

// One line of metrics.jsonl or timings.jsonl, without the newline.
std::string metrics_line(const StepRecord& record);
std::string timings_line(const StepRecord& record);
// "step 50/450, epoch 0.42, loss 1.0234, lr 1.8e-05, 12,345 tokens/s, 1 min 15 s left"; negative: not known yet.
std::string progress_line(const StepRecord& record, int64_t total_steps, double tokens_per_second, double seconds_left);

}  // namespace broadsheet
