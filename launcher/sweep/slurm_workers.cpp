// Workers of a sweep as jobs of Slurm: one job each, which stays and trains trial after trial.
//
// Note [What is known of a worker's job]
// Its beat first, then the records that the job itself leaves, then Slurm's queue, which is asked only about workers
// that say nothing: one squeue for all of them. A controller that does not answer is weather: nobody is taken for gone.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <set>

#include "core/durable.h"
#include "core/folder_watch.h"
#include "core/log.h"
#include "core/path.h"
#include "core/text.h"
#include "experiments/own_folder.h"
#include "experiments/site.h"
#include "experiments/sweep/mailbox.h"
#include "launcher/program.h"
#include "launcher/run_state.h"
#include "launcher/sweep/on_slurm.h"
#include "slurm/submission.h"

namespace broadsheet {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kFresh = 10;  // seconds after a beat in which nobody else is asked
constexpr double kAskAboutSilent = 5, kAskAboutWaiting = 30, kAskAgain = 10;  // seconds between two squeues
constexpr double kJobStartLimit = 600;  // seconds that a job may run before its worker is heard of
constexpr double kStopAgain = 10;       // seconds
constexpr double kSlurmPatience = 20;
// One try: the driver has others to look after, and comes again.
constexpr SubmitPatience kOneTry{1, 20, 0.5, 1, 1};

double seconds_since(Clock::time_point then) {
  return std::chrono::duration<double>(Clock::now() - then).count();
}

// Slurm's words for "not now, you have too many": the same job may be taken later.
bool means_limit(const std::string& words) {
  static const std::array kWords = {"SubmitJob",     "MaxJob",
                                    "MaxSubmit",     "job submit limit",
                                    "job limit",     "QOSGrp",
                                    "AssocGrp",      "violates accounting/QOS policy",
                                    "too many jobs", "temporarily unable"};
  return std::any_of(kWords.begin(), kWords.end(),
                     [&](const char* part) { return words.find(part) != std::string::npos; });
}

// sbatch hands the SLURM_* variables of the job around it on to the new one, where they mean nothing.
void forget_own_job() {
  std::vector<std::string> names;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry, name = text.substr(0, text.find('='));
    if ((starts_with(name, "SLURM_") && name != "SLURM_CONF") || starts_with(name, "SLURMD_")) names.push_back(name);
  }
  for (const std::string& name : names) ::unsetenv(name.c_str());
}

class SlurmWorkers : public WorkerPool {
 public:
  SlurmWorkers(std::string sweep_folder, SlurmLaunch launch, double silence)
      : sweep_folder_(std::move(sweep_folder)), launch_(std::move(launch)), silence_(silence) {
    forget_own_job();
  }

  void start(const std::string& name, int64_t) override {
    // While Slurm is away, one question is enough to know it.
    if (!queue_.known() && queue_.age() > 1) queue_.ask();
    if (!queue_.known()) throw RunError("slurm.unreachable", queue_.trouble(), "workers that run go on");
    const std::string folder = worker_folder(sweep_folder_, name);
    const JobSpec spec = spec_of(name);
    make_own_folder(folder);
    make_folders(spec.folder);
    const nlohmann::json place = {{"ranks", launch_.ranks.ranks}, {"threads_per_rank", launch_.ranks.threads_per_rank}};
    write_file_durably(folder + "/place.json", place.dump() + "\n");
    write_slurm_config(spec.folder + "/slurm.yaml", spec.slurm);
    try {
      const Submitted submitted = submit_job(spec, SlurmClient(kSlurmPatience), kOneTry);
      for (const std::string& note : submitted.notes) log_warning(note);
    } catch (const UserError& error) {
      if (means_limit(error.what())) throw RunError("slurm.limit", error.what(), "fewer workers run until then");
      throw;
    }
    known_[name] = {};
  }

  WorkerLife look(const std::string& name) override {
    Known& known = known_[name];
    const std::string folder = worker_folder(sweep_folder_, name);
    if (known.to_stop && seconds_since(known.stop_tried) > kStopAgain) try_to_stop(name, known);
    if (const auto ended = end_of(known, folder)) return *ended;
    if (is_heard(known, folder)) return {WorkerLife::State::kLives, ""};
    return look_at_queue(known, folder);
  }

  void stop(const std::string& name, bool now) override {
    Known& known = known_[name];
    known.to_stop = true;
    known.stop_now = known.stop_now || now;
    try_to_stop(name, known);
  }

  double look_every() const override { return 0.5; }

  bool stay_without_driver() const override { return ::getenv(kJobVariable) != nullptr; }

 private:
  struct Known {
    Clock::time_point since = Clock::now();  // when it was started, or looked at first
    std::string beat;
    bool started = false;     // and has not ended
    bool heard_ever = false;  // in its present start
    Clock::time_point heard = Clock::now();
    std::string events_seen, record_seen;  // identities
    std::optional<JobRecord> record;
    std::optional<JobEvent> end;
    bool to_stop = false, stop_now = false;
    Clock::time_point stop_tried;
  };

  JobSpec spec_of(const std::string& name) const {
    JobSpec spec = worker_job(sweep_folder_, launch_, name);
    spec.token = new_token();
    // A node that failed under one of them would fail under the next.
    std::set<std::string> failed;
    for (const auto& [other, known] : known_)
      for (const std::string& node : excluded_nodes(job_folder(worker_folder(sweep_folder_, other))))
        failed.insert(node);
    spec.exclude = join({failed.begin(), failed.end()}, ",");
    return spec;
  }

