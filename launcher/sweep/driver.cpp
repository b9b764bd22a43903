#include "launcher/sweep/driver.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "core/log.h"
#include "core/path.h"
#include "core/text.h"
#include "experiments/sweep/sweep_results.h"
#include "launcher/sweep/watch.h"
#include "slurm/job_record.h"

namespace broadsheet {
namespace {

constexpr double kLookAtWorkers = 1;  // seconds between two looks at whether they live
constexpr double kShowOnTerminal = 1, kShowOnPipe = 5;
constexpr double kTimeToStop = 600;  // for workers to save
// After so long the trial of a worker that has not begun goes to one that has nothing to do.
constexpr double kPatienceWithPending = 10;
constexpr int64_t kMostStillborn = 5;
constexpr int kStopSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

const nlohmann::json& error_of(const nlohmann::json& failure) {
  static const nlohmann::json nothing = nlohmann::json::object();
  const auto found = failure.is_object() ? failure.find("error") : failure.end();
  return failure.is_object() && found != failure.end() && found->is_object() ? *found : nothing;
}

const char* word_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kRetry:
      return "retry";
    case Verdict::kRetrySmaller:
      return "smaller";
    case Verdict::kInfeasible:
      return "infeasible";
    case Verdict::kFailed:
      return "failed";
  }
  return "";
}

int64_t divisor_of(const std::string& folder) {
  try {
    return read_micro_batch_divisor(folder);
  } catch (const UserError&) {
    return 1;
  }
}

// A stop signal that waits, taken; 0: none. They are held (hold_stop_signals).
int pending_signal() {
  sigset_t all;
  sigemptyset(&all);
  for (const int number : kStopSignals) sigaddset(&all, number);
  const timespec at_once{0, 0};
  const int number = ::sigtimedwait(&all, nullptr, &at_once);
  return number > 0 ? number : 0;
}

}  // namespace

TrialPlan plan_trial(const RunConfig& config, const EarlyTerminationConfig& termination,
                     const std::vector<int64_t>& rungs, int64_t examples) {
  const StepCounts counts = count_steps(examples, config.train, config.validation);
  TrialPlan plan{counts.total_steps, {}};
  for (const int64_t rung : rungs) {
    const int64_t step = termination.resource == "epochs" ? rung * counts.steps_per_epoch : rung;
    if (step < plan.total_steps) plan.gate_steps.push_back(step);
  }
  return plan;
}

SweepDriver::SweepDriver(const Sweep& sweep, const SweepDirectory& directory, Study& study, Journal& journal,
                         WorkerPool& workers, int64_t examples)
    : sweep_(sweep),
      directory_(directory),
      study_(study),
      journal_(journal),
      workers_(workers),
      examples_(examples),
      slots_(static_cast<size_t>(sweep.config.concurrency)),
      start_(now()) {}

double SweepDriver::seconds() const {
  return now() - start_;
}

void SweepDriver::record(const nlohmann::json& event) {
  record_all(std::vector<nlohmann::json>(1, event));
}

void SweepDriver::record_all(std::vector<nlohmann::json> events) {
  for (nlohmann::json& event : events) {
    event["time"] = seconds();
    study_.apply(event);
    if (event.at("event") == "end") unclean_.insert(event.at("trial").get<int64_t>());
    unwritten_.push_back(std::move(event));
  }
  untidy_ = true;
}

void SweepDriver::write_journal() {
  if (unwritten_.empty()) return;
  journal_.append(unwritten_);
  unwritten_.clear();
}

