// broadsheet-job: what the script of a Slurm job (slurm/job.sh) asks at its beginning and its end. Not for people.
//
//   broadsheet-job begin JOB        exit 0: go on, and prints the number of this start (BROADSHEET_START);
//                                   3: leave, there is nothing to do; else: leave with that code
//   broadsheet-job end JOB CODE NOTICE      prints "requeue CODE" or "stop CODE"; a successor is submitted already
//
// What it decides is in JOB/events.jsonl, and said in the job's log (stderr).
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>

#include "core/durable.h"
#include "core/path.h"
#include "core/text.h"
#include "experiments/run_config.h"
#include "experiments/run_directory.h"
#include "experiments/run_status.h"
#include "experiments/sweep/mailbox.h"
#include "launcher/answer.h"
#include "launcher/job/evidence.h"
#include "launcher/local_ranks.h"
#include "launcher/program.h"
#include "slurm/client.h"
#include "slurm/job_record.h"
#include "slurm/retry.h"
#include "slurm/submission.h"

namespace broadsheet {
namespace {

constexpr int kLeave = 3;
constexpr int64_t kMostLost = 10;       // starts in a row that ended without a word and without a step
constexpr double kSlackBeforeEnd = 60;  // seconds

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

class Job {
 public:
  explicit Job(std::string folder)
      : folder_(std::move(folder)),
        id_(variable("SLURM_JOB_ID")),
        restart_(std::atoll(variable("SLURM_RESTART_COUNT").c_str())) {
    if (id_.empty())
      throw UserError("usage.job", "broadsheet-job is started by a Slurm job", "type `broadsheet` instead");
    std::ifstream file(folder_ + "/parameters");
    for (std::string line; std::getline(file, line);) {
      const size_t blank = line.find(' ');
      if (blank == std::string::npos) continue;
      const std::string key = line.substr(0, blank), value = line.substr(blank + 1);
      if (key == "verb") verb_ = value;
      if (key == "token") token_ = value;
      if (key == "run_dir") run_dir_ = value;
      if (key == "config") config_file_ = value;
    }
    if (token_.empty())
      throw UserError("slurm.no_parameters", cat(folder_, "/parameters: not there, or without a token"),
                      "submit the run again");
  }

  int begin() {
    if (exists(mark())) return leave("cancelled; `broadsheet submit` starts it again");
    const std::string holder = take_lease(folder_, token_, id_);
    if (holder != id_) return leave(cat("job ", holder, " does this work already; this one is a twin of it"));
    // A sweep may be wanted to go on beyond its results; it says itself when it is finished.
    if (trains() && exists(run_dir_ + "/results.json")) {
      note_finished();
      return leave("the run is finished");
    }
    if (is_worker() && is_retired(place())) return leave("the sweep has given this worker up");
    if (const std::optional<JobEvent> lost = note_lost(); lost && lost->action == "stop") {
      say(lost->detail);
      return 1;
    }
    if (is_on_excluded_node()) return move_away();
    JobEvent event = event_now("start");
    event.nodes = variable("SLURM_JOB_NODELIST");
    append_job_event(folder_, event);
    const int64_t starts = count_starts(read_job_events(folder_));
    make_folders(cat(folder_, "/starts/", starts));
    print_text(cat(starts, "\n"));
    return 0;
  }

  int end(int code, const std::string& notice) {
    const JobEnd end = look(code, notice);
    const Cause cause = cause_of(end);
    Decision decision = decide(cause, end, this_submission(), slurm_config());
    if (is_worker()) leave_to_the_sweep(cause, end, decision);
    if (decision.halve_micro_batch && trains()) halve(end, decision);
    JobEvent event = event_now("end");
    event.code = end.code;
    event.cause = cause_name(cause);
    event.step = end.step;
    if (cause == Cause::kNodeFailure && !end.node.empty()) exclude_node(folder_, end.node);
    event.action = action_name(decision.action);
    event.detail = decision.why;
    append_job_event(folder_, event);
    say(decision.why);
    if (decision.action != Action::kMove) return answer_script(action_name(decision.action), decision.exit_code);
    move_away();
    return answer_script("stop", decision.exit_code);
  }

