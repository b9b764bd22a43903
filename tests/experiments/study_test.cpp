#include "experiments/sweep/study.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <set>

#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

Sweep make_sweep(const std::string& method, const std::string& termination, int64_t trials, int64_t repeat = 1) {
  Sweep sweep;
  sweep.config.name = "study";
  sweep.config.method = method;
  sweep.config.trials = trials;
  sweep.config.repeat = repeat;
  sweep.config.seed = 5;
  sweep.config.metric.name = "score";
  sweep.config.early_terminate.type = termination;
  sweep.config.early_terminate.min = 3;
  sweep.config.early_terminate.min_trials = 3;
  sweep.maximize = true;
  SearchParameter x{"x", {}, {}}, y{"y", {}, {}};
  x.distribution.kind = Distribution::Kind::kUniform;
  y.distribution.kind = Distribution::Kind::kLogUniform;
  y.distribution.min = 1e-4;
  sweep.space = SearchSpace({x, y}, {}, [](const std::string&) { return nlohmann::json(); });
  return sweep;
}

constexpr int64_t kEnd = 81;

double score(const Assignment& at, int64_t step) {
  const double x = at.at("x").get<double>(), y = std::log10(at.at("y").get<double>());
  return 1 - (x - 0.3) * (x - 0.3) - 0.05 * (y + 2) * (y + 2) - 0.5 / static_cast<double>(step);
}

// A driver and its workers without processes: which of them reports next is drawn from `order`. With `restart_every`
// the study is made anew from the events, as by a driver that was killed.
class Simulation {
 public:
  Simulation(const Sweep& sweep, size_t workers, uint64_t order, int restart_every = 0)
      : sweep_(sweep), workers_(workers, -1), order_(order), restart_every_(restart_every) {
    restart();
    record({{"event", "begin"}, {"max_resource", kEnd}});
  }

  void run() {
    for (int turn = 0; turn < 100'000; ++turn) {
      for (int64_t& worker : workers_) give_work(worker);
      std::vector<size_t> busy;
      for (size_t i = 0; i < workers_.size(); ++i)
        if (workers_[i] >= 0) busy.push_back(i);
      if (busy.empty()) {
        record({{"event", "finished"}, {"why", "done"}});
        return;
      }
      advance(workers_[busy[order_() % busy.size()]]);
    }
    FAIL() << "it never ends";
  }

  const Study& study() const { return *study_; }
  const std::vector<nlohmann::json>& events() const { return events_; }
  double fail_share = 0;

 private:
  void restart() {
    study_ = std::make_unique<Study>(sweep_);
    for (const nlohmann::json& event : events_) study_->apply(event);
  }
  void record(const nlohmann::json& event) {
    events_.push_back(event);
    study_->apply(event);
    if (restart_every_ > 0 && events_.size() % static_cast<size_t>(restart_every_) == 0) restart();
  }
  void give_work(int64_t& worker) {
    while (worker < 0) {
      const Work work = study_->next();
      if (work.kind == Work::Kind::kSuggest) {
        const std::vector<nlohmann::json> suggested = study_->suggest();
        if (suggested.empty()) record({{"event", "exhausted"}});
        for (const nlohmann::json& event : suggested) record(event);
        continue;
      }
      if (work.kind != Work::Kind::kTrial) return;
      worker = work.trial;
      EXPECT_FALSE(study_->trial(worker).has_worker()) << "trial " << worker << " would have two";
      record({{"event", "leg"}, {"trial", worker}, {"leg", study_->trial(worker).legs + 1}, {"worker", "w"}});
    }
  }
  void end(int64_t& worker, const char* state, int64_t step, const char* verdict = "") {
    const Trial& trial = study_->trial(worker);
    record({{"event", "end"},
            {"trial", worker},
            {"leg", trial.legs},
            {"state", state},
            {"step", step},
            {"value", score(trial.parameters, std::max<int64_t>(1, step))},
            {"seconds", 1.0},
            {"cores", 1},
            {"verdict", verdict}});
    worker = -1;
  }
  // To its next rung, or its end.
  void advance(int64_t& worker) {
    const Trial& trial = study_->trial(worker);
    if (trial.at_rung) return end(worker, "paused", trial.step);  // told to leave before: it has saved now
    if (fail_share > 0 && static_cast<double>(order_() % 1000) < 1000 * fail_share)
      return end(worker, "failed", 0, order_() % 2 == 0 ? "retry" : "infeasible");
    if (trial.rung >= study_->rungs().size()) return end(worker, "done", kEnd);
    const int64_t step = study_->rungs()[trial.rung], leg = trial.legs;
    record({{"event", "report"},
            {"trial", worker},
            {"leg", leg},
            {"rung", trial.rung},
            {"step", step},
            {"value", score(trial.parameters, step)}});
    const Work work = study_->next(worker);
    const bool go_on = work.kind == Work::Kind::kTrial && work.trial == worker;
    record({{"event", "answer"}, {"trial", worker}, {"leg", leg}, {"step", step}, {"go_on", go_on}});
  }

