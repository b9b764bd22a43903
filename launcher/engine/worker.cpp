#include "launcher/engine/worker.h"

#include <ATen/Parallel.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "core/activity.h"
#include "core/durable.h"
#include "core/folder_watch.h"
#include "core/log.h"
#include "core/path.h"
#include "core/text.h"
#include "experiments/sweep/mailbox.h"
#include "launcher/answer.h"
#include "launcher/engine/run.h"
#include "launcher/local_ranks.h"
#include "launcher/program.h"
#include "trainer/parallel/communicator.h"
#include "trainer/stopwatch.h"

namespace broadsheet {
namespace {

constexpr double kIdleLimit = 300;    // seconds without a task
constexpr double kAnswerLimit = 600;  // seconds at a rung without an answer: the driver is gone
constexpr double kLook = 0.5;         // seconds between two looks where nothing tells of a new file
constexpr std::chrono::milliseconds kBeat{2000};

// Says that this process lives, in a thread of its own: whoever is stopped, or hangs as a whole, says nothing.
class Heart {
 public:
  explicit Heart(const std::string& folder) : file_(folder + "/beat") {
    thread_ = std::thread([this] {
      while (!stop_) {
        touch();
        for (int i = 0; i < 20 && !stop_; ++i) std::this_thread::sleep_for(kBeat / 20);
      }
    });
  }
  ~Heart() {
    stop_ = true;
    thread_.join();
  }
  Heart(const Heart&) = delete;
  Heart& operator=(const Heart&) = delete;

 private:
  void touch() const {
    const int file = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0) return;
    ::futimens(file, nullptr);
    ::close(file);
  }
  std::string file_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// The value that the finished run itself has written down.
LegRecord record_of_finished(const std::string& folder) {
  const nlohmann::json results = nlohmann::json::parse(read_file(folder + "/results.json", 64 << 20));
  LegRecord record;
  record.state = LegRecord::State::kDone;
  record.step = results.at("steps").get<int64_t>();
  const nlohmann::json& after = results.at("validation").at("after");
  const std::string metric = results.at("metric").get<std::string>();
  if (after.contains(metric) && after.at(metric).is_number()) record.value = after.at(metric).get<double>();
  return record;
}

class Worker {
 public:
  // `lock`: of the folder, on the first rank.
  Worker(std::string folder, Communicator& ranks, const FolderLock* lock)
      : folder_(std::move(folder)), ranks_(ranks), lock_(lock) {}

  int serve() {
    while (true) {
      const std::string text = ranks_.broadcast(ranks_.first() ? next_task() : "", 0);
      if (text.empty()) {
        // A rank that waits for the first one's word takes a whole core; asleep it takes none.
        if (!ranks_.first()) doze();
        continue;
      }
      if (text == kLeave) return 0;
      if (text == kStopped) return static_cast<int>(ExitCode::kStopped);
      if (!train_trial(nlohmann::json::parse(text))) return static_cast<int>(ExitCode::kStopped);
    }
  }

 private:
  static constexpr char kLeave[] = "leave", kStopped[] = "stopped";

  void doze() {
    watch_.add(folder_);
    watch_.wait(kLook);
  }

  // First rank. Empty: nothing yet. Never waits long: the other ranks wait for it.
  std::string next_task() {
    if (stop_requested()) return kStopped;
    // A later start of the same job has come: the mailbox is its own now.
    if (!lock_->held()) return kLeave;
    if (is_retired(folder_) || idle_.seconds() > kIdleLimit) return kLeave;
    const std::optional<TrialTask> task = read_task(folder_);
    if (!task || task->sequence <= last_sequence_ || task->driver < driver_) {
      doze();
      return "";
    }
    last_sequence_ = task->sequence;
    driver_ = task->driver;
    if (task->leave) return kLeave;
    if (task->trial < 0) return "";  // what it was given went to another worker
    task_ = *task;
    const std::optional<LegRecord> before = read_leg(task->folder, task->leg);
    if (before && before->ended()) return "";  // done by an earlier start of this worker
    // The other ranks read the configuration from a file, as any run does.
    const std::string config_file = cat(folder_, "/trial.yaml");
    write_file_durably(config_file, task->config);
    return nlohmann::json{{"trial", task->trial}, {"leg", task->leg},     {"folder", task->folder},
                          {"file", config_file},  {"token", task->token}, {"gate_steps", task->gate_steps}}
        .dump();
  }