 private:
  void say(const std::string& what) const {
    std::fprintf(stderr, "%s job %s: %s\n", utc_now().c_str(), id_.c_str(), what.c_str());
  }
  int leave(const std::string& why) const {
    say("leaves at once: " + why);
    return kLeave;
  }
  static int answer_script(const std::string& action, int code) {
    print_text(cat(action, " ", code, "\n"));
    return 0;
  }
  std::string place() const { return parent_folder(folder_); }
  std::string mark() const { return cancel_mark(place()); }
  bool trains() const { return verb_ == "train"; }
  bool is_worker() const { return verb_ == kWorkerFlag; }

  // How a trial failed, its sweep judges, and starts another worker. This one comes back only when it was taken away.
  static void end_leg_of(const std::string& worker, bool failed, int code, const std::string& fault,
                         const std::string& message) {
    LegRecord leg;
    leg.state = failed ? LegRecord::State::kFailed : LegRecord::State::kStopped;
    if (failed)
      leg.failure = {{"error", {{"code", fault.empty() ? "sweep.worker_lost" : fault}, {"message", message}}},
                     {"exit_code", code}};
    end_open_leg(worker, std::move(leg));
  }
  void leave_to_the_sweep(Cause cause, const JobEnd& end, Decision& decision) const {
    const bool left = cause == Cause::kDone || cause == Cause::kCancelled || cause == Cause::kPreempted ||
                      cause == Cause::kTimeLimit || cause == Cause::kNodeFailure;
    const std::string fault = cause == Cause::kOutOfMemory && end.fault.empty() ? "memory.host" : end.fault;
    end_leg_of(place(), !left, end.code, fault, end.message.empty() ? decision.why : end.message);
    if (cause == Cause::kCancelled) decision.why = "cancelled; its sweep starts another worker when it needs one";
    if (left || decision.action == Action::kStop) return;
    decision.action = Action::kStop;
    decision.halve_micro_batch = false;
    decision.exit_code = end.code;
    decision.why = end.message.empty() ? cat("it ended with code ", end.code) : end.message;
  }

  JobEvent event_now(const std::string& what) const {
    JobEvent event;
    event.event = what;
    event.token = token_;
    event.job = id_;
    event.restart = restart_;
    event.time = utc_now();
    return event;
  }

  std::vector<JobEvent> this_submission() const { return read_job_events(folder_); }

  SlurmConfig slurm_config() const {
    const std::string path = folder_ + "/slurm.yaml";
    return exists(path) ? load_slurm_config(path) : SlurmConfig{};
  }

  // By ranks that lived on when Slurm had given their node up.
  void note_finished() {
    const std::vector<JobEvent> events = read_job_events(folder_);
    if (events.empty() || events.back().action == "stop") return;
    JobEvent event = event_now("end");
    event.cause = cause_name(Cause::kDone);
    event.action = action_name(Action::kStop);
    event.detail = "the run was finished before this start of the job began";
    event.step = last_recorded_step(run_dir_);
    append_job_event(folder_, event);
  }

  // The start before this one may have ended without a word: its node is gone, or Slurm has killed it.
  std::optional<JobEvent> note_lost() {
    const std::vector<JobEvent> events = this_submission();
    if (events.empty() || events.back().event != "start") return std::nullopt;
    JobEvent lost = event_now("lost");
    lost.step = trains() ? last_recorded_step(run_dir_) : 0;
    std::vector<std::string> failed = failed_nodes(events.back().nodes);
    // A node may be back by now: its job's log remembers.
    for (const std::string& node : nodes_said_to_fail(last_words(place(), id_), events.back().nodes)) {
      if (std::find(failed.begin(), failed.end(), node) == failed.end()) failed.push_back(node);
    }
    for (const std::string& node : failed) exclude_node(folder_, node);
    const Cause cause = failed.empty() ? Cause::kPreempted : Cause::kNodeFailure;
    lost.cause = cause_name(cause);
    const auto without_progress = std::count_if(events.begin(), events.end(), [&](const JobEvent& event) {
      return event.event == "lost" && event.step >= lost.step;
    });
    const int64_t most = failed.empty() ? kMostLost : slurm_config().retries.node_failure;
    const int64_t now = (failed.empty() ? without_progress : times(events, cause)) + 1;
    lost.action = now > most ? "stop" : "requeue";
    lost.detail = failed.empty() ? "the start before this one was ended by Slurm before it could say so"
                                 : cat("node ", join(failed, ", "), " failed: goes on without it");
    if (lost.action == "stop") lost.detail += cat("; not tried again after ", most, " times");
    append_job_event(folder_, lost);
    // What it had begun goes on from its checkpoint, as a new leg: should the start before still live, it is fenced.
    if (is_worker()) end_leg_of(place(), false, 0, "", "");
    if (lost.action != "stop") say(lost.detail);
    return lost;
  }

