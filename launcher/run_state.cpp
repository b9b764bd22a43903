#include "launcher/run_state.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "core/durable.h"
#include "core/text.h"
#include "launcher/local_ranks.h"
#include "slurm/submission.h"

namespace broadsheet {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kLongestInterval = 300;  // seconds between two squeues
constexpr double kFresh = 120;            // seconds without a record after which a foreign run's lock proves little

std::string fixed(double value, const char* format) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

// What Slurm's reasons mean to somebody who waits.
std::string reason_for_people(const QueuedJob& job) {
  static const std::map<std::string, std::string> kMeanings = {
      {"Resources", "waits for free nodes"},
      {"Priority", "jobs with a higher priority are ahead"},
      {"Dependency", "waits for the job before it"},
      {"DependencyNeverSatisfied", "what it waited for has failed: cancel it"},
      {"BeginTime", "just requeued: Slurm starts it in a moment"},
      {"JobHeldUser", "held: scontrol release lets it go"},
      {"JobHeldAdmin", "held by an administrator"},
      {"PartitionTimeLimit", "slurm.time is longer than the partition allows"},
      {"PartitionNodeLimit", "slurm.nodes is more than the partition allows"},
      {"ReqNodeNotAvail", "its nodes are down or reserved"},
      {"QOSMaxJobsPerUserLimit", "as many jobs as you may have run already"},
      {"AssocGrpCpuLimit", "the account's cores are in use"},
      {"job requeued in held state", "held: scontrol release lets it go"},
      {"launch failed requeued held", "a node could not start it: scontrol release tries again"}};
  if (job.reason == "None") return "";
  const auto found = kMeanings.find(job.reason);
  std::string text = found == kMeanings.end() ? job.reason : cat(found->second, " (", job.reason, ")");
  if (!job.start.empty()) text += ", expected at " + job.start;
  return text;
}

bool has_started(const std::vector<JobEvent>& events, const std::string& token) {
  return std::any_of(events.begin(), events.end(), [&](const JobEvent& event) { return event.token == token; });
}

void tell_end(JobState& state, const JobEvent& end) {
  state.state = end.cause == "cancelled" ? "cancelled" : end.cause == "done" ? "finished" : "failed";
  state.why = end.detail;
}

// Of a run that Slurm has, or had.
void look_at_job(JobState& state, const JobRecord& record, QueueView& queue) {
  state.job = record.id;
  const std::vector<JobEvent> events = read_job_events(job_folder(state.progress.folder));
  state.restarts = std::max<int64_t>(0, count_starts(events) - 1);
  const JobEvent* end = last_end(events, record.token);
  if (end != nullptr && end->action == "stop") return tell_end(state, *end);
  if (const QueuedJob* job = queue.find(record)) {
    state.job = job->id;
    state.where = job->nodes;
    const bool trains = !events.empty() && events.back().event == "start" && exists(state.progress.folder + "/lock");
    // Slurm was asked a while ago; a run that writes its records runs.
    if (job->waits() && trains && state.progress.idle_seconds >= 0 && state.progress.idle_seconds < kFresh) {
      state.state = "running";
    } else if (job->waits()) {
      state.state = "waiting";
      state.why = reason_for_people(*job);
    } else if (job->lives()) {
      state.state = exists(state.progress.folder + "/lock") ? "running" : "starting";
      if (job->state != "RUNNING") state.why = job->state;
    } else {
      state.state = job->state == "CANCELLED" ? "cancelled" : "lost";
      state.why =
          cat("Slurm says ", job->state, job->reason.empty() || job->reason == "None" ? "" : ", " + job->reason);
    }
    return;
  }
  if (!queue.known()) {
    state.state = exists(state.progress.folder + "/lock") ? "running" : "unknown";
    state.why = queue.trouble();
    return;
  }
  state.state = "lost";
  state.why = has_started(events, record.token)
                  ? cat("Slurm does not know job ", record.id, " any more, and it left no end: submit it again")
              : record.id.empty()
                  ? "the submission was cut off: submit it again"
                  : cat("job ", record.id, " never started and Slurm does not know it: submit it again");
}

// By its own records, so that Slurm need not be asked.
bool is_over(const std::string& folder, const JobRecord& record) {
  const std::vector<JobEvent> events = read_job_events(job_folder(folder));
  const JobEvent* end = last_end(events, record.token);
  return exists(folder + "/results.json") || (end != nullptr && end->action == "stop");
}

void look_at_end(JobState& state) {
  const RunProgress& progress = state.progress;
  Failure failure;
  const std::string attempt = cat(progress.folder, "/logs/attempt-", progress.attempts);
  if (find_first_failure(attempt, &failure) || exists(attempt + "/end.json")) {
    state.state = "failed";
    state.why = failure.message.substr(0, failure.message.find('\n'));
    if (state.why.empty()) state.why = "see " + attempt;
    return;
  }
  state.state = progress.begun ? "stopped" : "waiting";
  if (progress.begun)
    state.why = progress.last_checkpoint >= 0 ? cat("the same command goes on from step ", progress.last_checkpoint)
                                              : "before its first checkpoint";
}

}  // namespace