SweepOutcome SweepDriver::run() {
  SweepOutcome outcome;
  record({{"event", "driver"}, {"number", journal_.driver()}, {"process", ::getpid()}});
  earlier_ = study_.driver_seconds();
  adopt();
  while (true) {
    bool news = false;
    for (Slot& slot : slots_) news = tend(slot) || news;
    check_workers();
    if (asked_to_stop(outcome)) break;
    if (!stopping_) {
      if (!study_.finished() && over_budget()) finish("budget");
      if (!study_.finished() && !study_.common_fault().empty()) finish("fault");
      for (Slot& slot : slots_) news = give_work(slot) || news;
      if (!study_.finished() && study_.everything_ended()) finish("done");
      if (study_.finished() && study_.everything_ended()) break;
      if (study_.finished() && !std::exchange(told_to_end_, true)) stop_trials(false);
    }
    write_journal();
    show(false);
    clean_up();
    if (!news) watch_.wait(std::min(workers_.look_every(), kShowOnTerminal));
  }
  write_journal();
  clean_up();
  for (Slot& slot : slots_) {
    if (slot.worker.empty() || outcome.workers_stay) continue;
    // It need not come any more.
    if (workers_.look(slot.worker).state == WorkerLife::State::kStarting) workers_.stop(slot.worker, true);
    TrialTask leave;
    leave.sequence = slot.sequence + 1;
    leave.driver = journal_.driver();
    leave.leave = true;
    write_task(worker_folder(directory_.folder(), slot.worker), leave);
  }
  show(true);
  if (study_.finish_reason() == "fault") outcome.fault = study_.common_fault();
  return outcome;
}

// What an earlier start of the driver has left: workers that live go on, the others' trials are taken up again.
void SweepDriver::adopt() {
  for (const Trial& trial : study_.trials())
    if (trial.ended() || trial.at_rung) unclean_.insert(trial.number);
  size_t free = 0;
  for (const std::string& name : study_.workers()) {
    worker_number_ = std::max(worker_number_, static_cast<int64_t>(std::atoll(name.c_str() + 1)));
    const std::string folder = worker_folder(directory_.folder(), name);
    if (!exists(folder) || is_retired(folder)) continue;
    const bool wanted = free < wanted_slots(), gone = workers_.look(name).state == WorkerLife::State::kGone;
    if (gone || !wanted) retire(folder);
    if (gone) continue;
    // More than are wanted now: they save first.
    if (!wanted) slots_.emplace_back();
    adopt_worker(name, slots_[free++]);
    if (!wanted) workers_.stop(name, false);
  }
  for (const Trial& trial : study_.trials()) one_came_ = one_came_ || trial.step > 0 || trial.ended();
  // Trials whose workers are gone: in a slot of their own, so that tend() sees how they ended.
  for (const Trial& trial : study_.trials()) {
    const bool held =
        std::any_of(slots_.begin(), slots_.end(), [&](const Slot& one) { return one.trial == trial.number; });
    if (!trial.has_worker() || held) continue;
    Slot orphan;
    orphan.worker = trial.worker;
    orphan.trial = trial.number;
    if (!look_at_leg(orphan) || study_.trial(trial.number).has_worker())
      lose(orphan, "its worker ended while no driver ran", !workers_.look(trial.worker).left);
  }
}

void SweepDriver::adopt_worker(const std::string& name, Slot& slot) {
  slot.worker = name;
  slot.since = slot.busy_since = seconds();
  slot.lived = workers_.look(name).state == WorkerLife::State::kLives;
  one_came_ = one_came_ || slot.lived;
  const std::string folder = worker_folder(directory_.folder(), name);
  watch_.add(folder);
  const std::optional<TrialTask> task = read_task(folder);
  if (task) slot.sequence = task->sequence;
  for (const Trial& trial : study_.trials()) {
    if (!trial.has_worker() || trial.worker != name) continue;
    slot.trial = trial.number;
    watch_.add(trial_folder(directory_.folder(), trial.number));
    const bool told = task && task->trial == trial.number && task->leg == trial.legs;
    if (!told) send(slot);
    say(cat("trial ", trial.number, " goes on in worker ", name));
  }
}

// True when something happened.
bool SweepDriver::tend(Slot& slot) {
  return slot.trial >= 0 && look_at_leg(slot);
}

bool SweepDriver::look_at_leg(Slot& slot) {
  const Trial& trial = study_.trial(slot.trial);
  const std::string folder = trial_folder(directory_.folder(), slot.trial);
  const std::string identity = file_identity(leg_file(folder, trial.legs));
  if (identity.empty() || identity == slot.seen) return false;
  const std::optional<LegRecord> leg = read_leg(folder, trial.legs);
  if (!leg) return false;
  slot.seen = identity;
  slot.lived = one_came_ = true;
  if (leg->ended()) {
    end_leg(slot, *leg);
  } else {
    answer(slot, *leg);
  }
  return true;
}

