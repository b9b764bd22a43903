#include "core/stacks.h"

#include <dirent.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <fstream>

#include "core/text.h"

namespace broadsheet {
namespace {

constexpr int kFrames = 64;
constexpr int kMillisecondsPerThread = 50, kMillisecondsAtMost = 400;

int stack_signal() {
  return SIGRTMIN + 7;  // nobody else's
}

std::atomic<int> output{-1};
std::atomic<int> answers{0};

extern "C" void on_stack_signal(int) {
  const int error = errno;
  const int file = output.load();
  void* frames[kFrames];
  const int count = ::backtrace(frames, kFrames);
  if (file >= 0) ::backtrace_symbols_fd(frames, count, file);
  answers.fetch_add(1);
  errno = error;
}

// Returns the milliseconds it took.
int dump_thread(int file, pid_t thread) {
  std::string name = "?";
  std::ifstream(cat("/proc/self/task/", thread, "/comm")) >> name;
  ::dprintf(file, "--- stack of thread %d (%s)\n", static_cast<int>(thread), name.c_str());
  const int before = answers.load();
  if (::syscall(SYS_tgkill, ::getpid(), thread, stack_signal()) != 0) return 0;
  int waited = 0;
  for (; waited < kMillisecondsPerThread && answers.load() == before; ++waited) ::usleep(1000);
  if (answers.load() == before) ::dprintf(file, "it does not answer\n");
  return waited;
}

}  // namespace

void prepare_stack_dump() {
  void* frames[1];
  ::backtrace(frames, 1);
  struct sigaction action = {};
  action.sa_handler = on_stack_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  ::sigaction(stack_signal(), &action, nullptr);
}

void dump_stacks(const std::string& file) noexcept {
  try {
    const int log = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    DIR* threads = log >= 0 ? ::opendir("/proc/self/task") : nullptr;
    if (threads != nullptr) {
      output = log;
      int waited = 0;
      while (const dirent* entry = ::readdir(threads)) {
        const pid_t thread = std::atoi(entry->d_name);
        if (thread <= 0 || thread == static_cast<pid_t>(::syscall(SYS_gettid))) continue;
        if (waited >= kMillisecondsAtMost) break;
        waited += dump_thread(log, thread);
      }
      output = -1;
      ::closedir(threads);
    }
    // Stays open: a thread that answers late may be writing.
  } catch (...) {
  }
}

}  // namespace broadsheet