  const Sweep& sweep_;
  std::vector<int64_t> workers_;
  std::mt19937_64 order_;
  int restart_every_;
  std::unique_ptr<Study> study_;
  std::vector<nlohmann::json> events_;
};

TEST(Study, ReadAgainAtAnyEventDecidesTheSame) {
  for (const std::string method : {"random", "sobol", "tpe"}) {
    for (const std::string termination : {"none", "median", "halving", "hyperband", "asha"}) {
      for (const size_t workers : {1U, 4U}) {
        const Sweep sweep = make_sweep(method, termination, 30);
        Simulation calm(sweep, workers, 11), killed(sweep, workers, 11, 1);
        calm.run();
        killed.run();
        EXPECT_EQ(calm.events(), killed.events()) << method << " " << termination << " " << workers;
        EXPECT_EQ(calm.study().trials().size(), 30U);
      }
    }
  }
}

TEST(Study, EndsEveryTrialOrPausesItWhateverFails) {
  for (const std::string termination : {"none", "median", "halving", "hyperband", "asha"}) {
    for (uint64_t seed = 0; seed < 40; ++seed) {
      const Sweep sweep = make_sweep("random", termination, 27);
      Simulation simulation(sweep, 1 + seed % 5, seed);
      simulation.fail_share = 0.1;
      simulation.run();
      std::set<std::pair<int64_t, int64_t>> begun;
      for (const nlohmann::json& event : simulation.events()) {
        if (event["event"] != "leg") continue;
        EXPECT_TRUE(begun.emplace(event["trial"], event["leg"]).second) << event;
      }
      EXPECT_EQ(simulation.study().trials().size(), 27U);
      for (const Trial& trial : simulation.study().trials())
        EXPECT_TRUE(trial.ended() || trial.state == Trial::State::kPaused) << termination << " trial " << trial.number;
      EXPECT_TRUE(simulation.study().everything_ended());
    }
  }
}

TEST(Study, EarlyTerminationSpendsLessAndFindsAlmostAsMuch) {
  const Sweep all = make_sweep("random", "none", 40), asha = make_sweep("random", "asha", 40);
  Simulation whole(all, 1, 1), part(asha, 1, 1);
  whole.run();
  part.run();
  const auto steps = [](const Study& study) {
    int64_t sum = 0;
    for (const Trial& trial : study.trials()) sum += trial.step;
    return sum;
  };
  EXPECT_LT(3 * steps(part.study()), steps(whole.study()));
  ASSERT_TRUE(part.study().best());
  EXPECT_EQ(part.study().best(), whole.study().best());  // the curves do not cross
}

TEST(Study, AValueThatIsNotFiniteIsReadBackFromTheJournal) {
  const Sweep sweep = make_sweep("tpe", "asha", 9);
  Study study(sweep), again(sweep);
  const auto apply = [&](const nlohmann::json& event) {
    study.apply(event);
    again.apply(nlohmann::json::parse(event.dump()));
  };
  apply({{"event", "begin"}, {"max_resource", kEnd}});
  for (const nlohmann::json& event : study.suggest()) apply(event);
  apply({{"event", "leg"}, {"trial", 0}, {"leg", 1}, {"worker", "w"}});
  apply({{"event", "report"}, {"trial", 0}, {"leg", 1}, {"rung", 0}, {"step", 3}, {"value", nullptr}});
  EXPECT_FALSE(again.trial(0).value);
  EXPECT_EQ(study.trial(0).state, again.trial(0).state);
  EXPECT_EQ(study.next(0).kind, Work::Kind::kSuggest);  // it is worse than any
  EXPECT_EQ(again.next(0).kind, Work::Kind::kSuggest);
}

TEST(Study, RanksRepeatsByTheirMean) {
  const Sweep sweep = make_sweep("random", "none", 6, 3);
  Simulation simulation(sweep, 2, 3);
  simulation.run();
  const Study& study = simulation.study();
  ASSERT_EQ(study.trials().size(), 18U);
  for (const Trial& trial : study.trials()) {
    EXPECT_EQ(trial.configuration, trial.number / 3);
    EXPECT_EQ(trial.repeat, trial.number % 3);
    EXPECT_EQ(trial.parameters, study.trial(3 * trial.configuration).parameters);
  }
  EXPECT_EQ(study.view("/nowhere").trials_wanted, 6);
}

TEST(Study, AFinishedSweepMayBeContinuedWithMoreTrials) {
  Sweep sweep = make_sweep("random", "asha", 9);
  Simulation first(sweep, 1, 2);
  first.run();
  sweep.config.trials = 12;
  Study study(sweep);
  for (const nlohmann::json& event : first.events()) study.apply(event);
  EXPECT_TRUE(study.finished());
  EXPECT_EQ(study.next().kind, Work::Kind::kNone);
  study.apply({{"event", "continued"}});
  EXPECT_EQ(study.next().kind, Work::Kind::kSuggest);
}

nlohmann::json failure(const std::string& code, int exit_code) {
  return {{"error", {{"code", code}, {"message", code}}}, {"exit_code", exit_code}};
}

