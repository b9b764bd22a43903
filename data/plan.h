// Who reads what is arithmetic, not state. Which examples make up step s is a pure function of the plan and s.
// Note [Same order on every rank]: ranks, micro-batches and restarts never enter the permutation; only `slice` asks
// for the rank, and it only cuts the step's list.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/mixture.h"
#include "data/shuffle.h"

namespace broadsheet {

// Version of the permutation and of the shares: goes into every checkpoint; another number there is refused by name.
// 2: shares by cost.
inline constexpr int kSampleOrderVersion = 2;

// Steps of a window, where a plan looks at the lengths of examples before it cuts them into steps.
inline constexpr int64_t kWindowBatches = 32;

struct BatchPlan {
  int64_t examples = 0;           // N, of the training split
  int64_t global_batch_size = 1;  // B
  uint64_t seed = 1;
  uint64_t corpus_key = 0;  // 64 bits of the corpus's fingerprint
  ShuffleSpec shuffle;
  // Within a window, examples of about equal length come together (data/step_order.h).
  bool bucketed = false;
  // > 0: instead of B examples a step has about so many tokens; `mean_length` is then the examples'.
  int64_t global_batch_tokens = 0;
  double mean_length = 0;
  // Null: every example once an epoch. Else an epoch still has N draws, each source's own order going on over it.
  std::shared_ptr<const Mixture> mixture;

  // An epoch has ceil(N / B) steps, the last one short; with tokens as many as its windows have.
  int64_t steps_per_epoch() const;
  int64_t epoch_of(int64_t step) const { return step / steps_per_epoch(); }  // steps count from 0
  // Of a step of B examples.
  int64_t batch_size_of(int64_t step) const;

  // Whether which examples a step has depends on their lengths, and so on those of its window.
  bool has_windows() const { return bucketed || global_batch_tokens > 0; }
  // B, or about how many examples a step of tokens has.
  int64_t batch_examples() const;
  int64_t window_examples() const { return kWindowBatches * batch_examples(); }
  // Of a window of so many examples, the last of an epoch being short.
  int64_t window_steps(int64_t window_examples) const;
};
BatchPlan make_plan(int64_t examples, int64_t global_batch_size, uint64_t seed, const std::string& corpus_fingerprint);

// What the order has at `position` (0..N-1) of epoch `epoch`: O(1), no table.
int64_t example_at(const BatchPlan& plan, int64_t epoch, int64_t position);
// The examples that are read from there on: those of the shuffle's window that begins at that position, if one does.
std::vector<ExampleRange> window_at(const BatchPlan& plan, int64_t epoch, int64_t position);

struct RankSlice {
  int64_t rank = 0;
  int64_t world_size = 1;
};
// The examples of step `step` that `slice` takes: positions [r b / W, (r+1) b / W) of the step's b examples.
// May be empty: such a rank still takes part in every collective. Of a plan without windows; else ask StepOrder.
std::vector<int64_t> sample_ids(const BatchPlan& plan, int64_t step, RankSlice slice = {});
// Which of a step's examples, of lengths[i] tokens each, `slice` takes: positions, ascending. Every example goes to one
// rank, and each rank's predicted cost is as near to equal as placing the costliest first on the least laden rank makes
// it (Graham 1969, at most 4/3 of the best). The same on every rank.
std::vector<size_t> balanced_share(const std::vector<int64_t>& lengths, RankSlice slice);
// What a sequence costs in a pass, in tokens: linear layers by its length, attention by its square.
int64_t predicted_cost(int64_t length);
// Evaluation: positions [r n / W, (r+1) n / W) of 0..n-1, every example exactly once.
std::vector<int64_t> evaluation_ids(int64_t examples, RankSlice slice);

// Cuts ids (with lengths[i] tokens each) into micro-batches in order: at most `micro_batch_size` examples each or, when
// that is 0 ("auto"), at most `token_budget` tokens (at least one example).
std::vector<std::vector<int64_t>> cut_micro_batches(const std::vector<int64_t>& ids,
                                                    const std::vector<int64_t>& lengths, int64_t micro_batch_size,
                                                    int64_t token_budget);

}  // namespace broadsheet
