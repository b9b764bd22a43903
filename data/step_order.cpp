#include "data/step_order.h"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

#include "core/errors.h"
#include "core/random.h"

namespace broadsheet {
namespace {

constexpr size_t kWindowsHeld = 2;
constexpr int64_t kMeasured = 65'536;
constexpr uint64_t kMeasureKey = 0x6C656E67746873;
constexpr uint64_t kStepsKey = 0x7374657073;

// Of those in ranges that hold `size` together.
double mean_of(const std::vector<ExampleRange>& ranges, int64_t size, const LengthOf& length) {
  const int64_t measured = std::min(size, kMeasured);
  int64_t sum = 0;
  for (int64_t i = 0; i < measured; ++i)
    sum += length(example_at(ranges, measured == size ? i : permuted(kMeasureKey, size, i)));
  return measured == 0 ? 0 : static_cast<double>(sum) / static_cast<double>(measured);
}

}  // namespace

double mean_length(int64_t examples, const std::vector<SourceShare>& sources, const LengthOf& length) {
  if (sources.empty()) return mean_of({{0, examples}}, examples, length);
  double sum = 0, weights = 0;
  for (const SourceShare& source : sources) {
    const auto weight = static_cast<double>(source.weight);
    sum += weight * mean_of(source.ranges, source.size(), length);
    weights += weight;
  }
  return sum / weights;
}

std::vector<size_t> cut_evenly(const std::vector<int64_t>& lengths, int64_t steps) {
  const auto count = static_cast<int64_t>(lengths.size());
  BROADSHEET_ASSERT(steps >= 1 && steps <= count);
  const int64_t all = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
  std::vector<size_t> ends;
  int64_t end = 0, sum = 0;
  for (int64_t step = 1; step <= steps; ++step) {
    // How far from the place that is wanted, in units of 1 / steps.
    const auto distance = [&](int64_t tokens) {
      const __int128 off = static_cast<__int128>(tokens) * steps - static_cast<__int128>(all) * step;
      return off < 0 ? -off : off;
    };
    // At least one example for this step, and for each one behind it.
    const int64_t least = end + 1, most = count - (steps - step);
    while (end < most) {
      const int64_t next = sum + lengths[static_cast<size_t>(end)];
      if (end >= least && distance(next) > distance(sum)) break;
      sum = next;
      ++end;
    }
    ends.push_back(static_cast<size_t>(step == steps ? count : end));
  }
  return ends;
}

StepOrder::StepOrder(BatchPlan plan, LengthOf length) : plan_(std::move(plan)), length_(std::move(length)) {}

StepOrder::Window StepOrder::window_of(int64_t step) const {
  BROADSHEET_ASSERT(step >= 0);
  const int64_t in_epoch = step % plan_.steps_per_epoch(), length = plan_.window_examples();
  const int64_t number = in_epoch / plan_.window_steps(length), begin = number * length;
  const int64_t end = std::min(begin + length, plan_.examples);
  return {plan_.epoch_of(step), begin, end, number * plan_.window_steps(length), plan_.window_steps(end - begin)};
}

StepOrder::Steps StepOrder::cut(const Window& window) const {
  std::vector<std::pair<int64_t, int64_t>> sequence;  // length, example
  for (int64_t position = window.begin; position < window.end; ++position) {
    const int64_t example = example_at(plan_, window.epoch, position);
    sequence.emplace_back(length_(example), example);
  }
  if (plan_.bucketed)
    std::stable_sort(sequence.begin(), sequence.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  const uint64_t key =
      mix(mix(mix(mix(mix64(plan_.seed), plan_.corpus_key), kStepsKey), static_cast<uint64_t>(window.epoch)),
          static_cast<uint64_t>(window.begin));
  // Which step of the window gets the run that is number `run` in the sequence.
  const auto step_of = [&](int64_t run) { return plan_.bucketed ? permuted(key, window.steps, run) : run; };
  std::vector<size_t> ends;
  if (plan_.global_batch_tokens > 0) {
    std::vector<int64_t> lengths;
    for (const auto& [length, example] : sequence) lengths.push_back(length);
    ends = cut_evenly(lengths, window.steps);
  } else {
    // Each step keeps its size: the short one of an epoch is its last, whichever run that gets.
    size_t end = 0;
    for (int64_t run = 0; run < window.steps; ++run) {
      const bool last = step_of(run) == window.steps - 1;
      end += static_cast<size_t>(last ? window.end - window.begin - (window.steps - 1) * plan_.global_batch_size
                                      : plan_.global_batch_size);
      ends.push_back(end);
    }
  }
  Steps steps(static_cast<size_t>(window.steps));
  size_t begin = 0;
  for (int64_t run = 0; run < window.steps; ++run) {
    std::vector<int64_t>& mine = steps[static_cast<size_t>(step_of(run))];
    for (; begin < ends[static_cast<size_t>(run)]; ++begin) mine.push_back(sequence[begin].second);
  }
  return steps;
}

std::vector<int64_t> StepOrder::examples(int64_t step) const {
  if (!plan_.has_windows()) return sample_ids(plan_, step);
  const Window window = window_of(step);
  const int64_t first = window.epoch * plan_.steps_per_epoch() + window.first_step;
  const std::lock_guard lock(mutex_);
  std::shared_ptr<const Steps>& steps = windows_[first];
  if (!steps) {
    steps = std::make_shared<const Steps>(cut(window));
    // The one furthest away goes.
    while (windows_.size() > kWindowsHeld)
      windows_.erase(first - windows_.begin()->first > windows_.rbegin()->first - first ? windows_.begin()
                                                                                        : std::prev(windows_.end()));
  }
  return windows_.at(first)->at(static_cast<size_t>(step - first));
}

std::vector<ExampleRange> StepOrder::soon_read(int64_t step) const {
  if (plan_.shuffle.block == 0) return {};
  int64_t begin = 0, end = 0, epoch = 0;  // positions that are first looked at in this step
  if (plan_.has_windows()) {
    const Window window = window_of(step);
    if (step % plan_.steps_per_epoch() != window.first_step) return {};
    std::tie(epoch, begin, end) = std::tuple(window.epoch, window.begin, window.end);
  } else {
    epoch = plan_.epoch_of(step);
    begin = step % plan_.steps_per_epoch() * plan_.global_batch_size;
    end = begin + plan_.batch_size_of(step);
  }
  std::vector<ExampleRange> ranges;
  for (int64_t position = begin; position < end; ++position)
    for (const ExampleRange& range : window_at(plan_, epoch, position)) ranges.push_back(range);
  return ranges;
}

}  // namespace broadsheet