void SweepDriver::answer(Slot& slot, const LegRecord& leg) {
  const int64_t number = slot.trial;
  const auto trial = [&]() -> const Trial& { return study_.trial(number); };
  if (trial().told_step < leg.step && !(trial().at_rung && trial().step == leg.step)) {
    const RunConfig config =
        trial_config(sweep_, trial().parameters, trial().repeat, trial_folder(directory_.folder(), number));
    const TrialPlan plan = plan_trial(config, sweep_.config.early_terminate, study_.rungs(), examples_);
    const auto found = std::find(plan.gate_steps.begin(), plan.gate_steps.end(), leg.step);
    record({{"event", "report"},
            {"trial", number},
            {"leg", trial().legs},
            {"rung", found - plan.gate_steps.begin()},
            {"step", leg.step},
            {"value", leg.value ? nlohmann::json(*leg.value) : nlohmann::json()}});
  }
  if (trial().told_step != leg.step) {
    const Work work = stopping_ ? Work{} : study_.next(number);
    const bool go_on = work.kind == Work::Kind::kTrial && work.trial == number;
    record({{"event", "answer"}, {"trial", number}, {"leg", trial().legs}, {"step", leg.step}, {"go_on", go_on}});
  }
  if (slot.replied == leg.step) return;
  write_journal();
  write_reply(worker_folder(directory_.folder(), slot.worker), {number, trial().legs, leg.step, !trial().at_rung});
  slot.replied = leg.step;
}

void SweepDriver::end_leg(Slot& slot, const LegRecord& leg) {
  const Trial& trial = study_.trial(slot.trial);
  const std::string folder = trial_folder(directory_.folder(), slot.trial);
  nlohmann::json event = {
      {"event", "end"},         {"trial", slot.trial},
      {"leg", trial.legs},      {"state", state_name(leg.state)},
      {"step", leg.step},       {"value", leg.value ? nlohmann::json(*leg.value) : nlohmann::json()},
      {"seconds", leg.seconds}, {"cores", leg.cores}};
  int64_t smaller = 0;  // by how much the passes of the next leg are smaller, when they are to be
  if (leg.state == LegRecord::State::kFailed) {
    const int64_t divisor = divisor_of(folder);
    const RunConfig config = trial_config(sweep_, trial.parameters, trial.repeat, folder);
    const Verdict verdict =
        judge_failure(leg.failure, trial.failures, sweep_.config.max_failures, divisor, config.train.global_batch_size);
    const nlohmann::json& error = error_of(leg.failure);
    event["verdict"] = word_of(verdict);
    event["code"] = error.value("code", "");
    event["why"] = error.value("message", "it failed");
    smaller = verdict == Verdict::kRetrySmaller ? 2 * divisor : 0;
    warn(cat("trial ", slot.trial, ": ", first_line(event["why"].get<std::string>()), "; ",
             verdict == Verdict::kRetry          ? "it is tried again"
             : verdict == Verdict::kRetrySmaller ? "it is tried again in smaller passes"
             : verdict == Verdict::kInfeasible   ? "it counts as infeasible"
                                                 : "it counts as failed"));
  }
  record(event);
  if (smaller > 0) {
    write_journal();  // the other way about, a driver killed in between would halve twice
    write_micro_batch_divisor(folder, smaller);
  }
  watch_.remove(folder);
  slot.trial = -1;
  slot.seen.clear();
  slot.replied = -1;
  if (!leg.worker_leaves) return;
  write_journal();
  retire(worker_folder(directory_.folder(), slot.worker));
  watch_.remove(worker_folder(directory_.folder(), slot.worker));
  slot = {};
}

void SweepDriver::check_workers() {
  if (seconds() - looked_ < kLookAtWorkers) return;
  looked_ = seconds();
  for (Slot& slot : slots_) {
    if (slot.worker.empty()) continue;
    const WorkerLife life = workers_.look(slot.worker);
    if (life.state == WorkerLife::State::kLives) {
      if (!slot.lived) slot.busy_since = seconds();
      slot.lived = one_came_ = true;
      slot.passed_over = false;
      stillborn_ = 0;
    }
    if (life.state == WorkerLife::State::kStarting || life.state == WorkerLife::State::kLives) continue;
    if (life.state == WorkerLife::State::kGone && !slot.lived && ++stillborn_ >= kMostStillborn)
      throw RunError("sweep.workers",
                     cat(stillborn_, " workers in a row ended before they began; the last one: ", life.why),
                     cat("see what is in ", worker_folder(directory_.folder(), slot.worker)));
    // What it wrote last may have come between the two looks.
    if (tend(slot) && slot.trial < 0 && life.state == WorkerLife::State::kGone) slot = {};
    if (!slot.worker.empty()) lose(slot, life.why, !life.left);
  }
}

