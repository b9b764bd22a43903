// From a checkpoint back to a live run. The other way: trainer/snapshot_writer.h.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/plan.h"
#include "trainer/optim/optimizer.h"
#include "trainer/parallel/communicator.h"
#include "trainer/tasks/task.h"
#include "trainer/trainer.h"
#include "trainer/validation.h"

namespace broadsheet {

// Everything besides weights and optimizer that the rest of the run depends on: state.json. The sample order, the
// schedule and every random stream are pure functions of the step and the seed, so the step is their whole state.
struct TrainState {
  int64_t step = 0;  // optimizer steps done
  BestTracker best;
  std::vector<int64_t> skipped_steps;  // steps whose gradient was not finite
  std::vector<int64_t> rollbacks;      // steps after which the weights of an earlier checkpoint were taken
  int64_t bits_differ_after = -1;      // step at which ranks, threads or machine changed first; -1: never
  BeforeAfter validation, test;        // only `before` is kept
  std::string features;                // checksum of the frozen trunk's outputs that were trained on; empty: none were

  nlohmann::json to_json() const;
  void restore(const nlohmann::json& json);
};

// What must be equal for a checkpoint to be a checkpoint of this run: options.identity and, under "trainer", the
// corpus, the seed, the batch size, the version of the sample order, the optimizer, a hash of the parameters and that
// of an adapter's base.
nlohmann::json run_identity(Task& task, const BatchPlan& plan, const std::string& corpus_fingerprint,
                            const TrainerOptions& options);

// Collective. Loads the newest whole checkpoint under options.checkpoint_root into task, optimizer and state; false
// when there is none. The ranks share the work of checking it. Throws UserError("resume.identity") naming every key
// that differs. Another number of threads, another machine or build, and unless train.reduction is consistent another
// number of ranks, is a warning: from that step on bits may differ (state.bits_differ_after).
bool resume(Task& task, Optimizer& optimizer, TrainState& state, const nlohmann::json& identity, Communicator& ranks,
            const TrainerOptions& options);

// What equal bits depend on besides the identity: options.runtime, number of ranks and threads. Recorded in every
// checkpoint.
nlohmann::json runtime_facts(int world_size, const TrainerOptions& options);

// Copies the weights of a checkpoint's folder into the task's parameters; all that saved_parameters() has must be
// there.
void load_checkpoint_weights(const std::string& folder, Task& task);
void load_checkpoint_optimizer(const std::string& folder, Optimizer& optimizer);

}  // namespace broadsheet
