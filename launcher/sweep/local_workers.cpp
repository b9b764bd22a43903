#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "core/durable.h"
#include "core/log.h"
#include "core/text.h"
#include "experiments/sweep/mailbox.h"
#include "launcher/answer.h"
#include "launcher/local_ranks.h"
#include "launcher/program.h"
#include "launcher/sweep/workers.h"

extern char** environ;

namespace broadsheet {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kWorkerStartLimit = 60;  // seconds until a worker must have been heard of
constexpr char kLock[] = "/supervisor.lock";

std::vector<std::string> environment_of_worker() {
  std::vector<std::string> kept;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (!is_step_variable(text.substr(0, text.find('=')))) kept.push_back(text);
  }
  return kept;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (std::string& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

// Also when they cannot be started.
RankEnd end_of_ranks(const RankLaunch& launch) {
  try {
    return run_ranks(launch);
  } catch (...) {
    const Failure failure = current_failure();
    return {failure.exit_code, failure, true};
  }
}

class LocalWorkers : public WorkerPool {
 public:
  LocalWorkers(std::string sweep_folder, const LaunchConfig& launch, int64_t slots, double silence)
      : sweep_folder_(std::move(sweep_folder)),
        launch_(launch),
        width_(launch.ranks * launch.threads_per_rank),
        silence_(silence) {
    cores_ = cores_in_order();
    if (width_ * slots <= static_cast<int64_t>(cores_.size())) return;
    if (slots > 1)
      log_warning(cat(slots, " trials at once of ", width_, " core(s) each share ", cores_.size(), " core(s)"));
    cores_.clear();
  }

  void start(const std::string& name, int64_t slot) override {
    const std::string folder = worker_folder(sweep_folder_, name);
    make_folders(folder);
    const nlohmann::json place = {{"ranks", launch_.ranks}, {"threads_per_rank", launch_.threads_per_rank}};
    write_file_durably(folder + "/place.json", place.dump() + "\n");
    std::vector<std::string> words = {program_path(), kWorkerFlag, folder}, environment = environment_of_worker();
    std::vector<char*> argv = pointers(words), envp = pointers(environment);
    const std::string log = folder + "/worker.log";
    const pid_t child = ::fork();
    if (child < 0) throw RunError("sweep.fork", cat("a worker cannot be started: ", std::strerror(errno)));
    if (child == 0) become(argv.data(), envp.data(), log.c_str(), slot);
    started_[name] = Known();
    started_[name].process = child;
  }

  WorkerLife look(const std::string& name) override {
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    const std::string folder = worker_folder(sweep_folder_, name);
    const std::optional<LockHolder> holder = look_at_lock(folder + kLock);
    const auto found = started_.find(name);
    if (!holder) {
      const bool may_come = found != started_.end() && !found->second.seen && ::kill(found->second.process, 0) == 0;
      if (may_come && seconds_since(found->second.since) < kWorkerStartLimit) return {WorkerLife::State::kStarting, ""};
      // Who is killed leaves the lock behind; who is not, has put down the end of its leg, or never began one.
      return {WorkerLife::State::kGone, "its process has ended", true};
    }
    if (holder->here && holder->gone) return {WorkerLife::State::kGone, "its process was killed"};
    Known& known = started_[name];
    known.seen = true;
    return heard(known, folder);
  }

  void stop(const std::string& name, bool now) override { stop_local_worker(sweep_folder_, name, now); }

  double look_every() const override { return 0.5; }

 private:
  struct Known {
    pid_t process = -1;
    Clock::time_point since = Clock::now();
    bool seen = false;
    timespec beat{};
    Clock::time_point heard = Clock::now();
  };

  static double seconds_since(Clock::time_point then) {
    return std::chrono::duration<double>(Clock::now() - then).count();
  }

  // By this process's own clock: when the beat was seen to change.
  WorkerLife heard(Known& known, const std::string& folder) const {
    struct stat info {};
    const bool beats = ::stat((folder + "/beat").c_str(), &info) == 0;
    if (beats && (info.st_mtim.tv_sec != known.beat.tv_sec || info.st_mtim.tv_nsec != known.beat.tv_nsec)) {
      known.beat = info.st_mtim;
      known.heard = Clock::now();
    }
    const double silent = seconds_since(known.heard);
    // Its libraries come before its first beat.
    if (silent > (beats ? silence_ : std::max(silence_, kWorkerStartLimit)))
      return {WorkerLife::State::kSilent, cat("nothing was heard of it for ", human_duration(silent))};
    return {WorkerLife::State::kLives, ""};
  }

  [[noreturn]] void become(char** argv, char** envp, const char* log, int64_t slot) const {
    ::setsid();
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) ::signal(number, SIG_DFL);
    const int nothing = ::open("/dev/null", O_RDONLY), output = ::open(log, O_WRONLY | O_CREAT | O_APPEND, 0666);
    ::dup2(nothing, STDIN_FILENO);
    ::dup2(output, STDOUT_FILENO);
    ::dup2(output, STDERR_FILENO);
    for (int descriptor = 3; descriptor < 1024; ++descriptor) ::close(descriptor);
    if (!cores_.empty()) {
      cpu_set_t mine;
      CPU_ZERO(&mine);
      for (int64_t i = 0; i < width_; ++i) CPU_SET(cores_[static_cast<size_t>(slot * width_ + i)], &mine);
      ::sched_setaffinity(0, sizeof mine, &mine);  // a refusal costs speed only
    }
    ::execve(argv[0], argv, envp);
    ::_exit(127);
  }

  std::string sweep_folder_;
  LaunchConfig launch_;
  int64_t width_;  // cores of one worker
  double silence_;
  std::vector<int> cores_;  // empty: they are shared
  std::map<std::string, Known> started_;
};

}  // namespace

