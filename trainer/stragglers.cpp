#include "trainer/stragglers.h"

#include <algorithm>
#include <cstddef>
#include <cstdio>

#include "core/text.h"

namespace broadsheet {
namespace {

constexpr size_t kKept = 10'000;  // steps; a rank that never has work must not make it more

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace

std::optional<Stragglers::Span> Stragglers::span_before(size_t end) const {
  if (end == 0) return std::nullopt;
  std::vector<int64_t> sums(steps_[0].size());
  for (size_t begin = end; begin > 0;) {
    --begin;
    for (size_t rank = 0; rank < sums.size(); ++rank) sums[rank] += steps_[begin][rank].nanoseconds;
    if (end - begin >= kSpanSteps && *std::min_element(sums.begin(), sums.end()) >= kSpanNanoseconds)
      return Span{begin, end};
  }
  return std::nullopt;
}

// Of each rank; 0 where there is nothing to compare.
std::vector<double> Stragglers::ratios(const Span& span) const {
  const size_t ranks = steps_[span.begin].size();
  std::vector<double> pace(ranks), ratio(ranks);
  for (size_t rank = 0; rank < ranks; ++rank) {
    double time = 0, tokens = 0;
    for (size_t step = span.begin; step < span.end; ++step) {
      const StepWork& work = steps_[step][rank];
      if (work.tokens <= 0) continue;
      time += static_cast<double>(work.nanoseconds);
      tokens += static_cast<double>(work.tokens);
    }
    pace[rank] = tokens > 0 ? time / tokens : 0;
  }
  for (size_t rank = 0; rank < ranks; ++rank) {
    std::vector<double> others;
    for (size_t other = 0; other < ranks; ++other)
      if (other != rank && pace[other] > 0) others.push_back(pace[other]);
    if (!others.empty()) ratio[rank] = pace[rank] / median(others);
  }
  return ratio;
}

std::optional<SlowRank> Stragglers::add(const std::vector<StepWork>& work) {
  ++count_;
  if (work.size() < 2) return std::nullopt;
  quiet_until_.resize(work.size());
  steps_.push_back(work);
  if (steps_.size() > kKept) steps_.pop_front();
  const std::optional<Span> last = span_before(steps_.size());
  const std::optional<Span> first = last ? span_before(last->begin) : std::nullopt;
  if (!first) return std::nullopt;
  steps_.erase(steps_.begin(), steps_.begin() + static_cast<std::ptrdiff_t>(first->begin));
  const size_t middle = last->begin - first->begin;
  const std::vector<double> before = ratios({0, middle}), now = ratios({middle, steps_.size()});
  std::optional<SlowRank> slowest;
  for (size_t rank = 0; rank < work.size(); ++rank) {
    const double ratio = (before[rank] + now[rank]) / 2;
    if (std::min(before[rank], now[rank]) < kRatio || count_ < quiet_until_[rank]) continue;
    if (!slowest || ratio > slowest->ratio) slowest = SlowRank{static_cast<int64_t>(rank), ratio, steps_.size()};
  }
  if (slowest) quiet_until_[static_cast<size_t>(slowest->rank)] = count_ + kAgainAfter;
  return slowest;
}

std::string describe_slow(const SlowRank& slow, const std::string& process) {
  char ratio[32];
  std::snprintf(ratio, sizeof ratio, "%.1f", slow.ratio);
  return cat("rank ", slow.rank, " (", process, ") is slow: ", ratio,
             " x the time per token of the others over the last ", slow.steps, " steps");
}

}  // namespace broadsheet
