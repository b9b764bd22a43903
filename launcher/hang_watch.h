// The launcher's part in ending hangs. Ranks find a hang themselves (core/watchdog.h); the launcher sees to it that the
// job then ends, whatever state mpirun and the ranks are in, and finds the hang when every rank of this machine is
// stopped, so that none is left to find it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "core/hang.h"
#include "launcher/answer.h"

namespace broadsheet {

inline constexpr int kHangLookMilliseconds = 250;

class HangWatch {
 public:
  HangWatch(std::string attempt_folder, int ranks, const HangLimits& limits);
  bool on() const { return limits_.on(); }
  // To be called every kHangLookMilliseconds. True: kill everything now.
  bool must_end();

 private:
  bool nobody_runs();

  std::string folder_;
  HangLimits limits_;
  Onlooker onlooker_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
  double since_start_ = 0, since_look_ = 0, since_hang_ = 0;
  bool found_ = false;
};

// How an attempt's hang is told to the user; nothing when there was none. `table` gets the lines about all ranks.
std::optional<Failure> find_hang(const std::string& attempt_folder, std::string* table);
Failure hang_failure(const std::string& sentence);

// The process of a rank of this machine that has told nothing of itself yet; 0: none is found.
int64_t find_rank_process(const std::string& attempt_folder, int rank);

}  // namespace broadsheet
