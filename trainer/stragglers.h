// Which rank is slow: arithmetic on what the ranks' steps took. No clocks and no messages here; every rank computes the
// same from the same numbers.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace broadsheet {

// One rank's own work in a step: data, forward and backward until its last gradient was handed to the reduction. What
// it waited for others is not in it.
struct StepWork {
  int64_t nanoseconds = 0;
  int64_t tokens = 0;  // 0: it had none, and is not judged by this step
};

struct SlowRank {
  int64_t rank = 0;
  double ratio = 0;  // its time per token over the median of the others
  size_t steps = 0;  // that this is about
};

// A rank is slow when its time per token is 1.5 times the median of the other ranks' in each of the last two spans. A
// span is at least eight steps, and at least half a second of the fastest rank's work: a virtual machine may lose a
// core for a tenth of a second, and then a rank of tiny steps is slow for dozens of them. Two spans, because one
// hiccup, however long, is one step's.
class Stragglers {
 public:
  static constexpr size_t kSpanSteps = 8;
  static constexpr int64_t kSpanNanoseconds = 500'000'000;
  static constexpr double kRatio = 1.5;
  static constexpr int64_t kAgainAfter = 500;  // steps until the same rank is named again

  // `work`: of one step, by rank. The slowest rank, when there is one to be named now.
  std::optional<SlowRank> add(const std::vector<StepWork>& work);

 private:
  struct Span {
    size_t begin = 0, end = 0;  // in steps_
  };
  std::optional<Span> span_before(size_t end) const;
  std::vector<double> ratios(const Span& span) const;

  std::deque<std::vector<StepWork>> steps_;
  std::vector<int64_t> quiet_until_;
  int64_t count_ = 0;
};

// "rank 1 (node3, process 4711) is slow: 2.1 x the time per token of the others over the last 16 steps"
std::string describe_slow(const SlowRank& slow, const std::string& process);

}  // namespace broadsheet