// The worker is given up; its trial, if it had begun one, failed for a cause that a retry may help.
void SweepDriver::lose(Slot& slot, const std::string& why, bool begun) {
  const std::string folder = worker_folder(directory_.folder(), slot.worker);
  retire(folder);
  workers_.stop(slot.worker, true);
  if (slot.trial >= 0) {
    LegRecord leg;
    leg.state = begun ? LegRecord::State::kFailed : LegRecord::State::kStopped;
    leg.step = study_.trial(slot.trial).step;
    leg.value = study_.trial(slot.trial).value;
    leg.cores = study_.trial(slot.trial).cores;
    leg.failure = {{"error", {{"code", "sweep.worker_lost"}, {"message", cat("worker ", slot.worker, ": ", why)}}},
                   {"exit_code", 1}};
    end_leg(slot, leg);
  }
  watch_.remove(folder);
  slot = {};
}

// True when the study has changed: whoever waited may have work now.
bool SweepDriver::give_work(Slot& slot) {
  const bool wanted = static_cast<size_t>(&slot - slots_.data()) < wanted_slots();
  if (slot.trial >= 0 || !wanted || slot.passed_over || study_.finished()) return false;
  if (take_from_pending(slot)) return true;
  const Work work = study_.next();
  if (work.kind == Work::Kind::kSuggest) {
    std::vector<nlohmann::json> events = study_.suggest();
    if (events.empty()) events.push_back(nlohmann::json::object({{"event", "exhausted"}}));
    record_all(std::move(events));
    return give_work(slot) || true;
  }
  if (work.kind != Work::Kind::kTrial) return false;
  try {
    const std::string folder = trial_folder(directory_.folder(), work.trial);
    const Trial& trial = study_.trial(work.trial);
    trial_config(sweep_, trial.parameters, trial.repeat, folder);
  } catch (const UserError& error) {
    refuse_trial(work.trial, error);
    return true;
  }
  if (slot.worker.empty() && !start_worker(slot)) return false;
  start_leg(slot, work.trial);
  return true;
}

// Note [A trial that changes hands]
// A job may wait in the queue for hours with a trial that a worker without work could train now. The trial's leg is
// ended (journal), then the waiting worker's mailbox is emptied, then the free one gets the trial as its next leg.
// Should the job begin between any two of these and read the old task, two workers would train the same trial: the
// later leg takes the run directory over from the earlier one and fences it off (core/fence.h: a leg is a start of the
// same job), and of legs that have ended in the journal nobody reads anything.
bool SweepDriver::take_from_pending(Slot& slot) {
  if (slot.worker.empty() || !slot.lived) return false;
  for (Slot& other : slots_) {
    const bool pending = !other.worker.empty() && !other.lived && other.trial >= 0;
    if (!pending || seconds() - other.since < kPatienceWithPending) continue;
    const int64_t trial = other.trial;
    say(cat("trial ", trial, " goes to worker ", slot.worker, ", as ", other.worker, " has not begun"));
    withdraw(other);
    start_leg(slot, trial);
    return true;
  }
  return false;
}

void SweepDriver::withdraw(Slot& slot) {
  LegRecord leg;
  leg.state = LegRecord::State::kStopped;
  leg.step = study_.trial(slot.trial).step;
  leg.value = study_.trial(slot.trial).value;
  leg.cores = study_.trial(slot.trial).cores;
  end_leg(slot, leg);
  write_journal();
  TrialTask nothing;
  nothing.sequence = ++slot.sequence;
  nothing.driver = journal_.driver();
  write_task(worker_folder(directory_.folder(), slot.worker), nothing);
  slot.passed_over = true;
}