  bool is_on_excluded_node() const {
    const std::vector<std::string> excluded = excluded_nodes(folder_);
    if (excluded.empty()) return false;
    const std::vector<std::string> mine = names_of(variable("SLURM_JOB_NODELIST"));
    return std::any_of(excluded.begin(), excluded.end(), [&](const std::string& node) {
      return std::find(mine.begin(), mine.end(), node) != mine.end();
    });
  }

  // A job in the queue cannot be told to stay away from a node by itself; its successor can.
  int move_away() {
    const Submitted next = move_job(folder_, id_, SlurmClient(kSlurmPatience));
    say(cat("job ", next.id, " goes on without ", join(excluded_nodes(folder_), ", ")));
    return kLeave;
  }

  JobEnd look(int code, const std::string& notice) const {
    JobEnd end;
    end.notice = notice;
    end.code = code;
    end.cancelled = exists(mark());
    Failure failure;
    if (find_first_failure(job_start_folder(), &failure, &end.node) && code != 0) {
      end.code = failure.exit_code;
      end.fault = failure.fault.code;
      end.message = failure.message;
    } else if (const std::optional<int> recorded = recorded_job_end(job_start_folder())) {
      end.code = *recorded;
    }
    // srun lets go of its ranks, with 0, when Slurm takes the job away from it.
    const bool no_results = trains() && !exists(run_dir_ + "/results.json");
    const bool no_word = is_worker() && !recorded_job_end(job_start_folder());
    if (end.code == 0 && (no_results || no_word)) {
      end.code = static_cast<int>(ExitCode::kFailed);
      end.message = "what started the ranks ended before they did";
    }
    end.step = trains() ? last_recorded_step(run_dir_) : 0;
    end.step_words = last_words(place(), id_);
    if (end.node.empty()) end.node = node_in(end.step_words);
    const std::vector<std::string> failed = nodes_said_to_fail(end.step_words, variable("SLURM_JOB_NODELIST"));
    if (!failed.empty()) end.node = failed.front();
    const double ends_at = job_end_time();
    end.time_is_up = ends_at > 0 && static_cast<double>(std::time(nullptr)) >
                                        ends_at - static_cast<double>(slurm_config().signal_before) - kSlackBeforeEnd;
    try {
      const auto job = SlurmClient(kSlurmPatience).job(id_);
      end.preempted = is_taken_by_slurm(job, restart_);
      end.cancelled = end.cancelled || is_cancelled_by_slurm(job, end.step_words);
    } catch (const Error& error) {
      say(error.what());
    }
    return end;
  }

  void halve(const JobEnd& end, Decision& decision) const {
    const int64_t divisor = 2 * read_micro_batch_divisor(run_dir_);
    const RunConfig config = load_run_config(config_file_, {});
    const int64_t size =
        config.train.micro_batch_size > 0 ? config.train.micro_batch_size : config.train.tokens_per_pass;
    if (divisor > size) {
      decision.action = Action::kStop;
      decision.exit_code = end.code;
      decision.why = cat("out of memory with the smallest possible passes: not tried again; ", end.message);
      return;
    }
    write_micro_batch_divisor(run_dir_, divisor);
    decision.why += cat(": passes are ", divisor, " times smaller than the file says from now on");
  }

  std::string folder_, id_;
  int64_t restart_;
  std::string verb_, token_, run_dir_, config_file_;
};

int run(const std::vector<std::string>& words) {
  if (words.size() == 2 && words[0] == "begin") return Job(words[1]).begin();
  if (words.size() == 4 && words[0] == "end") return Job(words[1]).end(std::atoi(words[2].c_str()), words[3]);
  throw UserError("usage.job", "wanted begin JOB, or end JOB CODE NOTICE", "type `broadsheet` instead");
}

}  // namespace
}  // namespace broadsheet

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  return broadsheet::answer(/*json=*/false, [&] { return broadsheet::run(words); });
}