TEST(Study, JudgesFailuresByTheirCause) {
  EXPECT_EQ(judge_failure(failure("memory", 1), 0, 3, 1, 32), Verdict::kRetrySmaller);
  EXPECT_EQ(judge_failure(failure("memory", 1), 0, 3, 32, 32), Verdict::kInfeasible);
  EXPECT_EQ(judge_failure(failure("train.diverged", 1), 0, 3, 1, 32), Verdict::kInfeasible);
  EXPECT_EQ(judge_failure(failure("model.shape", 2), 0, 3, 1, 32), Verdict::kInfeasible);
  EXPECT_EQ(judge_failure(failure("internal", 70), 0, 3, 1, 32), Verdict::kFailed);
  EXPECT_EQ(judge_failure(failure("launch.killed", 137), 0, 3, 1, 32), Verdict::kRetry);
  EXPECT_EQ(judge_failure(failure("hang", 124), 1, 3, 1, 32), Verdict::kRetry);
  EXPECT_EQ(judge_failure(failure("sweep.worker_lost", 1), 2, 3, 1, 32), Verdict::kFailed);
  EXPECT_EQ(judge_failure(nlohmann::json(), 0, 3, 1, 32), Verdict::kRetry);
}

TEST(Study, ATrialThatNeverComesFurtherFailsInTheEnd) {
  const Sweep sweep = make_sweep("random", "none", 2);
  Study study(sweep);
  study.apply({{"event", "begin"}, {"max_resource", kEnd}});
  for (const nlohmann::json& event : study.suggest()) study.apply(event);
  const auto leg = [&](int64_t step, double seconds) {
    study.apply({{"event", "leg"}, {"trial", 0}, {"leg", study.trial(0).legs + 1}, {"worker", "w"}});
    study.apply({{"event", "end"},
                 {"trial", 0},
                 {"leg", study.trial(0).legs},
                 {"state", "stopped"},
                 {"step", step},
                 {"value", nullptr},
                 {"seconds", seconds},
                 {"cores", 1}});
  };
  for (int i = 0; i < 30; ++i) leg(0, 0);  // taken back before they began: nobody's fault
  for (int i = 0; i < 9; ++i) leg(5, 2);   // the first of these has come further
  leg(6, 2);
  for (int i = 0; i < 9; ++i) leg(6, 2);
  EXPECT_EQ(study.trial(0).state, Trial::State::kWaiting);
  EXPECT_EQ(study.next().trial, 0);
  leg(6, 2);
  EXPECT_EQ(study.trial(0).state, Trial::State::kFailed);
  EXPECT_EQ(study.trial(0).code, "sweep.no_progress");
  EXPECT_EQ(study.next().kind, Work::Kind::kSuggest) << "and the sweep goes on";
}

TEST(Study, GuessesTheTimeThatIsLeftFromWhatHasEnded) {
  const Sweep sweep = make_sweep("random", "none", 20);
  Study study(sweep);
  study.apply({{"event", "begin"}, {"max_resource", kEnd}, {"time", 0.0}});
  for (int64_t number = 0; number < 5; ++number) {
    EXPECT_EQ(study.seconds_left().has_value(), number >= 3) << number;
    for (const nlohmann::json& event : study.suggest()) study.apply(event);
    study.apply({{"event", "leg"}, {"trial", number}, {"leg", 1}, {"worker", "w"}});
    if (number == 4) break;  // runs
    study.apply({{"event", "end"},
                 {"trial", number},
                 {"leg", 1},
                 {"state", "done"},
                 {"step", kEnd},
                 {"value", 0.5},
                 {"seconds", 9.0},
                 {"cores", 1},
                 {"time", 10.0 * static_cast<double>(number + 1)}});
  }
  // 4 of 20 in 40 seconds.
  EXPECT_DOUBLE_EQ(study.seconds_left().value(), 160);
  EXPECT_EQ(study.view("").seconds_left, study.seconds_left());
  study.apply({{"event", "finished"}, {"why", "budget"}});
  EXPECT_FALSE(study.seconds_left());
}

TEST(Study, GivesUpWhenTheFirstTrialsFailAlike) {
  const Sweep sweep = make_sweep("random", "none", 9);
  Study study(sweep);
  study.apply({{"event", "begin"}, {"max_resource", kEnd}});
  for (int64_t number = 0; number < 3; ++number) {
    EXPECT_EQ(study.common_fault(), "");
    for (const nlohmann::json& event : study.suggest()) study.apply(event);
    study.apply({{"event", "leg"}, {"trial", number}, {"leg", 1}, {"worker", "w"}});
    study.apply({{"event", "end"},
                 {"trial", number},
                 {"leg", 1},
                 {"state", "failed"},
                 {"step", 0},
                 {"value", nullptr},
                 {"seconds", 0.0},
                 {"cores", 1},
                 {"verdict", "infeasible"},
                 {"code", "model.shape"},
                 {"why", "the head does not fit"}});
  }
  EXPECT_EQ(study.common_fault(), "the head does not fit");
}

}  // namespace
}  // namespace broadsheet
