// Copies of this process that share a piece of work with it. They end with it, and it ends with them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace broadsheet {

class ForkedProcesses {
 public:
  // Forks `count` times; copy number k = 1 .. count does `work(k)` and exits with what it returns. To be called while
  // this process has one thread.
  ForkedProcesses(int64_t count, const std::function<int(int64_t)>& work);
  ~ForkedProcesses();  // kills what still lives
  ForkedProcesses(const ForkedProcesses&) = delete;
  ForkedProcesses& operator=(const ForkedProcesses&) = delete;

  // RunError("process.copy") when one has ended by a signal or with another status than 0. Never waits.
  void check();
  // Until all have ended; as check().
  void wait();

 private:
  void reap(int flags);
  std::vector<pid_t> running_;
};

}  // namespace broadsheet
