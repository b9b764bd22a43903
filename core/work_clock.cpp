#include "core/work_clock.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>

namespace broadsheet {
namespace {

// /proc/thread-self/schedstat: nanoseconds on a core, nanoseconds ready but without one, time slices.
class ScheduleFile {
 public:
  ScheduleFile() : file_(::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)) {}
  ~ScheduleFile() {
    if (file_ >= 0) ::close(file_);
  }
  int64_t without_core_ns() const {
    char text[96];
    const ssize_t size = file_ < 0 ? -1 : ::pread(file_, text, sizeof text - 1, 0);
    if (size <= 0) return 0;
    text[size] = '\0';
    long long on_core = 0, without_core = 0;
    return std::sscanf(text, "%lld %lld", &on_core, &without_core) == 2 ? without_core : 0;
  }

 private:
  int file_;
};

}  // namespace

int64_t work_clock_ns() {
  thread_local const ScheduleFile file;
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec - file.without_core_ns();
}

}  // namespace broadsheet
