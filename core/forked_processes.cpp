#include "core/forked_processes.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {

ForkedProcesses::ForkedProcesses(int64_t count, const std::function<int(int64_t)>& work) {
  std::fflush(nullptr);
  const pid_t parent = ::getpid();
  for (int64_t k = 1; k <= count; ++k) {
    const pid_t process = ::fork();
    if (process < 0)
      throw RunError("process.system", cat("no further process can be started: ", std::strerror(errno)),
                     "ask for fewer ranks");
    if (process > 0) {
      running_.push_back(process);
      continue;
    }
    running_.clear();
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}) ::signal(number, SIG_DFL);
    const int status = ::getppid() == parent ? work(k) : 1;
    std::fflush(nullptr);
    ::_exit(status);
  }
}

ForkedProcesses::~ForkedProcesses() {
  for (const pid_t process : running_) ::kill(process, SIGKILL);
  for (const pid_t process : running_)
    while (::waitpid(process, nullptr, 0) < 0 && errno == EINTR) continue;
}

void ForkedProcesses::reap(int flags) {
  for (size_t i = 0; i < running_.size();) {
    int status = 0;
    const pid_t ended = ::waitpid(running_[i], &status, flags);
    if (ended == 0 || (ended < 0 && errno == EINTR)) {
      ++i;
      continue;
    }
    const pid_t process = running_[i];
    running_.erase(running_.begin() + static_cast<ptrdiff_t>(i));
    if (ended < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) continue;
    throw RunError("process.copy",
                   WIFSIGNALED(status)
                       ? cat("process ", process, ", which shared the work, was ended by signal ", WTERMSIG(status),
                             " (", ::strsignal(WTERMSIG(status)), ")")
                       : cat("process ", process, ", which shared the work, ended with ", WEXITSTATUS(status)),
                   "the same command goes on from what is done");
  }
}

void ForkedProcesses::check() {
  reap(WNOHANG);
}

void ForkedProcesses::wait() {
  while (!running_.empty()) reap(0);
}

}  // namespace broadsheet