  // By the job's own word. A job of which nothing was written down was never given to sbatch.
  std::optional<WorkerLife> end_of(Known& known, const std::string& folder) const {
    const std::string job = job_folder(folder);
    const std::string record = file_identity(job + "/job.json"), events = file_identity(job + "/events.jsonl");
    if (record != known.record_seen || events != known.events_seen) {
      // Another job, which Slurm may not tell of yet.
      if (record != known.record_seen) known.since = Clock::now();
      known.record_seen = record;
      known.events_seen = events;
      known.record = read_job_record(job);
      known.end.reset();
      if (known.record) {
        const std::vector<JobEvent> all = read_job_events(job);
        if (const JobEvent* end = last_end(all, known.record->token)) known.end = *end;
        // Another start: it has to be heard of anew.
        known.started = !all.empty() && all.back().event == "start";
        if (!known.started) known.heard_ever = false;
      }
    }
    if (!known.record) return WorkerLife{WorkerLife::State::kGone, "it was never submitted", true};
    if (known.end && known.end->action == "stop")
      return WorkerLife{WorkerLife::State::kGone, cat("job ", known.record->id, ": ", known.end->detail), true};
    return std::nullopt;
  }

  // By this process's own clock: when the beat was seen to change.
  bool is_heard(Known& known, const std::string& folder) const {
    const std::string beat = file_identity(folder + "/beat");
    if (!beat.empty() && beat != known.beat) {
      known.heard_ever = true;
      known.beat = beat;
      known.heard = Clock::now();
    }
    return known.heard_ever && seconds_since(known.heard) < kFresh;
  }

  WorkerLife look_at_queue(Known& known, const std::string& folder) {
    const double silent = seconds_since(known.heard);
    // Of a job that was submitted since, the last answer says nothing.
    bool older = queue_.age() > seconds_since(known.since);
    const double asked_at_most = !queue_.known()             ? kAskAgain
                                 : known.heard_ever || older ? kAskAboutSilent
                                                             : kAskAboutWaiting;
    if (queue_.age() > asked_at_most) {
      queue_.ask();
      older = false;
    }
    if (!queue_.known())
      return {known.heard_ever ? WorkerLife::State::kLives : WorkerLife::State::kStarting, queue_.trouble()};
    const QueuedJob* job = queue_.find(*known.record);
    const std::string id = known.record->id;
    if (job == nullptr) {
      if (older) return {WorkerLife::State::kStarting, ""};
      // It may have said how it ended while Slurm was asked.
      if (const auto ended = end_of(known, folder)) return *ended;
      return {WorkerLife::State::kGone, cat("Slurm does not know job ", id, " any more, and it left no end"),
              !known.started};
    }
    if (job->waits()) {
      known.heard_ever = false;
      known.heard = Clock::now();
      return {WorkerLife::State::kStarting, job->reason};
    }
    if (!job->lives()) {
      if (const auto ended = end_of(known, folder)) return *ended;
      return {WorkerLife::State::kGone, cat("Slurm says ", job->state, " of job ", job->id), !known.started};
    }
    const double allowed = known.heard_ever ? silence_ : std::max(silence_, kJobStartLimit);
    if (silent > allowed)
      return {WorkerLife::State::kSilent,
              cat("job ", id, " runs, but nothing was heard of it for ", human_duration(silent))};
    return {known.heard_ever ? WorkerLife::State::kLives : WorkerLife::State::kStarting, ""};
  }

  void try_to_stop(const std::string& name, Known& known) {
    known.stop_tried = Clock::now();
    try {
      stop_slurm_worker(sweep_folder_, name, known.stop_now);
      known.to_stop = false;
    } catch (const Error& error) {
      log_warning(cat("worker ", name, " could not be told to leave: ", error.what()));
    }
  }

  std::string sweep_folder_;
  SlurmLaunch launch_;
  double silence_;
  QueueView queue_{kAskAboutWaiting};
  std::map<std::string, Known> known_;
};

}  // namespace

JobSpec worker_job(const std::string& sweep_folder, const SlurmLaunch& launch, const std::string& worker) {
  JobSpec spec = launch.job;
  spec.place = worker_folder(sweep_folder, worker);
  spec.folder = job_folder(spec.place);
  spec.config = spec.place;
  spec.name = cat(launch.sweep, "-", worker);
  return spec;
}

void stop_slurm_worker(const std::string& sweep_folder, const std::string& name, bool now) {
  const std::string folder = worker_folder(sweep_folder, name), job = job_folder(folder);
  const std::optional<JobRecord> record = read_job_record(job);
  if (!record) return;
  const std::vector<JobEvent> events = read_job_events(job);
  const JobEvent* end = last_end(events, record->token);
  if (end != nullptr && end->action == "stop") return;
  // Before the signal: the job's end is then not taken for a reason to come back.
  write_file_durably(cancel_mark(folder), utc_now() + " by the sweep\n");
  const SlurmClient slurm(kSlurmPatience);
  const std::string id = find_job(*record, job, slurm);
  if (id.empty()) return;
  if (now) return slurm.cancel(id);
  const auto job_now = slurm.job(id);
  if (!job_now) return;
  if (job_now->count("JobState") > 0 && job_now->at("JobState") != "PENDING") return slurm.signal_batch(id, "USR1");
  slurm.cancel(id);
  LegRecord record_of_leg;  // that it has not begun
  record_of_leg.state = LegRecord::State::kStopped;
  end_open_leg(folder, std::move(record_of_leg));
}

std::unique_ptr<WorkerPool> make_slurm_workers(const std::string& sweep_folder, const SlurmLaunch& launch,
                                               double silence) {
  return std::make_unique<SlurmWorkers>(sweep_folder, launch, silence);
}

}  // namespace broadsheet
