#include "core/activity.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <ctime>
#include <new>

#include "core/text.h"

namespace broadsheet {
namespace {

constexpr uint64_t kMagic = 0x6273'6163'7469'7631;

struct Block {
  Activity* activity = nullptr;
  int descriptor = -1;
};

Block make_block() {
  static Activity ordinary;  // where there is no memory to share, nobody looks from outside
  Block block{&ordinary, memfd_create("broadsheet-activity", MFD_CLOEXEC)};
  if (block.descriptor >= 0) {
    void* shared = MAP_FAILED;
    if (::posix_fallocate(block.descriptor, 0, sizeof(Activity)) == 0)
      shared = ::mmap(nullptr, sizeof(Activity), PROT_READ | PROT_WRITE, MAP_SHARED, block.descriptor, 0);
    if (shared != MAP_FAILED) {
      block.activity = new (shared) Activity;
    } else {
      ::close(block.descriptor);
      block.descriptor = -1;
    }
  }
  block.activity->process = ::getpid();
  block.activity->magic = kMagic;
  return block;
}

const Block& block() {
  static const Block only = make_block();
  return only;
}

Activity& mine() {
  return *block().activity;
}

template <class T>
T load(T& field) {
  return std::atomic_ref<T>(field).load(std::memory_order_relaxed);
}

template <class T>
void store(T& field, T value) {
  std::atomic_ref<T>(field).store(value, std::memory_order_relaxed);
}

template <class T>
T add_one(T& field) {
  return std::atomic_ref<T>(field).fetch_add(1, std::memory_order_relaxed) + 1;
}

int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::atomic<int64_t> last_mark_ns{now_ns()};
std::atomic<uint64_t> last_serial{0};
std::atomic<PhaseHook> phase_hook{nullptr};

void raise_longest(Phase phase, int64_t nanoseconds) {
  std::atomic_ref<int64_t> longest(mine().longest_ns[static_cast<size_t>(phase)]);
  int64_t seen = longest.load(std::memory_order_relaxed);
  while (nanoseconds > seen && !longest.compare_exchange_weak(seen, nanoseconds)) {
  }
}

// `since_last`: whether the time since the last mark belongs to the present phase.
void mark(bool since_last) {
  const int64_t now = now_ns(), last = last_mark_ns.exchange(now, std::memory_order_relaxed);
  if (since_last) raise_longest(load(mine().phase), now - last);
  add_one(mine().marks);
}

void call_hook(Phase phase) {
  if (const PhaseHook hook = phase_hook.load(std::memory_order_relaxed)) hook(phase, load(mine().step));
}

}  // namespace

const char* phase_name(Phase phase) {
  static constexpr std::array<const char*, kPhases> kNames = {"start",      "data",       "step",
                                                              "collective", "validation", "save"};
  const auto index = static_cast<size_t>(phase);
  return index < kPhases ? kNames[index] : "unknown";
}

PhaseScope::PhaseScope(Phase phase) : before_(load(mine().phase)) {
  mark(true);
  store(mine().phase, phase);
  call_hook(phase);
}

PhaseScope::~PhaseScope() {
  mark(true);
  const Phase phase = load(mine().phase);
  if (phase != Phase::kSave) add_one(mine().times_ended[static_cast<size_t>(phase)]);
  store(mine().phase, before_);
}

WaitScope::WaitScope(const char* operation) : slot_(-1), begun_(now_ns()) {
  mark(true);
  std::array<uint64_t, 4> text{};
  std::memcpy(text.data(), operation, std::min(std::strlen(operation), sizeof text - 1));
  const uint64_t serial = last_serial.fetch_add(1, std::memory_order_relaxed) + 1;
  for (int slot = 0; slot < kWaits && slot_ < 0; ++slot) {
    Activity::Wait& wait = mine().waits[static_cast<size_t>(slot)];
    uint64_t free = 0;
    if (!std::atomic_ref<uint64_t>(wait.serial).compare_exchange_strong(free, serial)) continue;
    for (size_t word = 0; word < text.size(); ++word) store(wait.operation[word], text[word]);
    slot_ = slot;
  }
  call_hook(Phase::kCollective);
}

WaitScope::~WaitScope() {
  if (slot_ >= 0) store(mine().waits[static_cast<size_t>(slot_)].serial, uint64_t{0});
  raise_longest(Phase::kCollective, now_ns() - begun_);
  add_one(mine().times_ended[static_cast<size_t>(Phase::kCollective)]);
  mark(false);
}

void note_step(int64_t step) {
  store(mine().step, step);
}

void note_progress() {
  mark(true);
}

void note_duration(Phase phase, double seconds) {
  raise_longest(phase, static_cast<int64_t>(std::clamp(seconds, 0.0, 1e9) * 1e9));
  add_one(mine().times_ended[static_cast<size_t>(phase)]);
}

const Activity::Wait* Activity::oldest_wait() const {
  const Wait* oldest = nullptr;
  for (const Wait& wait : waits)
    if (wait.serial != 0 && (oldest == nullptr || wait.serial < oldest->serial)) oldest = &wait;
  return oldest;
}

std::string Activity::operation() const {
  const Wait* wait = oldest_wait();
  if (wait == nullptr) return "";
  char text[sizeof wait->operation];
  std::memcpy(text, wait->operation.data(), sizeof text);
  return std::string(text, ::strnlen(text, sizeof text - 1));
}

Activity present_activity() {
  Activity& from = mine();
  Activity now;
  now.magic = from.magic;
  now.process = from.process;
  now.beat = load(from.beat);
  now.marks = load(from.marks);
  now.step = load(from.step);
  now.phase = load(from.phase);
  now.stalled_ms = load(from.stalled_ms);
  for (size_t phase = 0; phase < kPhases; ++phase) {
    now.longest_ns[phase] = load(from.longest_ns[phase]);
    now.times_ended[phase] = load(from.times_ended[phase]);
  }
  for (size_t slot = 0; slot < kWaits; ++slot) {
    now.waits[slot].serial = load(from.waits[slot].serial);
    for (size_t word = 0; word < 4; ++word) now.waits[slot].operation[word] = load(from.waits[slot].operation[word]);
  }
  return now;
}

std::optional<Activity> activity_of(int64_t process, int descriptor) {
  if (process <= 0 || descriptor < 0) return std::nullopt;
  const int file = ::open(cat("/proc/", process, "/fd/", descriptor).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return std::nullopt;
  Activity found;
  const bool whole = ::pread(file, &found, sizeof found, 0) == static_cast<ssize_t>(sizeof found);
  ::close(file);
  if (!whole || found.magic != kMagic || found.process != process) return std::nullopt;
  return found;
}

int activity_descriptor() {
  return block().descriptor;
}

void beat_heart(double stalled_seconds) {
  store(mine().stalled_ms, static_cast<int64_t>(std::clamp(stalled_seconds, 0.0, 1e9) * 1e3));
  add_one(mine().beat);
}

void set_phase_hook(PhaseHook hook) {
  phase_hook.store(hook);
}

}  // namespace broadsheet