  // False: this worker must end.
  bool train_trial(const nlohmann::json& task) {
    const std::string folder = task.at("folder").get<std::string>();
    const int64_t leg = task.at("leg").get<int64_t>();
    RunRequest request;
    request.file = task.at("file").get<std::string>();
    request.folder = folder;
    request.command = {"sweep", "trial", cat(task.at("trial").get<int64_t>()), "leg", cat(leg)};
    request.quiet = true;
    request.incarnation = {task.at("token").get<std::string>(), leg};
    const Stopwatch watch;
    LegRecord record;
    bool go_on = true;
    try {
      RankWatchdog watchdog;
      RunHooks hooks;
      hooks.gate.steps = task.at("gate_steps").get<std::vector<int64_t>>();
      hooks.gate.ask = [&](int64_t step, double best) { return ask(step, best, watch.seconds()); };
      hooks.measure_test = false;
      hooks.few_checkpoints = true;
      hooks.keeps_model = [this](const TrainOutcome& outcome) { return keeps_model(outcome); };
      const RunEnd end = run(request, ranks_, watchdog, parts_, hooks);
      if (ranks_.first()) record = record_of(end, folder);
      go_on = end.exit_code == 0 || end.outcome.at_gate;
    } catch (...) {
      const Failure failure = current_failure();
      record.state = LegRecord::State::kFailed;
      record.failure = to_json(failure);
      record.failure["exit_code"] = failure.exit_code;
      log_error(cat("trial ", task_.trial, ": ", failure.message));
      // With several ranks the others may wait for this one for ever.
      if (ranks_.size() > 1) {
        record.worker_leaves = true;
        if (ranks_.first() || failure.exit_code != static_cast<int>(ExitCode::kUser))
          note_end(folder, leg, watch, record);
        abort_all_ranks(failure.exit_code);
      }
      go_on = failure.exit_code != static_cast<int>(ExitCode::kBug);
    }
    // Whoever asked that one trial to leave has not asked the worker.
    if (record.state == LegRecord::State::kStopped && exists(folder + "/cancelled")) {
      clear_stop_request();
      go_on = true;
    }
    // A Slurm job that was told to leave is requeued, and takes its mailbox up again.
    const bool comes_back = record.state == LegRecord::State::kStopped && !job_start_folder().empty();
    record.worker_leaves = !go_on && !comes_back;
    if (ranks_.first()) note_end(folder, leg, watch, record);
    idle_ = Stopwatch();
    return go_on;
  }

  LegRecord record_of(const RunEnd& end, const std::string& folder) const {
    if (end.exit_code == 0) return record_of_finished(folder);
    LegRecord record;
    record.state = end.outcome.at_gate ? LegRecord::State::kPaused : LegRecord::State::kStopped;
    // Unanswered or stopped while it waited: whoever takes it up again must ask again.
    if (end.outcome.at_gate && !answered_) record.state = LegRecord::State::kStopped;
    record.step = end.outcome.steps;
    record.value = end.outcome.best_value;
    return record;
  }

  void note_end(const std::string& folder, int64_t leg, const Stopwatch& watch, LegRecord record) const {
    record.seconds = watch.seconds();
    record.worker = file_name(folder_);
    record.cores = ranks_.size() * at::get_num_threads();
    write_leg(folder, leg, record);
  }

  // First rank, while all wait.
  GateAnswer ask(int64_t step, double best, double seconds) {
    if (asked_ != std::pair(task_.sequence, step)) {
      asked_ = {task_.sequence, step};
      answered_ = false;
      waiting_ = Stopwatch();
      LegRecord record;
      record.state = LegRecord::State::kAtRung;
      record.step = step;
      record.value = best;
      record.seconds = seconds;
      record.worker = file_name(folder_);
      record.cores = ranks_.size() * at::get_num_threads();
      watch_.add(folder_);
      write_leg(task_.folder, task_.leg, record);
    }
    const std::optional<GateReply> reply = read_reply(folder_);
    if (reply && reply->trial == task_.trial && reply->leg == task_.leg && reply->step == step) {
      answered_ = true;
      return reply->go_on ? GateAnswer::kGoOn : GateAnswer::kLeave;
    }
    if (stop_requested() || is_retired(folder_) || waiting_.seconds() > kAnswerLimit) return GateAnswer::kLeave;
    watch_.wait(kLook);
    return GateAnswer::kNotYet;
  }

  bool keeps_model(const TrainOutcome& outcome) const {
    if (!task_.model_above || !outcome.best_value) return true;
    return task_.maximize ? *outcome.best_value > *task_.model_above : *outcome.best_value < *task_.model_above;
  }

  std::string folder_;
  Communicator& ranks_;
  const FolderLock* lock_;
  OpenParts parts_;
  FolderWatch watch_;
  TrialTask task_;  // first rank only
  std::pair<int64_t, int64_t> asked_{0, -1};
  bool answered_ = false;
  Stopwatch waiting_, idle_;
  int64_t last_sequence_ = 0, driver_ = 0;
};

}  // namespace

int serve_trials(const std::string& folder) {
  // Each trial opens its own directory; this one's attempt is not theirs.
  for (const char* name : {kAttemptVariable, kWatchdogVariable}) ::unsetenv(name);
  const auto ranks = make_communicator();
  install_stop_signals();
  std::optional<FolderLock> lock;
  std::optional<Heart> heart;
  if (ranks->first()) {
    lock.emplace(FolderLock::acquire(folder + "/lock", job_incarnation()));
    heart.emplace(folder);
  }
  ranks->barrier();
  // A stop may be passed on now: every rank handles it.
  if (ranks->first()) {
    write_file_durably(folder + "/ranks.json", nlohmann::json{{"ranks", nlohmann::json::array()}}.dump());
    if (const std::string start = job_start_folder(); !start.empty()) write_file_durably(start + "/ready", "");
  }
  const int code = Worker(folder, *ranks, lock ? &*lock : nullptr).serve();
  if (ranks->first()) record_job_end(code);
  return code;
}

}  // namespace broadsheet
