#include "data/plan.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <queue>
#include <utility>

#include "core/errors.h"
#include "core/random.h"

namespace broadsheet {
namespace {

constexpr uint64_t kSourceKey = 0x736F75726365;  // no number of an epoch

// r n / W without overflow: r and W are ranks, n a count of examples.
int64_t cut(int64_t n, int64_t r, int64_t world_size) {
  return static_cast<int64_t>(static_cast<__int128>(n) * r / world_size);
}

void check_slice(const RankSlice& slice) {
  BROADSHEET_ASSERT(slice.world_size >= 1 && slice.rank >= 0 && slice.rank < slice.world_size);
}

}  // namespace

int64_t BatchPlan::steps_per_epoch() const {
  BROADSHEET_ASSERT(examples >= 1 && global_batch_size >= 1);
  if (global_batch_tokens == 0) return (examples - 1) / global_batch_size + 1;
  const int64_t window = window_examples(), rest = examples % window;
  return examples / window * window_steps(window) + (rest > 0 ? window_steps(rest) : 0);
}

int64_t BatchPlan::batch_examples() const {
  if (global_batch_tokens == 0) return global_batch_size;
  BROADSHEET_ASSERT(mean_length >= 1);
  return std::max<int64_t>(1, std::llround(static_cast<double>(global_batch_tokens) / mean_length));
}

int64_t BatchPlan::window_steps(int64_t window_examples) const {
  if (global_batch_tokens == 0) return (window_examples - 1) / global_batch_size + 1;
  const double tokens = static_cast<double>(window_examples) * mean_length;
  return std::clamp<int64_t>(std::llround(tokens / static_cast<double>(global_batch_tokens)), 1, window_examples);
}

int64_t BatchPlan::batch_size_of(int64_t step) const {
  const int64_t start = (step % steps_per_epoch()) * global_batch_size;
  return std::min(global_batch_size, examples - start);
}

BatchPlan make_plan(int64_t examples, int64_t global_batch_size, uint64_t seed, const std::string& corpus_fingerprint) {
  uint64_t key = mix64(corpus_fingerprint.size());
  for (const char c : corpus_fingerprint) key = mix(key, static_cast<uint8_t>(c));
  BatchPlan plan;
  plan.examples = examples;
  plan.global_batch_size = global_batch_size;
  plan.seed = seed;
  plan.corpus_key = key;
  return plan;
}

namespace {

// One pass over examples of a number from 0 to size - 1: all of them, or a source's.
struct Pass {
  uint64_t key = 0;
  int64_t size = 0, position = 0;
  int64_t source = -1;  // none: all examples
};

Pass pass_of(const BatchPlan& plan, int64_t epoch, int64_t position) {
  BROADSHEET_ASSERT(position >= 0 && position < plan.examples && epoch >= 0);
  const uint64_t key = mix(mix64(plan.seed), plan.corpus_key);
  if (!plan.mixture) return {mix(key, static_cast<uint64_t>(epoch)), plan.examples, position};
  BROADSHEET_ASSERT(epoch <= (INT64_MAX - position) / plan.examples);
  const Mixture::Draw draw = plan.mixture->at(epoch * plan.examples + position);
  const int64_t size = plan.mixture->size(draw.source);
  const uint64_t of_source = mix(mix(key, kSourceKey), static_cast<uint64_t>(draw.source));
  return {mix(of_source, static_cast<uint64_t>(draw.number / size)), size, draw.number % size, draw.source};
}

}  // namespace

int64_t example_at(const BatchPlan& plan, int64_t epoch, int64_t position) {
  const Pass pass = pass_of(plan, epoch, position);
  const int64_t index = shuffled(plan.shuffle, pass.key, pass.size, pass.position);
  return pass.source < 0 ? index : plan.mixture->example(pass.source, index);
}

std::vector<ExampleRange> window_at(const BatchPlan& plan, int64_t epoch, int64_t position) {
  const Pass pass = pass_of(plan, epoch, position);
  const std::vector<ExampleRange> ranges = window_beginning_at(plan.shuffle, pass.key, pass.size, pass.position);
  if (pass.source < 0) return ranges;
  std::vector<ExampleRange> found;
  for (const ExampleRange& range : ranges)
    for (const ExampleRange& examples : plan.mixture->examples(pass.source, range)) found.push_back(examples);
  return found;
}

std::vector<int64_t> sample_ids(const BatchPlan& plan, int64_t step, RankSlice slice) {
  check_slice(slice);
  BROADSHEET_ASSERT(step >= 0 && !plan.has_windows());
  const int64_t size = plan.batch_size_of(step);
  const int64_t start = (step % plan.steps_per_epoch()) * plan.global_batch_size;
  const int64_t begin = cut(size, slice.rank, slice.world_size);
  const int64_t end = cut(size, slice.rank + 1, slice.world_size);
  std::vector<int64_t> ids;
  ids.reserve(static_cast<size_t>(end - begin));
  for (int64_t i = begin; i < end; ++i) ids.push_back(example_at(plan, plan.epoch_of(step), start + i));
  return ids;
}

// An encoder layer does 24 h^2 + 4 h l operations for a token in a sequence of l (Kaplan et al. 2020, table 1,
// attention included): l tokens of attention cost as much as l / 6h tokens of linear layers. h of the usual models is
// 384 to 1024.
int64_t predicted_cost(int64_t length) {
  constexpr int64_t kSquareShare = 6 * 512;
  return length + length * length / kSquareShare;
}

std::vector<size_t> balanced_share(const std::vector<int64_t>& lengths, RankSlice slice) {
  check_slice(slice);
  std::vector<size_t> order(lengths.size());
  std::iota(order.begin(), order.end(), size_t{0});
  if (slice.world_size == 1) return order;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return lengths[a] > lengths[b]; });
  // The least laden rank, of equal ones the first.
  using Load = std::pair<int64_t, int64_t>;
  std::priority_queue<Load, std::vector<Load>, std::greater<>> loads;
  for (int64_t rank = 0; rank < slice.world_size; ++rank) loads.emplace(0, rank);
  std::vector<size_t> mine;
  for (const size_t i : order) {
    const auto [load, rank] = loads.top();
    loads.pop();
    loads.emplace(load + predicted_cost(lengths[i]), rank);
    if (rank == slice.rank) mine.push_back(i);
  }
  std::sort(mine.begin(), mine.end());
  return mine;
}

std::vector<int64_t> evaluation_ids(int64_t examples, RankSlice slice) {
  check_slice(slice);
  BROADSHEET_ASSERT(examples >= 0);
  std::vector<int64_t> ids;
  const int64_t end = cut(examples, slice.rank + 1, slice.world_size);
  for (int64_t i = cut(examples, slice.rank, slice.world_size); i < end; ++i) ids.push_back(i);
  return ids;
}

std::vector<std::vector<int64_t>> cut_micro_batches(const std::vector<int64_t>& ids,
                                                    const std::vector<int64_t>& lengths, int64_t micro_batch_size,
                                                    int64_t token_budget) {
  BROADSHEET_ASSERT(ids.size() == lengths.size() && micro_batch_size >= 0);
  std::vector<std::vector<int64_t>> micro_batches;
  int64_t tokens = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    const bool full = micro_batches.empty() ||
                      (micro_batch_size > 0 ? static_cast<int64_t>(micro_batches.back().size()) >= micro_batch_size
                                            : tokens + lengths[i] > token_budget);
    if (full) {
      micro_batches.emplace_back();
      tokens = 0;
    }
    micro_batches.back().push_back(ids[i]);
    tokens += lengths[i];
  }
  return micro_batches;
}

}  // namespace broadsheet