const JobEvent* last_end(const std::vector<JobEvent>& events, const std::string& token) {
  for (auto event = events.rbegin(); event != events.rend(); ++event) {
    if (event->token == token) return event->event == "start" ? nullptr : &*event;
  }
  return nullptr;
}

QueueView::QueueView(double every_seconds) : every_(every_seconds), interval_(every_seconds) {}

double QueueView::age() const {
  return asked_once_ ? std::chrono::duration<double>(Clock::now() - asked_).count()
                     : std::numeric_limits<double>::infinity();
}

void QueueView::refresh() {
  if (age() >= interval_) ask();
}

void QueueView::ask() {
  asked_ = Clock::now();
  const bool first = !std::exchange(asked_once_, true);
  const auto shape = [](const std::vector<QueuedJob>& jobs) {
    std::string text;
    for (const QueuedJob& job : jobs) text += cat(job.id, job.state, job.reason, ";");
    return text;
  };
  try {
    std::vector<QueuedJob> jobs = SlurmClient().queue();
    const bool same = !first && known_ && shape(jobs) == shape(jobs_);
    interval_ = same ? std::min(1.5 * interval_, std::max(every_, kLongestInterval)) : every_;
    jobs_ = std::move(jobs);
    known_ = true;
    trouble_.clear();
  } catch (const Error& error) {
    known_ = false;
    trouble_ = error.what();
  }
}

const QueuedJob* QueueView::find(const JobRecord& record) const {
  const auto found =
      std::find_if(jobs_.begin(), jobs_.end(), [&](const QueuedJob& job) { return is_job_of(record, job); });
  return found == jobs_.end() ? nullptr : &*found;
}

std::optional<JobState> state_of_job(const std::string& folder, QueueView& queue) {
  const std::optional<JobRecord> record = read_job_record(job_folder(folder));
  if (!record) return std::nullopt;
  const std::vector<JobEvent> events = read_job_events(job_folder(folder));
  const JobEvent* end = last_end(events, record->token);
  if (end == nullptr || end->action != "stop") queue.refresh();
  JobState state;
  state.progress.folder = folder;
  look_at_job(state, *record, queue);
  return state;
}

