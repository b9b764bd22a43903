#include "experiments/sweep/study.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

constexpr int64_t kAlikeToGiveUp = 3;
// A trial that is stopped again and again before it has made a step would be started for ever.
constexpr int64_t kMostIdleLegs = 10;
constexpr int64_t kTrialsToGuessBy = 3;

const char* state_name(const Trial& trial, bool sweep_finished) {
  switch (trial.state) {
    case Trial::State::kWaiting:
      return "waiting";
    case Trial::State::kRunning:
    case Trial::State::kAtRung:
      return "running";
    case Trial::State::kPaused:
      return sweep_finished ? "pruned" : "paused";
    case Trial::State::kDone:
      return "done";
    case Trial::State::kInfeasible:
      return "infeasible";
    case Trial::State::kFailed:
      return "failed";
  }
  return "";
}

std::string string_in(const nlohmann::json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

Verdict judge_failure(const nlohmann::json& failure, int64_t failures, int64_t max_failures, int64_t divisor,
                      int64_t global_batch_size) {
  const nlohmann::json error = failure.is_object() ? failure.value("error", nlohmann::json()) : nlohmann::json();
  const std::string code = string_in(error, "code");
  const int exit_code = failure.is_object() ? failure.value("exit_code", 1) : 1;
  if (code == "memory") return divisor < global_batch_size ? Verdict::kRetrySmaller : Verdict::kInfeasible;
  if (code == "train.diverged" || exit_code == static_cast<int>(ExitCode::kUser)) return Verdict::kInfeasible;
  if (exit_code == static_cast<int>(ExitCode::kBug)) return Verdict::kFailed;
  return failures + 1 < max_failures ? Verdict::kRetry : Verdict::kFailed;
}

Study::Study(const Sweep& sweep)
    : sweep_(sweep), sampler_(make_sampler(sweep.space, {sweep.config.method, sweep.config.seed})) {}

void Study::apply(const nlohmann::json& event) {
  const std::string kind = event.at("event").get<std::string>();
  driver_now_ = std::max(driver_now_, event.value("time", 0.0));
  if (kind == "driver") {
    driver_seconds_ += driver_now_;
    driver_now_ = 0;
  } else if (kind == "begin") {
    const SweepConfig& config = sweep_.config;
    const int64_t max_resource = event.at("max_resource").get<int64_t>();
    if (config.early_terminate.type != "none") rungs_ = rungs_of(config.early_terminate, max_resource);
    termination_ = make_early_termination(config.early_terminate, max_resource, config.trials * config.repeat);
  } else if (kind == "trial") {
    on_trial(event);
  } else if (kind == "leg") {
    on_leg(event);
  } else if (kind == "report") {
    on_report(event);
  } else if (kind == "answer") {
    on_answer(event);
  } else if (kind == "end") {
    on_end(event);
  } else if (kind == "known") {
    const Observation observation{Observation::State::kComplete, signed_value(event.at("value").get<double>()), 0};
    sampler_->observe(known_++, event.at("parameters").get<Assignment>(), observation);
  } else if (kind == "worker") {
    workers_.push_back(event.at("name").get<std::string>());
  } else if (kind == "exhausted") {
    exhausted_ = true;
  } else if (kind == "finished") {
    finished_ = true;
    finish_reason_ = event.at("why").get<std::string>();
  } else if (kind == "continued") {
    finished_ = exhausted_ = false;
    for (Trial& trial : trials_) {
      if (!trial.at_rung || finish_reason_ != "done") continue;
      trial.at_rung = false;  // its checkpoint is gone
      termination_->end(trial.number, true);
    }
  }
}

void Study::on_trial(const nlohmann::json& event) {
  BROADSHEET_ASSERT(event.at("number").get<size_t>() == trials_.size());
  Trial trial;
  trial.number = event.at("number").get<int64_t>();
  trial.configuration = event.at("configuration").get<int64_t>();
  trial.repeat = event.at("repeat").get<int64_t>();
  trial.parameters = event.at("parameters").get<Assignment>();
  trials_.push_back(trial);
  waiting_.insert(trial.number);
  if (static_cast<size_t>(trial.configuration) < configurations_.size()) return;
  configurations_.push_back(trial.parameters);
  observe(trial.configuration);
}

void Study::on_leg(const nlohmann::json& event) {
  Trial& trial = at(event);
  trial.legs = event.at("leg").get<int64_t>();
  trial.worker = event.at("worker").get<std::string>();
  trial.why.clear();
  if (trial.legs == 1) {
    trial.rung = termination_->start(trial.number);
  } else if (trial.at_rung) {
    go_on(trial);
  }
  settle(trial, Trial::State::kRunning);
}

// Every change of a trial's state goes through here.
void Study::settle(Trial& trial, Trial::State state) {
  with_worker_ -= trial.has_worker() ? 1 : 0;
  waiting_.erase(trial.number);
  trial.state = state;
  with_worker_ += trial.has_worker() ? 1 : 0;
  if (state == Trial::State::kWaiting) waiting_.insert(trial.number);
  if (state == Trial::State::kDone && std::isfinite(*trial.value))
    done_.emplace(signed_value(*trial.value), trial.number);
}

void Study::on_report(const nlohmann::json& event) {
  Trial& trial = at(event);
  trial.rung = event.at("rung").get<size_t>();
  trial.step = event.at("step").get<int64_t>();
  trial.value.reset();
  if (!event.at("value").is_null()) trial.value = event.at("value").get<double>();
  trial.at_rung = true;
  settle(trial, Trial::State::kAtRung);
  termination_->report(trial.number, trial.rung, trial.value ? signed_value(*trial.value) : std::nan(""));
  observe(trial.configuration);
}

void Study::on_answer(const nlohmann::json& event) {
  Trial& trial = at(event);
  trial.told_step = event.at("step").get<int64_t>();
  if (!event.at("go_on").get<bool>()) return;
  go_on(trial);
  settle(trial, Trial::State::kRunning);
}

void Study::go_on(Trial& trial) {
  termination_->resume(trial.number);
  trial.at_rung = false;
  ++trial.rung;
}

void Study::on_end(const nlohmann::json& event) {
  Trial& trial = at(event);
  const std::string state = event.at("state").get<std::string>(), verdict = event.value("verdict", "");
  const double seconds = event.at("seconds").get<double>();
  const int64_t before = trial.step;
  trial.seconds += seconds;
  trial.cores = event.at("cores").get<int64_t>();
  core_seconds_ += seconds * static_cast<double>(trial.cores);
  trial.step = std::max(trial.step, event.at("step").get<int64_t>());
  if (!event.at("value").is_null()) trial.value = event.at("value").get<double>();
  trial.why = event.value("why", "");
  trial.code = event.value("code", "");
  trial.worker.clear();
  trial.idle_legs = state == "stopped" && seconds > 0 && trial.step == before ? trial.idle_legs + 1 : 0;
  if (state == "done" && trial.value) {
    settle(trial, Trial::State::kDone);
  } else if (state == "done") {
    trial.why = cat("it gave no value of ", sweep_.config.metric.name);
    settle(trial, Trial::State::kInfeasible);
  } else if (verdict == "infeasible") {
    settle(trial, Trial::State::kInfeasible);
  } else if (verdict == "failed" || trial.idle_legs >= kMostIdleLegs) {
    if (trial.idle_legs >= kMostIdleLegs) {
      trial.code = "sweep.no_progress";
      trial.why = cat("it was started and stopped ", kMostIdleLegs, " times in a row without a step of progress");
    }
    settle(trial, Trial::State::kFailed);
  } else {
    if (verdict == "retry") ++trial.failures;
    settle(trial, trial.at_rung ? Trial::State::kPaused : Trial::State::kWaiting);
  }
  if (trial.ended()) termination_->end(trial.number, trial.state != Trial::State::kDone);
  observe(trial.configuration);
}

int64_t Study::resource_of(const Trial& trial) const {
  const size_t reached = trial.rung + (trial.at_rung ? 1 : 0);
  return reached == 0 || rungs_.empty() ? 0 : rungs_[std::min(reached, rungs_.size()) - 1];
}

// What the sampler may know of a configuration: over its repeats.
void Study::observe(int64_t configuration) {
  Observation observation;
  double sum = 0;
  int64_t valued = 0, done = 0, least = std::numeric_limits<int64_t>::max();
  bool infeasible = false;
  const int64_t first = configuration * sweep_.config.repeat;
  for (int64_t number = first; number < first + sweep_.config.repeat; ++number) {
    if (static_cast<size_t>(number) >= trials_.size()) break;
    const Trial& one = trial(number);
    infeasible = infeasible || one.state == Trial::State::kInfeasible;
    done += one.state == Trial::State::kDone ? 1 : 0;
    if (!one.value || one.state == Trial::State::kFailed || !std::isfinite(*one.value)) continue;
    sum += signed_value(*one.value);
    ++valued;
    least = std::min(least, resource_of(one));
  }
  if (infeasible) {
    observation.state = Observation::State::kInfeasible;
  } else if (valued > 0) {
    const bool complete = done == sweep_.config.repeat;
    observation.state = complete ? Observation::State::kComplete : Observation::State::kStopped;
    observation.value = sum / static_cast<double>(valued);
    observation.resource = static_cast<double>(least);
  }
  const auto index = static_cast<size_t>(configuration);
  sampler_->observe(known_ + index, configurations_[index], observation);
}

bool Study::more() const {
  const int64_t wanted = sweep_.config.trials;
  return !exhausted_ && !finished_ && (wanted == 0 || static_cast<int64_t>(configurations_.size()) < wanted);
}

Work Study::next(int64_t just_reported) const {
  if (finished_) return {Work::Kind::kNone, -1};
  if (!waiting_.empty()) return {Work::Kind::kTrial, *waiting_.begin()};
  const NextTrial next = termination_->next(more(), just_reported);
  switch (next.kind) {
    case NextTrial::Kind::kNew:
      return {Work::Kind::kSuggest, -1};
    case NextTrial::Kind::kResume:
      // Told to pause, and promoted since: its worker still saves it.
      if (next.trial != just_reported && trial(next.trial).has_worker()) return {Work::Kind::kWait, -1};
      return {Work::Kind::kTrial, next.trial};
    case NextTrial::Kind::kWait:
      return {Work::Kind::kWait, -1};
    case NextTrial::Kind::kDone:
      break;
  }
  return {Work::Kind::kNone, -1};
}

std::vector<nlohmann::json> Study::suggest() {
  const auto configuration = static_cast<int64_t>(configurations_.size());
  const std::vector<nlohmann::json>& points = sweep_.config.points;
  std::optional<Assignment> parameters;
  std::string origin = sweep_.config.method;
  if (static_cast<size_t>(configuration) < points.size()) {
    parameters = sweep_.space.complete(points[static_cast<size_t>(configuration)].get<Assignment>());
    origin = "point";
  } else {
    parameters = sampler_->suggest(configuration);
  }
  std::vector<nlohmann::json> events;
  if (!parameters) return events;
  for (int64_t repeat = 0; repeat < sweep_.config.repeat; ++repeat) {
    events.push_back({{"event", "trial"},
                      {"number", static_cast<int64_t>(trials_.size()) + repeat},
                      {"configuration", configuration},
                      {"repeat", repeat},
                      {"parameters", *parameters},
                      {"origin", origin}});
  }
  return events;
}

std::vector<const Trial*> Study::ranked(size_t most) const {
  std::vector<const Trial*> list;
  for (auto one = done_.begin(); one != done_.end() && list.size() < most; ++one) list.push_back(&trial(one->second));
  return list;
}

std::optional<double> Study::kth_best(int64_t k) const {
  if (k < 1 || static_cast<size_t>(k) > done_.size()) return std::nullopt;
  return ranked(static_cast<size_t>(k)).back()->value;
}

// With repeats the configuration counts, by its mean, and of it the best run.
std::optional<int64_t> Study::best() const {
  if (done_.empty()) return std::nullopt;
  const std::vector<const Trial*> list = ranked(sweep_.config.repeat == 1 ? 1 : done_.size());
  if (sweep_.config.repeat == 1) return list.front()->number;
  std::map<int64_t, std::pair<double, int64_t>> sums;
  for (const Trial* one : list) {
    auto& [sum, count] = sums[one->configuration];
    sum += *one->value;
    ++count;
  }
  std::optional<int64_t> chosen;
  double chosen_mean = 0;
  for (const auto& [configuration, sum] : sums) {
    const double mean = sum.first / static_cast<double>(sum.second);
    if (sum.second < sweep_.config.repeat || (chosen && !better(mean, chosen_mean))) continue;
    chosen = configuration;
    chosen_mean = mean;
  }
  for (const Trial* one : list)
    if (chosen && one->configuration == *chosen) return one->number;
  return list.front()->number;
}

std::vector<int64_t> Study::kept() const {
  std::vector<int64_t> numbers;
  for (const Trial* one : ranked(static_cast<size_t>(sweep_.config.keep_best))) numbers.push_back(one->number);
  const std::optional<int64_t> first = best();
  if (first && std::find(numbers.begin(), numbers.end(), *first) == numbers.end()) numbers.push_back(*first);
  return numbers;
}

std::string Study::common_fault() const {
  std::string code, why;
  int64_t alike = 0;
  for (const Trial& one : trials_) {
    if (one.value) return "";
    if (one.state != Trial::State::kInfeasible && one.state != Trial::State::kFailed) continue;
    if (one.code.empty() || (!code.empty() && one.code != code)) return "";
    code = one.code;
    why = one.why;
    ++alike;
  }
  return alike >= kAlikeToGiveUp ? why : "";
}

// As if the trials to come were like those that have ended or been put aside.
std::optional<double> Study::seconds_left() const {
  const int64_t wanted = sweep_.config.trials * sweep_.config.repeat;
  const auto settled = static_cast<int64_t>(trials_.size() - waiting_.size()) - with_worker_;
  if (finished_ || wanted == 0 || settled < std::max(kTrialsToGuessBy, sweep_.config.concurrency)) return std::nullopt;
  const auto left = static_cast<double>(std::max<int64_t>(wanted - settled, 0));
  return driver_seconds() * left / static_cast<double>(settled);
}

SweepView Study::view(const std::string& folder) const {
  const SweepConfig& config = sweep_.config;
  SweepView view;
  view.name = config.name;
  view.folder = folder;
  view.method = config.method;
  view.metric = config.metric.name;
  view.maximize = sweep_.maximize;
  view.finished = finished_;
  view.trials_wanted = config.trials;
  view.repeat = config.repeat;
  view.early_terminate = config.early_terminate;
  if (termination_) view.rungs = termination_->rungs();
  view.best = best();
  view.elapsed_seconds = driver_seconds();
  view.seconds_left = seconds_left();
  view.parameters = sweep_.space.parameters();
  for (const Trial& one : trials_) {
    TrialView shown;
    shown.number = one.number;
    shown.configuration = one.configuration;
    shown.parameters = one.parameters;
    shown.state = state_name(one, finished_);
    shown.why = one.why;
    shown.steps = one.step;
    shown.value = one.value;
    shown.seconds = one.seconds;
    shown.cores = one.cores;
    shown.folder = trial_folder(folder, one.number);
    view.trials.push_back(std::move(shown));
  }
  return view;
}

}  // namespace broadsheet