void SweepDriver::refuse_trial(int64_t number, const UserError& error) {
  const int64_t leg = study_.trial(number).legs + 1;
  const nlohmann::json begun = {{"event", "leg"}, {"trial", number}, {"leg", leg}, {"worker", ""}};
  const nlohmann::json refused = {{"event", "end"},
                                  {"trial", number},
                                  {"leg", leg},
                                  {"state", "failed"},
                                  {"step", 0},
                                  {"value", nullptr},
                                  {"seconds", 0.0},
                                  {"cores", 1},
                                  {"verdict", "infeasible"},
                                  {"code", error.faults().front().code},
                                  {"why", error.what()}};
  record_all({begun, refused});
  warn(cat("trial ", number, " counts as infeasible: ", first_line(error.what())));
}

void SweepDriver::start_leg(Slot& slot, int64_t trial) {
  record({{"event", "leg"}, {"trial", trial}, {"leg", study_.trial(trial).legs + 1}, {"worker", slot.worker}});
  slot.trial = trial;
  slot.busy_since = seconds();
  slot.seen.clear();
  slot.replied = -1;
  send(slot);
}

// False: not now.
bool SweepDriver::start_worker(Slot& slot) {
  if (seconds() < start_again_) return false;
  char name[32];
  std::snprintf(name, sizeof name, "w%04lld", static_cast<long long>(++worker_number_));
  slot = {};
  slot.worker = name;
  slot.since = seconds();
  record({{"event", "worker"}, {"name", slot.worker}, {"on", sweep_.config.on}});
  write_journal();
  try {
    workers_.start(slot.worker, &slot - slots_.data());
  } catch (const UserError& error) {
    if (!one_came_) throw;
    start_later(slot, error);
  } catch (const RunError& error) {
    start_later(slot, error);
  }
  if (start_again_ > seconds()) {
    slot = {};
    return false;
  }
  start_pause_ = kFirstPause;
  if (!std::exchange(start_trouble_, "").empty()) say("workers can be started again");
  watch_.add(worker_folder(directory_.folder(), slot.worker));
  return true;
}

// The sweep goes on with the workers that it has, and tries again: soon, then less and less often.
void SweepDriver::start_later(const Slot& slot, const Error& error) {
  retire(worker_folder(directory_.folder(), slot.worker));
  start_again_ = seconds() + start_pause_;
  start_pause_ = std::min(2 * start_pause_, kLongestPause);
  if (std::exchange(start_trouble_, error.what()) != error.what())
    warn(cat("a worker cannot be started now, it is tried again: ", first_line(error.what())));
}

// Writes the task that the journal says this worker has.
void SweepDriver::send(Slot& slot) {
  const Trial& trial = study_.trial(slot.trial);
  const std::string folder = trial_folder(directory_.folder(), slot.trial);
  const RunConfig config = trial_config(sweep_, trial.parameters, trial.repeat, folder);
  const TrialPlan plan = plan_trial(config, sweep_.config.early_terminate, study_.rungs(), examples_);
  write_journal();
  make_folders(folder);
  watch_.add(folder);
  TrialTask task;
  task.sequence = ++slot.sequence;
  task.driver = journal_.driver();
  task.trial = slot.trial;
  task.leg = trial.legs;
  task.folder = folder;
  task.config = to_yaml(config);
  const size_t first = std::min(trial.rung, plan.gate_steps.size());
  task.gate_steps.assign(plan.gate_steps.begin() + static_cast<ptrdiff_t>(first), plan.gate_steps.end());
  // Once it is not among the best, it never will be. With repeats means are compared, which nobody knows yet.
  if (sweep_.config.repeat == 1) task.model_above = study_.kth_best(sweep_.config.keep_best);
  task.maximize = sweep_.maximize;
  task.token = cat("trial ", slot.trial, " of ", directory_.folder());
  write_task(worker_folder(directory_.folder(), slot.worker), task);
}

// What runs counts as it goes: no event may come for hours.
bool SweepDriver::over_budget() const {
  const SweepBudget& budget = sweep_.config.budget;
  const LaunchConfig& launch = sweep_.base.launch;
  double core_seconds = study_.core_seconds();
  for (const Slot& slot : slots_)
    if (slot.trial >= 0 && slot.lived)
      core_seconds += (seconds() - slot.busy_since) * static_cast<double>(launch.ranks * launch.threads_per_rank);
  return (budget.hours > 0 && elapsed() > 3600 * budget.hours) ||
         (budget.core_hours > 0 && core_seconds > 3600 * budget.core_hours);
}