JobState state_of_run(const std::string& folder, QueueView& queue) {
  JobState state;
  const std::optional<JobRecord> record = read_job_record(job_folder(folder));
  // First Slurm, which may take its time to answer: what the run has written is then as new as can be.
  if (record && !is_over(folder, *record)) queue.refresh();
  state.progress = read_progress(folder);
  const RunProgress& progress = state.progress;
  state.restarts = std::max<int64_t>(0, progress.attempts - 1);
  const std::optional<LockHolder> holder = look_at_lock(folder + "/lock");
  if (record) state.job = record->id;
  if (progress.finished) {
    state.state = "finished";
    if (record) state.restarts = std::max(state.restarts, count_starts(read_job_events(job_folder(folder))) - 1);
    return state;
  }
  // A lock says of itself whether it belongs to a job of ours; if not, somebody trains here by hand.
  const bool by_hand = holder && !starts_with(holder->job, "submitted in ");
  if (by_hand && !holder->gone) {
    state.state = "running";
    state.where = holder->host;
    if (!holder->here && progress.idle_seconds > kFresh)
      state.why = cat("on ", holder->host, ", silent for ", human_duration(progress.idle_seconds));
    return state;
  }
  if (exists(cancel_mark(folder)) && !holder) {
    state.state = "cancelled";
    if (progress.last_checkpoint >= 0) state.why = cat("kept: the checkpoint of step ", progress.last_checkpoint);
    return state;
  }
  if (record) {
    look_at_job(state, *record, queue);
  } else {
    look_at_end(state);
  }
  return state;
}

std::string status_line(const JobState& state, size_t name_width) {
  const RunProgress& progress = state.progress;
  std::string name = progress.name;
  if (name.size() < name_width) name.resize(name_width, ' ');
  std::vector<std::string> parts;
  if (progress.step >= 0 && progress.total_steps > 0) {
    parts.push_back(cat("step ", progress.step, "/", progress.total_steps, " (",
                        100 * progress.step / std::max<int64_t>(1, progress.total_steps), " %)"));
  } else if (progress.step >= 0) {
    parts.push_back(cat("step ", progress.step));
  }
  if (progress.loss) parts.push_back("loss " + fixed(*progress.loss, "%.4f"));
  if (progress.best)
    parts.push_back(cat(progress.metric, " ", fixed(*progress.best, "%.4f"), " at ", progress.best_step));
  if (state.state == "running" && progress.tokens_per_second > 0)
    parts.push_back(cat(with_thousands(std::llround(progress.tokens_per_second)), " tokens/s"));
  if (state.state == "running" && progress.seconds_left >= 0)
    parts.push_back(human_duration(progress.seconds_left) + " left");
  if (!state.job.empty()) parts.push_back(cat("job ", state.job, state.where.empty() ? "" : " on " + state.where));
  if (state.restarts > 0) parts.push_back(cat(state.restarts, state.restarts == 1 ? " restart" : " restarts"));
  if (!state.why.empty()) parts.push_back(state.why);
  std::string word = state.state;
  word.resize(std::max<size_t>(9, word.size()), ' ');
  return cat(name, "  ", word, "  ", join(parts, ", "));
}

nlohmann::json to_json(const JobState& state) {
  const RunProgress& progress = state.progress;
  const auto or_null = [](bool known, const nlohmann::json& value) { return known ? value : nlohmann::json(); };
  return {{"name", progress.name},
          {"run_dir", progress.folder},
          {"state", state.state},
          {"why", state.why},
          {"job_id", or_null(!state.job.empty(), state.job)},
          {"where", or_null(!state.where.empty(), state.where)},
          {"restarts", state.restarts},
          {"step", or_null(progress.step >= 0, progress.step)},
          {"total_steps", or_null(progress.total_steps > 0, progress.total_steps)},
          {"loss", or_null(progress.loss.has_value(), progress.loss.value_or(0))},
          {"metric", or_null(!progress.metric.empty(), progress.metric)},
          {"best", or_null(progress.best.has_value(), progress.best.value_or(0))},
          {"best_step", or_null(progress.best.has_value(), progress.best_step)},
          {"tokens_per_second", or_null(progress.tokens_per_second > 0, progress.tokens_per_second)},
          {"seconds_left", or_null(progress.seconds_left >= 0, progress.seconds_left)},
          {"last_checkpoint", or_null(progress.last_checkpoint >= 0, progress.last_checkpoint)}};
}

}  // namespace broadsheet
