#include "core/watchdog.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

#include "core/durable.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/stacks.h"
#include "core/text.h"

namespace broadsheet {
namespace {

constexpr int kWatchEveryMs = 200, kTellEveryMs = 500;
constexpr double kLookAhead = 4.0;  // seconds before the limit at which the other ranks are looked at
constexpr double kLookEvery = 0.4;  // seconds; the status files of all ranks are read each time
constexpr double kLookSlowly = 5.0;
constexpr double kLetOthersDump = 0.5;
constexpr double kFollowerWaits = 5.0;

class Laps {
 public:
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    return std::chrono::duration<double>(now - std::exchange(last_, now)).count();
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

// Not usleep: the signal that asks for stacks would end it.
void sleep_for(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(std::max(seconds, 0.0)));
}

void exit_after(double seconds) {
  try {
    std::thread([seconds] {
      sleep_for(seconds);
      ::_exit(static_cast<int>(ExitCode::kHang));
    }).detach();
  } catch (const std::system_error&) {
    // Then end_job must do without.
  }
}

}  // namespace

std::string hang_path(const std::string& folder) {
  return folder + "/hang";
}

bool claim_hang(const std::string& folder, const HangReport& report) {
  const int file = ::open(hang_path(folder).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file < 0) return errno != EEXIST;  // a disk that takes nothing must not keep the job alive
  const std::string text = report.sentence + "\n" + report.table;
  if (::write(file, text.data(), text.size()) < 0) {
    // The sentence still reaches end_job.
  }
  ::close(file);
  return true;
}

Watchdog::Watchdog(WatchdogOptions options) : options_(std::move(options)) {
  if (!options_.limits.on()) return;
  prepare_stack_dump();
  write_status(options_.folder, own_status(options_.rank));
  stop_ = ::eventfd(0, EFD_CLOEXEC);
  try {
    if (stop_ < 0) throw std::system_error(errno, std::generic_category());
    watching_ = std::thread([this] { watch(); });
    telling_ = std::thread([this] { tell(); });
  } catch (const std::system_error& error) {
    log_warning(cat("no thread for the watchdog, so a hang would not end: ", error.what()));
  }
}

Watchdog::~Watchdog() {
  if (stop_ < 0) return;
  const uint64_t one = 1;
  while (::write(stop_, &one, sizeof one) < 0 && errno == EINTR) {
  }
  if (watching_.joinable()) watching_.join();
  if (telling_.joinable()) telling_.join();
  ::close(stop_);
  ::unlink(status_path(options_.folder, options_.rank).c_str());
}

// poll() takes how long, not until when: no clock that is set can lengthen it. False: the watchdog ends.
bool Watchdog::pause(int milliseconds) const {
  pollfd stop{stop_, POLLIN, 0};
  return ::poll(&stop, 1, milliseconds) <= 0;
}

void Watchdog::tell() {
  ::pthread_setname_np(::pthread_self(), "heartbeat");
  while (pause(kTellEveryMs)) {
    write_status(options_.folder, own_status(options_.rank));
    if (exists(hang_path(options_.folder))) found_by_another_ = true;
  }
}

void Watchdog::watch() {
  ::pthread_setname_np(::pthread_self(), "watchdog");
  Laps laps;
  Onlooker onlooker(options_.folder, options_.ranks);
  while (pause(kWatchEveryMs)) {
    const double passed = laps.lap();
    clock_.update(present_activity(), passed);
    beat_heart(clock_.seconds());
    if (found_by_another_) return follow();
    if (!must_end(onlooker, std::clamp(passed, 0.0, kMostPerLook))) continue;
    return fire(onlooker);
  }
}

bool Watchdog::must_end(Onlooker& onlooker, double passed) {
  const double limit = limit_of(clock_.phase(), present_activity(), options_.limits);
  const double left = limit - clock_.seconds();
  if (left > kLookAhead || clock_.seconds() < kLookEvery) {
    observing_ = false;
    return false;
  }
  if (!observing_) onlooker = Onlooker(options_.folder, options_.ranks);
  since_look_ += passed;
  if (!observing_ || since_look_ >= (left > -kLookAhead ? kLookEvery : kLookSlowly)) {
    onlooker.look(observing_ ? since_look_ : 0);
    since_look_ = 0;
    observing_ = true;
  }
  if (left > 0) return false;
  const bool waits = clock_.phase() == Phase::kCollective;
  return !waits || clock_.seconds() >= options_.limits.max_seconds || !another_is_busy(onlooker.ranks(), options_.rank);
}

void Watchdog::fire(Onlooker& onlooker) {
  if (options_.last_resort > 0) exit_after(options_.last_resort);
  onlooker.look(since_look_);
  std::vector<RankView> ranks = onlooker.ranks();
  for (RankView& view : ranks) {
    if (view.known || !options_.find_process) continue;
    view.status.process = options_.find_process(view.status.rank);
    if (view.status.process == 0) continue;
    view.status.host = this_host();
    view.here = true;
    view.state = process_state(view.status.process);
  }
  HangReport report = describe_hang(ranks, options_.rank);
  report.sentence += cat("; the limit of ", shortest(limit_of(clock_.phase(), present_activity(), options_.limits)),
                         " s has passed on rank ", options_.rank);
  if (!claim_hang(options_.folder, report)) return follow();
  Laps laps;
  dump_stacks(options_.log_file);
  sleep_for(kLetOthersDump - laps.lap());
  if (options_.end_job) options_.end_job(report);
}

// Who found it ends the job; should that fail, every rank ends by itself.
void Watchdog::follow() {
  if (options_.last_resort > 0) exit_after(kFollowerWaits);
  dump_stacks(options_.log_file);
}

}  // namespace broadsheet
