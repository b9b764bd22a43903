// What this process is doing now, for whoever watches over it: its own watchdog, those of other ranks, the launcher.
//
// Note [Marks]: every change of phase, every beginning and end of a wait for other ranks and every note_progress() is a
// mark. What has a limit is the time without a mark, so long work that tells of its progress is never taken for a hang.
// How long each phase went without one is remembered: the limits are learned from that.
//
// All of it is in one block of memory that other processes of the same user may read while this one is stopped
// (activity_of); it is never on a disk. A scope costs less than a microsecond.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace broadsheet {

// kCollective: waiting for other ranks, whatever the phase around it.
enum class Phase : int64_t { kStart, kData, kStep, kCollective, kValidation, kSave };
inline constexpr size_t kPhases = 6;
const char* phase_name(Phase phase);

// The process begins in kStart. Scopes nest; one thread opens them.
class PhaseScope {
 public:
  explicit PhaseScope(Phase phase);
  ~PhaseScope();
  PhaseScope(const PhaseScope&) = delete;
  PhaseScope& operator=(const PhaseScope&) = delete;

 private:
  Phase before_;
};

// This thread waits for other ranks. Any number of threads may at once; more than kWaits are not told of.
class WaitScope {
 public:
  explicit WaitScope(const char* operation);  // "all_gather"; at most 31 letters are kept
  ~WaitScope();
  WaitScope(const WaitScope&) = delete;
  WaitScope& operator=(const WaitScope&) = delete;

 private:
  int slot_;
  int64_t begun_;
};

void note_step(int64_t step);
void note_progress();
// What a phase took that no scope measures. kSave is learned from this alone: to begin a save takes no time, and says
// nothing about how long the next one may have to wait for the disk.
void note_duration(Phase phase, double seconds);

inline constexpr int kWaits = 4;
struct Activity {
  uint64_t magic = 0;
  int64_t process = 0;
  uint64_t beat = 0;  // counts while the watchdog's thread runs
  uint64_t marks = 0;
  int64_t step = 0;
  Phase phase = Phase::kStart;
  int64_t stalled_ms = 0;                      // time without a mark, as the watchdog's thread saw it last
  std::array<int64_t, kPhases> longest_ns{};   // without a mark
  std::array<int64_t, kPhases> times_ended{};  // how often the phase was seen to its end
  struct Wait {
    uint64_t serial = 0;  // 0: none
    std::array<uint64_t, 4> operation{};
  };
  std::array<Wait, kWaits> waits{};

  const Wait* oldest_wait() const;  // null: none
  std::string operation() const;    // of the oldest wait; empty: none
};

Activity present_activity();
// Of another process on this machine, whatever state it is in, by the number of the descriptor that it told. Nothing
// when it is gone, or another user's, or no such process.
std::optional<Activity> activity_of(int64_t process, int descriptor);
int activity_descriptor();  // of this process; -1: it has none

// For the watchdog's thread.
void beat_heart(double stalled_seconds);

// Called at the beginning of every scope, for faults that are injected in a phase. One at a time; null: none.
using PhaseHook = void (*)(Phase phase, int64_t step);
void set_phase_hook(PhaseHook hook);

}  // namespace broadsheet
