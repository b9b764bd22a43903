// The training loop: plan -> batches -> task -> gradient over all ranks -> update; validation, early stopping,
// checkpoints, resume. One function; everything it needs is passed in.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "data/shards.h"
#include "trainer/config.h"
#include "trainer/parallel/communicator.h"
#include "trainer/step_record.h"
#include "trainer/tasks/task.h"

namespace broadsheet {

enum class GateAnswer { kGoOn, kLeave, kNotYet };
// Somebody who is asked at certain steps whether training goes on (a sweep: is this trial worth it?). All ranks wait.
struct Gate {
  std::vector<int64_t>
      steps;  // ascending; each is asked about after its validation, and at a resume from its checkpoint
  // Called on the first rank. `best`: the chosen metric's best value so far. kNotYet after a second or less: asked
  // again. kLeave: save, and leave as on request (TrainEnd::kStopped, at_gate).
  std::function<GateAnswer(int64_t step, double best)> ask;
};

struct TrainerOptions {
  TrainConfig train;
  DataConfig data;              // of which the order of examples is made: shuffle and batches
  ValidationConfig validation;  // metric already resolved
  CheckpointConfig checkpoints;
  uint64_t seed = 1;
  std::string checkpoint_root;  // <run>/checkpoints
  int64_t attempt = 1;          // whose fence (core/fence.h) stands there
  nlohmann::json identity;      // goes into every checkpoint; a resume compares what must be equal (corpus, batch, ...)
  nlohmann::json runtime;       // what equal bits depend on beside ranks and threads: build, CPU type
  int64_t micro_batch_divisor = 1;  // > 1: passes are that much smaller, after a start that was out of memory
  std::string feature_folder;       // where the outputs of a frozen trunk are kept (trainer/features.h); empty: nowhere
  bool weights_follow = false;      // there is a checkpoint, and the parameters hold nothing before it is read
  std::string request_file;         // `broadsheet checkpoint` makes this file: save now; empty: nobody asks
  double end_time = 0;              // seconds since 1970 when the job's time is up: save and leave before; 0: never
  std::vector<std::string> records;          // files that on_record() appends to: on disk before the next checkpoint is
  std::vector<std::string> tokenizer_files;  // paths, copied into checkpoints so that each loads by itself
  Gate gate;
  // Not empty: few checkpoints. Only checkpoints.every_steps (where given), every_minutes and leaving write one; the
  // best weights are kept in memory, and here beside a checkpoint that lacks them (trainer/best_weights.h). An update
  // that is never finite ends the run at once: there is nothing to go back to.
  std::string best_folder;
  bool measure_test = true;  // false: the test split is not looked at, before or after
};

using MetricValues = std::map<std::string, double>;
struct BeforeAfter {
  MetricValues before, after;
};

// What the loop tells the outside; called on the first rank only. Methods must not throw for want of disk: a record
// that cannot be written is a warning.
class TrainObserver {
 public:
  virtual ~TrainObserver() = default;
  // Before the first step: where training starts (0, or the step of the checkpoint it resumed from).
  virtual void on_start(int64_t start_step, int64_t total_steps, int64_t steps_per_epoch) = 0;
  virtual void on_record(const StepRecord& record) = 0;
  virtual void on_checkpoint(int64_t step, const std::string& folder, double seconds) = 0;
};

enum class TrainEnd { kFinished, kEarlyStopped, kStopped };  // kStopped: on request, with a checkpoint (exit 75)
struct TrainOutcome {
  TrainEnd end = TrainEnd::kFinished;
  int64_t steps = 0;
  int64_t best_step = 0;
  std::string best_checkpoint;   // folder, or empty when the start was best
  BeforeAfter validation, test;  // test.after and validation.after: of the best weights; empty when kStopped
  nlohmann::json validation_details, test_details;  // beside `after`: Metrics::details()
  std::optional<double> temperature;                // with which "after" is measured, and that the weights hold
  std::optional<double> best_value;                 // of the chosen metric; none: nothing was measured
  bool at_gate = false;                             // kStopped: because the gate said so
  int64_t bits_differ_after = -1;  // step from which bits may differ from an undisturbed run; -1: they do not
};

// Trains `task` on `corpus`. On return the task holds the best weights (by validation.metric), calibrated where it
// wants that; checkpoints hold them as they were trained. Resumes by itself from the newest whole checkpoint under
// checkpoint_root.
TrainOutcome train(Task& task, const ShardSet& corpus, Communicator& ranks, const TrainerOptions& options,
                   TrainObserver& observer);

// Metrics of a whole split over all ranks.
MetricValues evaluate_split(Task& task, const ShardSet& corpus, Split split, Communicator& ranks);

}  // namespace broadsheet
