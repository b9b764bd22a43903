// A watchdog for this process as one rank of several: it tells of the rank, watches how long it goes without progress,
// and when that is too long finds out who is to blame and has the job ended.
//
// Two threads. One looks at this process's activity five times a second and never touches a disk while all is well; the
// other writes the status file, and learns from it that another rank has found a hang. So a file system that hangs does
// not silence the watch.
//
// What happens when a limit has passed: the first rank to notice makes <folder>/hang, whose first line says who is to
// blame, with the table of all ranks below. It dumps its stacks to its log; the others see the file and dump theirs.
// Half a second later it calls end_job.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include "core/hang.h"

namespace broadsheet {

struct WatchdogOptions {
  std::string folder;  // of the attempt: status files, hang
  int rank = 0, ranks = 1;
  std::string log_file;  // for stacks
  HangLimits limits;
  // The process of a rank that has told nothing of itself, if it is on this machine; 0: none. May be empty.
  std::function<int64_t(int rank)> find_process = {};
  // Ends the job, on the rank that found the hang. When it returns, this watchdog watches no more.
  std::function<void(const HangReport& report)> end_job = {};
  // Seconds after which the process exits with 124 when end_job has not; 0: never.
  double last_resort = 1.8;
};

std::string hang_path(const std::string& folder);
// Makes the file. False: somebody has found a hang before.
bool claim_hang(const std::string& folder, const HangReport& report);

class Watchdog {
 public:
  // Limits that are off: does nothing. No thread to be had is a warning.
  explicit Watchdog(WatchdogOptions options);
  ~Watchdog();  // the rank has ended well: its status file goes
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  void watch();
  void tell();
  bool must_end(Onlooker& onlooker, double passed);
  void fire(Onlooker& onlooker);
  void follow();
  bool pause(int milliseconds) const;

  WatchdogOptions options_;
  StallClock clock_;
  double since_look_ = 0;
  bool observing_ = false;
  std::atomic<bool> found_by_another_{false};
  int stop_ = -1;  // eventfd
  std::thread watching_, telling_;
};

}  // namespace broadsheet