void SweepDriver::finish(const std::string& why) {
  record({{"event", "finished"}, {"why", why}});
  for (const Trial& trial : study_.trials())
    if (trial.at_rung) unclean_.insert(trial.number);
}

// Only the best keep models and checkpoints, and those that may be promoted.
void SweepDriver::clean(int64_t number) {
  const std::string folder = trial_folder(directory_.folder(), number);
  std::error_code ignored;
  for (const char* name : {"/checkpoints", "/model"}) std::filesystem::remove_all(folder + name, ignored);
  for (int64_t leg = 1; leg <= study_.trial(number).legs; ++leg) ::unlink(leg_file(folder, leg).c_str());
}

void SweepDriver::clean_up() {
  if (!std::exchange(untidy_, false)) return;
  write_journal();
  const std::vector<int64_t> kept = study_.kept();
  for (auto number = unclean_.begin(); number != unclean_.end();) {
    const Trial& trial = study_.trial(*number);
    const bool over = trial.ended() || (study_.finish_reason() == "done" && trial.state == Trial::State::kPaused);
    const bool stays = std::find(kept.begin(), kept.end(), trial.number) != kept.end();
    if (over && !stays) {
      clean(trial.number);
      number = unclean_.erase(number);
    } else {
      ++number;
    }
  }
}

void SweepDriver::stop_trials(bool at_once) {
  write_journal();
  for (const Slot& slot : slots_)
    if (!slot.worker.empty() && (slot.trial >= 0 || at_once)) workers_.stop(slot.worker, at_once);
}

// True: leave now.
bool SweepDriver::asked_to_stop(SweepOutcome& outcome) {
  const int number = pending_signal();
  const bool cancelled = exists(cancel_mark(directory_.folder()));
  if (!directory_.held())
    throw RunError("sweep.fenced", cat(directory_.folder(), ": another driver has taken this sweep over"),
                   "leave it to that one");
  if (stopping_ && number != 0 && number != SIGUSR1 && number != SIGUSR2) {
    stop_trials(true);
    outcome = {SweepEnd::kLeft, number, "", false};
    return true;
  }
  if (!stopping_ && number != 0 && !cancelled && workers_.stay_without_driver()) {
    say("leaving: the workers go on, the next start of this job takes them up");
    outcome = {SweepEnd::kStopped, number, "", true};
    return true;
  }
  if (!stopping_ && (number != 0 || cancelled)) {
    say("stopping: the trials save first; once more leaves at once");
    stopping_ = true;
    stopping_since_ = seconds();
    stop_trials(false);
  }
  if (!stopping_) return false;
  outcome.end = SweepEnd::kStopped;
  return study_.everything_ended() || seconds() - stopping_since_ > kTimeToStop;
}

// On a terminal a table that stands still; otherwise a line whenever something changed, not too often.
void SweepDriver::show(bool last) {
  const bool terminal = console_is_terminal();
  if (!last && seconds() - shown_ < (terminal ? kShowOnTerminal : kShowOnPipe)) return;
  shown_ = seconds();
  SweepView view = study_.view(directory_.folder());
  view.elapsed_seconds = elapsed();
  if (!terminal) {
    const std::string text = "sweep: " + sweep_line(view);
    if (const std::string left = time_left(view); text != last_line_)
      log_info(left.empty() ? text : cat(text, ", ", left));
    last_line_ = text;
    return;
  }
  add_progress(view);
  const std::string table = sweep_table(view, width_of_terminal(STDERR_FILENO), colour_allowed());
  wipe_table();
  std::fputs(table.c_str(), stderr);
  std::fflush(stderr);
  drawn_lines_ = last ? 0 : std::count(table.begin(), table.end(), '\n');
}

// Before a line of the log, which would otherwise stand in the middle of it.
void SweepDriver::wipe_table() {
  if (drawn_lines_ > 0) std::fprintf(stderr, "\x1b[%lldA\x1b[J", static_cast<long long>(drawn_lines_));
  drawn_lines_ = 0;
}

void SweepDriver::say(const std::string& text) {
  wipe_table();
  log_info(text);
}

void SweepDriver::warn(const std::string& text) {
  wipe_table();
  log_warning(text);
}

}  // namespace broadsheet
