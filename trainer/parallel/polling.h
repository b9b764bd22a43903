// Waiting for messages by asking again and again. No MPI here, so that a test can run it under a sanitizer.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

#include "core/activity.h"
#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {

// Calls `test` until it answers true, with short sleeps between: a rank that waits must not take the core from a rank,
// or from a thread of its own, that computes. When `abandon` (may be null) becomes true, throws
// RunError("mpi.abandoned"); so what has completed by then is not abandoned.
template <class Test>
void poll_until(const Test& test, const char* operation, const std::atomic<bool>* abandon) {
  constexpr int64_t kSpins = 200;
  constexpr std::chrono::microseconds kShort{10}, kLong{100};
  const WaitScope waiting(operation);
  for (int64_t polls = 0; !test(); ++polls) {
    if (abandon && abandon->load()) throw RunError("mpi.abandoned", cat("MPI ", operation, " was abandoned"));
    if (polls < kSpins) continue;
    std::this_thread::sleep_for(polls < 20 * kSpins ? kShort : kLong);
  }
}

}  // namespace broadsheet
