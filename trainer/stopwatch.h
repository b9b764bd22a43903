// Seconds since construction or the last lap(): for the phases of timings.jsonl.
#pragma once

#include <chrono>

namespace broadsheet {

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }
  // Seconds so far, and starts again.
  double lap() {
    const double elapsed = seconds();
    start_ = Clock::now();
    return elapsed;
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

}  // namespace broadsheet
