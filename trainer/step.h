// One optimizer step over all ranks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/plan.h"
#include "data/shards.h"
#include "data/step_loader.h"
#include "data/step_order.h"
#include "trainer/config.h"
#include "trainer/injection.h"
#include "trainer/optim/optimizer.h"
#include "trainer/optim/schedule.h"
#include "trainer/parallel/communicator.h"
#include "trainer/parallel/gradient_sum.h"
#include "trainer/step_record.h"
#include "trainer/stragglers.h"
#include "trainer/tasks/task.h"

namespace broadsheet {

// The documents' ids cut into micro-batches by their packed lengths. by micro_batch_size, or where that is 0 by
// tokens_per_pass.
std::vector<std::vector<int64_t>> cut_by_length(const Task& task, const ShardSet& corpus, Split split,
                                                const std::vector<int64_t>& ids, const TrainConfig& passes);

// Whether forward passes run under bfloat16 autocast: bf16 yes, float32 and auto no (on CPUs). UserError
// ("config.precision") for others.
bool uses_bf16(const std::string& precision);

// What this rank's batches of any step are made from. All but the slice are borrowed.
struct StepSource {
  const Task& task;
  const ShardSet& corpus;
  const TrainConfig& config;
  const StepOrder& order;
  RankSlice slice;
};
// A pure function of the step, for StepLoader. Thread-safe.
StepBatches make_step_batches(const StepSource& source, int64_t step);

// What a step works with. Borrowed; made once by train().
struct StepParts {
  Task& task;
  StepLoader& loader;
  Communicator& ranks;
  GradientSum& gradients;
  Optimizer& optimizer;
  const TrainConfig& config;
  BatchPlan plan;
  Schedule schedule;
  uint64_t seed = 1;
  Injection& injection;
};

struct StepResult {
  StepRecord record;     // equal on all ranks but for seconds and phases
  bool skipped = false;  // the gradient was not finite: no rank updated
  std::string why;       // then: which tensors, ranks and examples
  // Votes, equal on all ranks: some rank was asked to stop; the first rank's clock says that a checkpoint is due.
  bool stop = false, save = false;
  StepWork work;                    // this rank's own
  std::vector<StepWork> last_work;  // all ranks' in the step before, as they told it
};

// Step number `step` (0 for the first). Collective: every rank calls it, also one without examples. `last_work`: this
// rank's own in the step before.
StepResult run_step(const StepParts& parts, int64_t step, bool save_due, const StepWork& last_work);

// Examples seen after `steps` steps, divided by N; with global_batch_tokens, `steps` divided by those of an epoch.
double epochs_after(const BatchPlan& plan, int64_t steps);

}  // namespace broadsheet
