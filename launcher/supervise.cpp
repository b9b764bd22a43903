// One child (mpirun or a single engine) from its start to the end of its last descendant.
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "core/durable.h"
#include "core/log.h"
#include "core/rank_status.h"
#include "core/text.h"
#include "launcher/hang_watch.h"
#include "launcher/mpirun.h"
#include "launcher/program.h"

namespace broadsheet {
namespace {

constexpr int kStopSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};
constexpr int kPollMilliseconds = 100;

class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() { close(); }
  void close() {
    if (number_ >= 0) ::close(number_);
    number_ = -1;
  }
  int get() const { return number_; }

 private:
  int number_;
};

[[noreturn]] void fail(const char* what) {
  throw RunError("launch.system", cat(what, ": ", std::strerror(errno)));
}

sigset_t stop_signals() {
  sigset_t all;
  sigemptyset(&all);
  for (const int number : kStopSignals) sigaddset(&all, number);
  return all;
}

// Blocks the signals that the launcher handles for as long as it lives; a signalfd delivers them.
class Signals {
 public:
  Signals() {
    sigset_t handled = stop_signals();
    sigaddset(&handled, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &handled, &before_) != 0) fail("sigprocmask");
    // Held already or not: the ranks are started with none of them blocked.
    for (const int number : kStopSignals) sigdelset(&before_, number);
    descriptor_ = Descriptor(signalfd(-1, &handled, SFD_NONBLOCK | SFD_CLOEXEC));
    if (descriptor_.get() < 0) fail("signalfd");
  }
  ~Signals() { sigprocmask(SIG_SETMASK, &before_, nullptr); }
  int descriptor() const { return descriptor_.get(); }
  const sigset_t& before() const { return before_; }
  int next() {  // 0: none
    signalfd_siginfo info{};
    return read(descriptor_.get(), &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
  }

 private:
  sigset_t before_{};
  Descriptor descriptor_;
};

