#include "trainer/step.h"

#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "core/activity.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/text.h"
#include "core/work_clock.h"
#include "trainer/health.h"
#include "trainer/stopwatch.h"

namespace broadsheet {

namespace {

// bf16: matrix products in bfloat16, sums and the weights themselves in float32. Covers the forward pass only; backward
// follows the types that forward recorded.
class AutocastScope {
 public:
  explicit AutocastScope(bool enabled)
      : before_(at::autocast::is_autocast_enabled(at::kCPU)),
        dtype_before_(at::autocast::get_autocast_dtype(at::kCPU)) {
    at::autocast::set_autocast_enabled(at::kCPU, enabled);
    if (enabled) at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
    at::autocast::increment_nesting();
  }
  ~AutocastScope() {
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(at::kCPU, before_);
    at::autocast::set_autocast_dtype(at::kCPU, dtype_before_);
  }
  AutocastScope(const AutocastScope&) = delete;
  AutocastScope& operator=(const AutocastScope&) = delete;

 private:
  bool before_;
  at::ScalarType dtype_before_;
};

struct Totals {
  double weight = 0;  // what the summed loss is divided by
  int64_t tokens = 0, examples = 0, stop = 0, save = 0;
  StepWork last_work;
};

Totals count(const StepParts& parts, const std::vector<Batch>& batches) {
  Totals mine;
  for (const Batch& batch : batches) {
    mine.weight += parts.task.loss_weight(batch);
    mine.tokens += batch.total();
    mine.examples += batch.sequences();
  }
  return mine;
}

// The step's one vote: counts and wishes of all ranks in a single message, and what the step before took each of them.
Totals vote(const StepParts& parts, const Totals& mine, std::vector<StepWork>& last_work) {
  static_assert(std::is_trivially_copyable_v<Totals>);
  Totals all;
  for (const std::string& bytes : parts.ranks.all_gather({reinterpret_cast<const char*>(&mine), sizeof mine})) {
    Totals one;
    BROADSHEET_ASSERT(bytes.size() == sizeof one);
    std::memcpy(&one, bytes.data(), sizeof one);
    all.weight += one.weight;
    all.tokens += one.tokens;
    all.examples += one.examples;
    all.stop += one.stop;
    all.save += one.save;
    last_work.push_back(one.last_work);
  }
  return all;
}

// A micro-batch's part of the mean loss over the global batch.
at::Tensor forward(const StepParts& parts, const Batch& batch, double weight, int64_t step) {
  const PassContext pass{true, parts.seed, static_cast<uint64_t>(step)};
  at::Tensor part;
  {
    const AutocastScope autocast(uses_bf16(parts.config.precision));
    part = parts.task.loss_sum(batch, pass);
  }
  return part.to(at::kFloat).div(weight > 0 ? weight : 1);
}

// Sums gradients over micro-batches and ranks; returns each of this rank's micro-batches' part of the mean loss.
std::vector<double> forward_backward(const StepParts& parts, const StepBatches& share, double weight, int64_t step) {
  std::vector<double> losses;
  const auto count = static_cast<int64_t>(share.batches.size());
  parts.gradients.begin_step(share.all > 0 ? LeafRun{share.first, share.first + count, share.all} : LeafRun{});
  for (size_t i = 0; i < share.batches.size(); ++i) {
    const at::Tensor part = forward(parts, share.batches[i], weight, step);
    parts.gradients.backward(part, i + 1 == share.batches.size());
    losses.push_back(part.item<double>());
  }
  parts.gradients.end_step();
  return losses;
}

// Which of this rank's micro-batches gives the values that are not finite: each is computed once more, by itself and
// without the other ranks. The gradients are nobody's any more, because the update is skipped.
std::vector<Culprit> find_culprits(const StepParts& parts, const StepBatches& share, double weight, int64_t step) {
  std::vector<Culprit> culprits;
  for (const Batch& batch : share.batches) {
    if (batch.sequences() == 0) continue;
    zero_gradients(parts.gradients.trained());
    const at::Tensor part = forward(parts, batch, weight, step);
    torch::autograd::backward({part}, {});
    Culprit culprit{non_finite_gradients(parts.gradients.trained()), !std::isfinite(part.item<double>()),
                    batch.examples};
    if (culprit.loss || !culprit.tensors.empty()) culprits.push_back(std::move(culprit));
  }
  zero_gradients(parts.gradients.trained());
  return culprits;
}

std::vector<int64_t> lengths_of(const Task& task, const ShardSet& corpus, Split split,
                                const std::vector<int64_t>& ids) {
  std::vector<int64_t> lengths;
  lengths.reserve(ids.size());
  for (const int64_t id : ids) lengths.push_back(task.length(corpus, split, id));
  return lengths;
}

std::vector<std::vector<int64_t>> cut(const std::vector<int64_t>& ids, const std::vector<int64_t>& lengths,
                                      const TrainConfig& passes) {
  return cut_micro_batches(ids, lengths, passes.micro_batch_size, passes.tokens_per_pass);
}

}  // namespace

StepBatches make_step_batches(const StepSource& source, int64_t step) {
  StepBatches made;
  for (const ExampleRange& range : source.order.soon_read(step))
    source.task.read_ahead(source.corpus, Split::kTrain, range);
  const std::vector<int64_t> ids = source.order.examples(step);
  const std::vector<int64_t> lengths = lengths_of(source.task, source.corpus, Split::kTrain, ids);
  std::vector<std::vector<int64_t>> pieces;
  if (source.config.reduction == "consistent") {
    // The global batch is cut before ranks are considered. May leave none.
    const auto all = cut(ids, lengths, source.config);
    const LeafRun run = leaf_run(static_cast<int64_t>(all.size()), source.slice.rank, source.slice.world_size);
    pieces.assign(all.begin() + run.begin, all.begin() + run.end);
    made.first = run.begin;
    made.all = run.all;
  } else {
    // fast: the examples are divided over ranks first, then cut. At least one batch, empty where there are no examples.
    std::vector<int64_t> my_ids, my_lengths;
    for (const size_t i : balanced_share(lengths, source.slice)) {
      my_ids.push_back(ids[i]);
      my_lengths.push_back(lengths[i]);
    }
    pieces = cut(my_ids, my_lengths, source.config);
    if (pieces.empty()) pieces.emplace_back();
  }
  for (const std::vector<int64_t>& piece : pieces)
    made.batches.push_back(source.task.make_batch(source.corpus, Split::kTrain, piece, static_cast<uint64_t>(step)));
  return made;
}

std::vector<std::vector<int64_t>> cut_by_length(const Task& task, const ShardSet& corpus, Split split,
                                                const std::vector<int64_t>& ids, const TrainConfig& passes) {
  return cut(ids, lengths_of(task, corpus, split, ids), passes);
}

bool uses_bf16(const std::string& precision) {
  if (precision == "float32" || precision == "auto") return false;
  if (precision == "bf16") return true;
  throw UserError("config.precision", cat("train.precision is \"", precision, "\""),
                  "on CPUs use float32, bf16 or auto");
}

double epochs_after(const BatchPlan& plan, int64_t steps) {
  const int64_t per_epoch = plan.steps_per_epoch();
  if (plan.global_batch_tokens > 0) return static_cast<double>(steps) / static_cast<double>(per_epoch);
  const int64_t in_epoch = std::min(steps % per_epoch * plan.global_batch_size, plan.examples);
  return static_cast<double>(steps / per_epoch) + static_cast<double>(in_epoch) / static_cast<double>(plan.examples);
}

StepResult run_step(const StepParts& parts, int64_t step, bool save_due, const StepWork& last_work) {
  StepResult result;
  StepRecord& record = result.record;
  const Stopwatch whole;
  Stopwatch phase;
  note_step(step + 1);

  // 1. Data: made ahead, so what passes here is waiting for it.
  const int64_t data_begun = work_clock_ns();
  StepBatches share;
  {
    const PhaseScope data(Phase::kData);
    parts.injection.before_step(step + 1);
    share = parts.loader.take(step);
  }
  const int64_t data_ended = work_clock_ns();
  record.phases["data"] = phase.lap();

  // 2. Vote: the loss is divided once, by the weight over all ranks (promise 2), so the weight comes first.
  const PhaseScope computing(Phase::kStep);
  Totals mine = count(parts, share.batches);
  mine.stop = stop_requested();
  mine.save = parts.ranks.first() && save_due;
  mine.last_work = last_work;
  const Totals totals = vote(parts, mine, result.last_work);
  result.stop = totals.stop > 0;
  result.save = totals.save > 0;
  record.phases["wait"] = phase.lap();

  // 3. Forward and backward; the last backward overlaps with the reduction and waits for it.
  const int64_t computing_begun = work_clock_ns();
  const std::vector<double> losses = forward_backward(parts, share, totals.weight, step);
  result.work = {data_ended - data_begun + parts.gradients.computed_at_ns() - computing_begun, mine.tokens};
  record.phases["forward_backward"] = phase.lap();

  // 4. Update. The gradient, and so its norm and this decision, is equal in bits on every rank.
  record.grad_norm = global_gradient_norm(parts.gradients.trained());
  if (parts.injection.skips(step + 1)) record.grad_norm = std::numeric_limits<double>::quiet_NaN();
  record.learning_rate = parts.config.learning_rate * parts.schedule.factor(step);
  result.skipped = !std::isfinite(record.grad_norm);
  if (!result.skipped) {
    parts.optimizer.update(record.learning_rate, clip_factor(record.grad_norm, parts.config.max_grad_norm));
  }
  if (result.skipped) {
    result.why = describe_non_finite(non_finite_gradients(parts.gradients.trained()),
                                     find_culprits(parts, share, totals.weight, step), parts.ranks);
  } else {
    parts.injection.after_update(step + 1, parts.gradients.trained(), parts.optimizer);
  }
  record.phases["optimizer"] = phase.lap();

  // 5. Record.
  record.loss = parts.gradients.sum_losses(losses);
  record.phases["wait"] += phase.lap();
  record.kind = "train";
  record.step = step + 1;
  record.epoch = epochs_after(parts.plan, step + 1);
  record.tokens = totals.tokens;
  record.examples = totals.examples;
  record.seconds = whole.seconds();
  return result;
}

}  // namespace broadsheet