void stop_local_worker(const std::string& sweep_folder, const std::string& name, bool now) {
  const std::optional<LockHolder> holder = look_at_lock(worker_folder(sweep_folder, name) + kLock);
  if (holder && holder->here && !holder->gone && holder->process > 1)
    ::kill(static_cast<pid_t>(holder->process), now ? SIGKILL : SIGTERM);
}

bool is_step_variable(const std::string& name) {
  if (starts_with(name, "OMPI_MCA_")) {
    // The user's own choices stay; these mpirun sets for its ranks.
    for (const char* internal : {"OMPI_MCA_orte_", "OMPI_MCA_ess", "OMPI_MCA_pmix", "OMPI_MCA_initial_wdir",
                                 "OMPI_MCA_shmem_", "OMPI_MCA_plm", "OMPI_MCA_ras"})
      if (starts_with(name, internal)) return true;
    return false;
  }
  for (const char* prefix :
       {"OMPI_", "PMIX_", "PMI_", "SLURM_", "SLURMD_", "SRUN_", "BROADSHEET_JOB", "BROADSHEET_START",
        "BROADSHEET_ATTEMPT_FOLDER", "BROADSHEET_PARENT", "BROADSHEET_WATCHDOG", "BROADSHEET_BIND"})
    if (starts_with(name, prefix)) return true;
  return false;
}

std::unique_ptr<WorkerPool> make_local_workers(const std::string& sweep_folder, const LaunchConfig& launch,
                                               int64_t slots, double silence) {
  return std::make_unique<LocalWorkers>(sweep_folder, launch, slots, silence);
}

int supervise_worker(const std::string& folder) {
  hold_stop_signals();
  const FolderLock lock = FolderLock::acquire(folder + kLock, job_incarnation());
  if (is_retired(folder)) {
    record_job_end(0);
    return 0;
  }
  const nlohmann::json place = nlohmann::json::parse(read_file(folder + "/place.json", 1 << 16));
  RankLaunch launch;
  launch.engine = engine_path();
  launch.arguments = {kWorkerFlag, folder};
  launch.ranks = place.at("ranks").get<int>();
  launch.threads_per_rank = place.at("threads_per_rank").get<int>();
  launch.attempt_folder = folder;
  const RankEnd end = end_of_ranks(launch);
  if (!end.said) return end.exit_code;
  // The ranks ended in the middle of something: the trial's record is ours to write.
  LegRecord record;
  record.state = LegRecord::State::kFailed;
  record.cores = int64_t{launch.ranks} * launch.threads_per_rank;
  record.worker_leaves = true;
  record.failure = to_json(end.failure);
  record.failure["exit_code"] = end.exit_code;
  end_open_leg(folder, std::move(record));
  log_error(end.failure.message);
  return end.exit_code;
}

}  // namespace broadsheet
