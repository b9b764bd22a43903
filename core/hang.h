// When a process counts as hanging, who is to blame, and how that is said. No threads and no files here.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/rank_status.h"

namespace broadsheet {

// A phase's limit is ten times the longest that it went without a mark (Note [Marks]), between these two; a phase that
// was never seen to its end has the upper one.
struct HangLimits {
  double min_seconds = 60, max_seconds = 1800;
  bool on() const { return max_seconds > 0; }
};
double limit_of(Phase phase, const Activity& activity, const HangLimits& limits);

// "60:1800", and back. Nothing for another text.
std::string to_text(const HangLimits& limits);
std::optional<HangLimits> limits_from_text(const std::string& text);

// For how long a process has been in what it does, as somebody counts who looks now and then. What passes between two
// looks counts as a second at most: a machine that slept, or a process that a debugger held, is no hang, and a clock
// that is set does not matter.
class StallClock {
 public:
  void update(const Activity& activity, double seconds_since_last_look);
  Phase phase() const { return wait_serial_ != 0 ? Phase::kCollective : phase_; }
  double seconds() const { return seconds_; }

 private:
  Phase phase_ = Phase::kStart;
  uint64_t marks_ = 0, wait_serial_ = 0;
  double seconds_ = 0;
};
inline constexpr double kMostPerLook = 1.0;

// Some other rank is at work while `rank` waits for it: it has a watchdog of its own, which knows its limit better.
bool another_is_busy(const std::vector<RankView>& ranks, int rank);

struct HangReport {
  std::string sentence;  // "rank 1 (node3, process 4711) is stopped, in phase save, at step 37"
  std::string table;     // every rank's phase, step and last progress; some lines
};
// Blames those that are stopped, gone or silent; else `accuser`, the rank that found the hang (-1: the launcher), when
// it does not wait for others; else those that do not wait; else, when all wait, the ones that are behind; else all of
// them, because they wait for each other.
HangReport describe_hang(const std::vector<RankView>& ranks, int accuser);

}  // namespace broadsheet