std::vector<pid_t> children() {
  std::vector<pid_t> found;
  DIR* processes = opendir("/proc");
  if (processes == nullptr) return found;
  while (const dirent* entry = readdir(processes)) {
    const pid_t pid = std::atoi(entry->d_name);
    if (pid <= 0) continue;
    std::ifstream file(cat("/proc/", pid, "/stat"));
    std::string stat((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const size_t name_end = stat.rfind(')');
    char state = 0;
    int parent = 0;
    if (name_end != std::string::npos && std::sscanf(stat.c_str() + name_end + 1, " %c %d", &state, &parent) == 2 &&
        parent == getpid()) {
      found.push_back(pid);
    }
  }
  closedir(processes);
  return found;
}

// See Note [No process is left behind].
void end_all_children() {
  for (int round = 0; round < 1000; ++round) {
    for (const pid_t child : children()) kill(child, SIGKILL);
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    if (waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD) return;
    usleep(10'000);
  }
  log_warning("a process of the run does not end although it was killed; it may wait for a disk");
}

class Supervisor {
 public:
  explicit Supervisor(const RankLaunch& launch)
      : launch_(launch), hang_watch_(launch.attempt_folder, launch.ranks, launch.limits) {}

  // Returns the child's wait status.
  int run() {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    start();
    while (!child_ended_) {
      pollfd waits[] = {{signals_.descriptor(), POLLIN, 0}, {output_.get(), POLLIN, 0}};
      const int at_most = hang_watch_.on() ? kHangLookMilliseconds : -1;
      poll(waits, 2, stop_wanted_ && !stop_sent_ ? kPollMilliseconds : at_most);
      forward_output();
      handle_signals();
      if (stop_wanted_ && !stop_sent_) pass_stop_on();
      if (hang_watch_.on() && hang_watch_.must_end()) kill(-child_, SIGKILL);
    }
    end_all_children();
    forward_output();
    return status_;
  }

  int leaving_signal() const { return leaving_signal_; }
  pid_t child() const { return child_; }
  std::string log_path() const { return launch_.attempt_folder + (launch_.ranks > 1 ? "/mpirun.log" : "/engine.log"); }

 private:
  void start() {
    const std::vector<std::string> command = launch_command(launch_);
    std::map<std::string, std::string> environment = launch_environment(launch_, folders_);
    if (!console_is_terminal()) environment["TERM"] = "dumb";
    int ends[2] = {-1, -1};
    Descriptor log;
    if (launch_.ranks > 1) {
      if (pipe2(ends, O_CLOEXEC) != 0) fail("pipe");
      log = Descriptor(open(log_path().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
      if (log.get() < 0) fail(log_path().c_str());
    }
    output_ = Descriptor(ends[0]);
    Descriptor output_end(ends[1]);
    if (output_.get() >= 0) fcntl(output_.get(), F_SETFL, O_NONBLOCK);
    const pid_t parent = getpid();
    child_ = fork();
    if (child_ < 0) fail("fork");
    if (child_ == 0) become(command, environment, output_end.get(), log.get(), parent);
    setpgid(child_, child_);
  }

  [[noreturn]] void become(const std::vector<std::string>& command,
                           const std::map<std::string, std::string>& environment, int output, int log, pid_t parent) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(128 + SIGKILL);
    for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
    // For ranks under mpirun that is mpirun, which this process becomes.
    const pid_t rank_parent = launch_.ranks > 1 ? getpid() : parent;
    setenv(kParentVariable, cat(host_name(), ":", rank_parent).c_str(), 1);
    const int nothing = open("/dev/null", O_RDONLY);
    dup2(nothing, STDIN_FILENO);
    dup2(output >= 0 ? output : STDERR_FILENO, STDOUT_FILENO);  // the launcher's stdout is for results
    if (log >= 0) dup2(log, STDERR_FILENO);
    sigprocmask(SIG_SETMASK, &signals_.before(), nullptr);
    std::vector<char*> argv;
    for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    execv(argv[0], argv.data());
    dprintf(STDERR_FILENO, "%s: %s\n", argv[0], std::strerror(errno));
    _exit(127);
  }

  void forward_output() {
    char buffer[16384];
    while (output_.get() >= 0) {
      const ssize_t size = read(output_.get(), buffer, sizeof buffer);
      if (size == 0) output_.close();
      if (size <= 0) return;
      std::fwrite(buffer, 1, static_cast<size_t>(size), stderr);
      std::fflush(stderr);
    }
  }

  void handle_signals() {
    while (const int number = signals_.next()) {
      if (number == SIGCHLD) {
        reap();
      } else {
        stop(number);
      }
    }
  }

  // USR1 and USR2 are notices of preemption: TERM follows while the checkpoint may still be on its way.
  void stop(int number) {
    const bool notice = number == SIGUSR1 || number == SIGUSR2 || (number == SIGTERM && in_job_);
    if (!notice && asked_to_leave_) {
      leaving_signal_ = number;
      kill(-child_, SIGKILL);
    } else if (!stop_wanted_) {
      log_info("stopping: saving a checkpoint first; once more leaves at once");
    }
    stop_wanted_ = true;
    asked_to_leave_ = asked_to_leave_ || !notice;
  }

  void reap() {
    int status = 0;
    for (pid_t ended; (ended = waitpid(-1, &status, WNOHANG)) > 0;) {
      if (ended != child_) continue;
      status_ = status;
      child_ended_ = true;
    }
  }

  void pass_stop_on() {
    if (!exists(launch_.attempt_folder + "/ranks.json")) return;
    kill(child_, SIGUSR1);
    stop_sent_ = true;
  }

  RankLaunch launch_;
  HangWatch hang_watch_;
  JobFolders folders_;
  Signals signals_;
  Descriptor output_;
  pid_t child_ = -1;
  int status_ = 0, leaving_signal_ = 0;
  bool child_ended_ = false, stop_wanted_ = false, stop_sent_ = false, asked_to_leave_ = false;
  const bool in_job_ = !job_start_folder().empty();  // Slurm repeats TERM; it does not mean "at once"
};

Failure killed_failure(const std::string& who, int signal) {
  std::string message = cat(who, " was killed by signal ", signal, " (", strsignal(signal), ")");
  if (signal == SIGKILL) message += "; if nobody did that, the machine may have run out of memory";
  if (signal == SIGSEGV || signal == SIGABRT || signal == SIGBUS || signal == SIGFPE || signal == SIGILL) {
    message += "; please report it with the run's logs";
  }
  return {128 + signal, {"launch.killed", {}, "", message, ""}, message};
}

std::string tail_of(const std::string& path) {
  if (!exists(path)) return "";
  std::string text(trim(read_file(path)));
  constexpr size_t kMost = 4000;
  return text.size() > kMost ? "..." + text.substr(text.size() - kMost) : text;
}

// Ranks that wrote no status, when others did.
std::vector<int> ranks_that_never_told(const RankLaunch& launch) {
  std::vector<int> absent;
  for (int rank = 0; rank < launch.ranks; ++rank) {
    if (!exists(status_path(launch.attempt_folder, rank))) absent.push_back(rank);
  }
  return absent.size() < static_cast<size_t>(launch.ranks) ? absent : std::vector<int>{};
}

}  // namespace

void hold_stop_signals() {
  const sigset_t held = stop_signals();
  if (sigprocmask(SIG_BLOCK, &held, nullptr) != 0) fail("sigprocmask");
}

RankEnd run_ranks(const RankLaunch& launch) {
  Supervisor supervisor(launch);
  const int status = supervisor.run();
  RankEnd end;
  if (supervisor.leaving_signal() != 0) {
    end.exit_code = 128 + supervisor.leaving_signal();
    return end;
  }
  std::string table;
  if (const std::optional<Failure> hang = find_hang(launch.attempt_folder, &table)) {
    if (!table.empty()) log_info(table.substr(0, table.find_last_not_of('\n') + 1));
    return {hang->exit_code, *hang, true};
  }
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  const bool recorded = find_first_failure(launch.attempt_folder, &end.failure);
  const std::string last_words = launch.ranks > 1 ? tail_of(supervisor.log_path()) : "";
  KilledRank killed;
  if (code == 0 || (code == static_cast<int>(ExitCode::kStopped) && !recorded)) {
    end.exit_code = code;
    return end;
  }
  end.said = true;
  if (find_killed_rank(last_words, &killed) && (!recorded || blames_another(end.failure))) {
    const int64_t process = recorded_process(launch.attempt_folder, killed.rank).value_or(killed.pid);
    end.failure =
        killed_failure(cat("rank ", killed.rank, " (", killed.host, ", process ", process, ")"), killed.signal);
  } else if (!recorded && WIFSIGNALED(status)) {
    const std::string who = launch.ranks > 1 ? "mpirun" : "rank 0";
    end.failure = killed_failure(cat(who, " (", host_name(), ", process ", supervisor.child(), ")"), WTERMSIG(status));
  } else if (const std::vector<int> absent = ranks_that_never_told(launch);
             !recorded && code > 128 && !absent.empty()) {
    // mpirun may end before it has said whom it lost.
    std::string who;
    for (const int rank : absent) who += cat(who.empty() ? "rank " : ", rank ", rank);
    end.failure = killed_failure(cat(who, " (", host_name(), "), which had only been started,"), code - 128);
  } else if (!recorded) {
    const std::string what = cat(launch.ranks > 1 ? "mpirun" : "the engine", " ended with code ", code,
                                 last_words.empty() ? "" : cat("; its last words:\n", last_words));
    end.failure = {static_cast<int>(ExitCode::kFailed), {"launch.failed", {}, "", what, ""}, what};
  }
  end.exit_code = end.failure.exit_code;
  return end;
}

}  // namespace broadsheet
