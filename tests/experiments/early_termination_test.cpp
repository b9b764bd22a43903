#include "experiments/search/early_termination.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "core/errors.h"
#include "core/random.h"

namespace broadsheet {
namespace {

using NextKind = NextTrial::Kind;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

EarlyTerminationConfig config_of(const std::string& type, int64_t min = 1, int64_t eta = 3) {
  EarlyTerminationConfig config;
  config.type = type;
  config.min = min;
  config.reduction_factor = eta;
  return config;
}

std::unique_ptr<EarlyTermination> make(const std::string& type, int64_t max, int64_t trials) {
  return make_early_termination(config_of(type), max, trials);
}

void expect_next(const EarlyTermination& rule, bool more, int64_t just_reported, NextKind kind, int64_t trial = -1) {
  const NextTrial next = rule.next(more, just_reported);
  EXPECT_EQ(static_cast<int>(next.kind), static_cast<int>(kind));
  EXPECT_EQ(next.trial, trial);
}

TEST(EarlyTermination, RungsAreAGeometricRowBelowTheMaximum) {
  EXPECT_EQ(rungs_of(config_of("asha", 50), 450), (std::vector<int64_t>{50, 150}));
  EXPECT_EQ(rungs_of(config_of("halving", 50), 451), (std::vector<int64_t>{50, 150, 450}));
  EXPECT_EQ(rungs_of(config_of("hyperband", 1, 2), 9), (std::vector<int64_t>{1, 2, 4, 8}));
  EXPECT_EQ(rungs_of(config_of("median", 50), 200), (std::vector<int64_t>{50, 100, 150}));
  EXPECT_EQ(rungs_of(config_of("none", 50), 200), std::vector<int64_t>());
  EXPECT_EQ(rungs_of(config_of("asha", 500), 450), std::vector<int64_t>());
}

TEST(EarlyTermination, RungsOfRunsOfUnknownLengthEndSomewhere) {
  EXPECT_EQ(rungs_of(config_of("asha", 50), 0).at(3), 1350);
  EXPECT_LT(rungs_of(config_of("asha", 1, 1), 0).size(), 100u);
  EXPECT_EQ(rungs_of(config_of("median", 50), 0).at(3), 200);
}

TEST(EarlyTermination, NoneStartsEveryTrialAndRunsItToTheEnd) {
  const auto rule = make("none", 9, 2);
  expect_next(*rule, true, -1, NextKind::kNew);
  EXPECT_EQ(rule->start(0), 0u);
  EXPECT_TRUE(rule->rungs().empty());
  expect_next(*rule, false, -1, NextKind::kDone);
  rule->end(0, false);
  EXPECT_TRUE(rule->waiting().empty());
}

// The example of the ASHA paper's figure: eta 3, nine trials in a row on one worker, the later the worse.
TEST(Asha, OneWorkerPromotesAsSoonAsAThirdIsKnown) {
  const auto rule = make("asha", 9, 9);
  for (int64_t trial = 0; trial < 3; ++trial) {
    expect_next(*rule, true, trial - 1, NextKind::kNew);
    EXPECT_EQ(rule->start(trial), 0u);
    rule->report(trial, 0, static_cast<double>(trial));
  }
  expect_next(*rule, true, 2, NextKind::kResume, 0);
  rule->resume(0);
  expect_next(*rule, true, -1, NextKind::kNew);
  rule->report(0, 1, 0);
  for (int64_t trial = 3; trial < 6; ++trial) {
    expect_next(*rule, true, trial - 1, NextKind::kNew);
    rule->start(trial);
    rule->report(trial, 0, static_cast<double>(trial));
  }
  expect_next(*rule, true, 5, NextKind::kResume, 1);
}

TEST(Asha, NineTrialsBecomeThreeBecomeOne) {
  const auto rule = make("asha", 9, 9);
  const double values[] = {5, 3, 8, 1, 9, 2, 7, 6, 4};
  for (int64_t trial = 0; trial < 9; ++trial) rule->start(trial);
  for (int64_t trial = 0; trial < 9; ++trial) rule->report(trial, 0, values[trial]);
  std::set<int64_t> promoted;
  for (int i = 0; i < 3; ++i) {
    const NextTrial next = rule->next(false, -1);
    ASSERT_EQ(next.kind, NextKind::kResume);
    promoted.insert(next.trial);
    rule->resume(next.trial);
  }
  EXPECT_EQ(promoted, (std::set<int64_t>{1, 3, 5}));
  expect_next(*rule, false, -1, NextKind::kWait);
  // Further training changes the order: 5 overtakes 3.
  rule->report(3, 1, 0.9);
  expect_next(*rule, false, 3, NextKind::kWait);
  rule->report(5, 1, 0.5);
  rule->report(1, 1, 2);
  expect_next(*rule, false, 1, NextKind::kResume, 5);
  rule->resume(5);
  rule->end(5, false);
  expect_next(*rule, false, -1, NextKind::kDone);
  EXPECT_EQ(rule->waiting(), (std::vector<int64_t>{0, 1, 2, 3, 4, 6, 7, 8}));
  const auto rungs = rule->rungs();
  ASSERT_EQ(rungs.size(), 2u);
  EXPECT_EQ(rungs[0].resource, 1);
  EXPECT_EQ(rungs[0].reported, 9);
  EXPECT_EQ(rungs[0].promoted, 3);
  EXPECT_EQ(rungs[1].resource, 3);
  EXPECT_EQ(rungs[1].reported, 3);
  EXPECT_EQ(rungs[1].promoted, 1);
}

TEST(Asha, TheHighestRungComesFirst) {
  const auto rule = make("asha", 9, 0);
  for (int64_t trial = 0; trial < 12; ++trial) rule->start(trial);
  for (int64_t trial = 0; trial < 9; ++trial) rule->report(trial, 0, static_cast<double>(trial));
  for (int64_t trial = 0; trial < 3; ++trial) rule->resume(trial);
  for (int64_t trial = 9; trial < 12; ++trial) rule->report(trial, 0, -1.0);  // promotable at rung 0
  for (int64_t trial = 0; trial < 3; ++trial) rule->report(trial, 1, static_cast<double>(trial));
  expect_next(*rule, true, 9, NextKind::kResume, 0);  // at rung 1
}

TEST(Asha, TheTrialThatTheWorkerHoldsIsPreferredAmongThePromotable) {
  const auto rule = make("asha", 9, 0);
  for (int64_t trial = 0; trial < 6; ++trial) rule->start(trial);
  for (int64_t trial = 0; trial < 6; ++trial) rule->report(trial, 0, static_cast<double>(trial));
  expect_next(*rule, true, 1, NextKind::kResume, 1);
  expect_next(*rule, true, 5, NextKind::kResume, 0);  // not among the best third
  expect_next(*rule, true, -1, NextKind::kResume, 0);
}

TEST(Asha, ATrialPausedLongAgoIsPromotedWhenEnoughWorseOnesHaveComeAfterIt) {
  const auto rule = make("asha", 9, 0);
  for (int64_t trial = 0; trial < 3; ++trial) rule->start(trial);
  rule->report(0, 0, 1);
  rule->report(1, 0, 2);
  rule->report(2, 0, 3);
  rule->resume(0);
  expect_next(*rule, true, -1, NextKind::kNew);
  for (int64_t trial = 3; trial < 5; ++trial) {
    rule->start(trial);
    rule->report(trial, 0, 10);
    expect_next(*rule, true, trial, NextKind::kNew);
  }
  rule->start(5);
  rule->report(5, 0, 10);
  expect_next(*rule, true, 5, NextKind::kResume, 1);
}

TEST(Asha, NanIsNeverPromotedAndFailedTrialsHaveNoPlace) {
  const auto rule = make("asha", 9, 0);
  for (int64_t trial = 0; trial < 6; ++trial) rule->start(trial);
  rule->report(0, 0, kNan);
  rule->report(1, 0, kNan);
  rule->report(2, 0, kNan);
  expect_next(*rule, true, -1, NextKind::kNew);
  rule->end(3, true);
  rule->report(4, 0, 7);
  expect_next(*rule, true, -1, NextKind::kResume, 4);
  rule->resume(4);
  rule->end(4, true);
  rule->report(5, 0, kNan);
  expect_next(*rule, true, -1, NextKind::kNew);
  expect_next(*rule, false, -1, NextKind::kDone);
}

TEST(Asha, EqualValuesAreRankedInTheOrderOfTheirReports) {
  const auto rule = make("asha", 9, 0);
  for (int64_t trial = 0; trial < 3; ++trial) rule->start(trial);
  rule->report(2, 0, 1);
  rule->report(0, 0, 1);
  rule->report(1, 0, 1);
  expect_next(*rule, true, 1, NextKind::kResume, 2);
}

TEST(Asha, ASweepTooSmallForItsRungsStillTrainsItsBestToTheEnd) {
  const auto rule = make("asha", 9, 2);
  rule->start(0);
  rule->start(1);
  rule->report(0, 0, 2);
  expect_next(*rule, false, 0, NextKind::kWait);
  rule->report(1, 0, 1);
  expect_next(*rule, false, 1, NextKind::kResume, 1);
  rule->resume(1);
  rule->report(1, 1, 1);
  expect_next(*rule, false, 1, NextKind::kResume, 1);
  rule->resume(1);
  expect_next(*rule, false, -1, NextKind::kWait);  // were it to fail, the other would go on
  rule->end(1, false);
  expect_next(*rule, false, -1, NextKind::kDone);
  EXPECT_EQ(rule->waiting(), (std::vector<int64_t>{0}));
}

TEST(Median, WhoIsWorseThanTheMedianOfThoseBeforeItStops) {
  EarlyTerminationConfig config = config_of("median", 10);
  config.min_trials = 3;
  const auto rule = make_early_termination(config, 30, 0);
  for (int64_t trial = 0; trial < 6; ++trial) EXPECT_EQ(rule->start(trial), 0u);
  const double first[] = {9, 1, 5};
  for (int64_t trial = 0; trial < 3; ++trial) {
    rule->report(trial, 0, first[trial]);
    expect_next(*rule, true, trial, NextKind::kResume, trial);  // fewer than three before it
    rule->resume(trial);
  }
  rule->report(3, 0, 5.1);
  expect_next(*rule, true, 3, NextKind::kNew);
  EXPECT_EQ(rule->waiting(), (std::vector<int64_t>{3}));
  rule->report(4, 0, 5.05);  // the median of 1, 5, 5.1, 9
  expect_next(*rule, true, 4, NextKind::kResume, 4);
  rule->resume(4);
  rule->report(5, 0, kNan);
  expect_next(*rule, true, 5, NextKind::kNew);
  // The next rung counts for itself.
  rule->report(0, 1, 9);
  expect_next(*rule, true, 0, NextKind::kResume, 0);
  rule->resume(0);
  rule->end(0, false);
  EXPECT_EQ(rule->waiting(), (std::vector<int64_t>{3, 5}));
}

TEST(Median, AStoppedTrialNeverGoesOnOnceAnotherIsComplete) {
  EarlyTerminationConfig config = config_of("median", 10);
  config.min_trials = 1;
  const auto rule = make_early_termination(config, 20, 0);
  rule->start(0);
  rule->start(1);
  rule->report(0, 0, 1);
  rule->resume(0);
  rule->report(1, 0, 2);
  expect_next(*rule, false, 1, NextKind::kWait);
  rule->end(0, false);
  expect_next(*rule, false, 1, NextKind::kDone);
}

TEST(Halving, WaitsForItsCohort) {
  const auto rule = make("halving", 9, 9);
  for (int64_t trial = 0; trial < 9; ++trial) {
    expect_next(*rule, true, -1, NextKind::kNew);
    rule->start(trial);
  }
  for (int64_t trial = 0; trial < 8; ++trial) {
    rule->report(trial, 0, static_cast<double>(trial));
    expect_next(*rule, false, trial, NextKind::kWait);
  }
  rule->report(8, 0, -1);
  expect_next(*rule, false, 8, NextKind::kResume, 8);
  expect_next(*rule, false, 5, NextKind::kResume, 8);
  for (const int64_t trial : {8, 0, 1}) rule->resume(trial);
  expect_next(*rule, false, -1, NextKind::kWait);
  rule->report(8, 1, 3);
  rule->report(0, 1, 2);
  expect_next(*rule, false, 0, NextKind::kWait);
  rule->report(1, 1, 1);
  expect_next(*rule, false, 1, NextKind::kResume, 1);
  rule->resume(1);
  rule->end(1, false);
  expect_next(*rule, false, -1, NextKind::kDone);
}

TEST(Halving, AWorkerBeginsTheNextCohortWhileOneIsWaitedFor) {
  const auto rule = make("halving", 3, 6);  // cohorts of three, one rung
  for (int64_t trial = 0; trial < 3; ++trial) rule->start(trial);
  rule->report(0, 0, 3);
  rule->report(1, 0, 2);
  expect_next(*rule, true, 1, NextKind::kNew);
  rule->start(3);
  rule->report(3, 0, 1);  // better than all of the first cohort, and no rival of theirs
  rule->report(2, 0, 9);
  expect_next(*rule, true, 2, NextKind::kResume, 1);
}

TEST(Halving, FailedTrialsCountAsHavingReportedTheWorst) {
  const auto rule = make("halving", 9, 9);
  for (int64_t trial = 0; trial < 9; ++trial) rule->start(trial);
  for (int64_t trial = 0; trial < 4; ++trial) rule->end(trial, true);
  for (int64_t trial = 4; trial < 9; ++trial) rule->report(trial, 0, static_cast<double>(trial));
  std::vector<int64_t> promoted;
  for (NextTrial next = rule->next(false, -1); next.kind == NextKind::kResume; next = rule->next(false, -1)) {
    promoted.push_back(next.trial);
    rule->resume(next.trial);
  }
  EXPECT_EQ(promoted, (std::vector<int64_t>{4, 5, 6}));  // a third of nine, not of five
  rule->end(4, true);
  rule->report(5, 1, 5);
  rule->report(6, 1, 4);
  expect_next(*rule, false, 6, NextKind::kResume, 6);
}

TEST(Halving, ACohortThatCannotBeFilledIsClosed) {
  const auto rule = make("halving", 9, 0);  // cohorts of nine
  for (int64_t trial = 0; trial < 4; ++trial) rule->start(trial);
  for (int64_t trial = 0; trial < 4; ++trial) rule->report(trial, 0, static_cast<double>(trial));
  expect_next(*rule, true, -1, NextKind::kNew);
  expect_next(*rule, false, -1, NextKind::kResume, 0);
}

TEST(Hyperband, BracketsBeginAtDifferentRungs) {
  // Rungs 1 and 3, trials end at 9: brackets of 9 from rung 0, of 5 from rung 1, of 3 that run to the end.
  const auto rule = make("hyperband", 9, 17);
  std::map<size_t, int> first;
  std::vector<size_t> order;
  for (int64_t trial = 0; trial < 17; ++trial) {
    order.push_back(rule->start(trial));
    ++first[order.back()];
  }
  EXPECT_EQ(first, (std::map<size_t, int>{{0, 9}, {1, 5}, {2, 3}}));
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_EQ(rule->start(17), 0u);  // from the first again
}

TEST(Hyperband, BracketsShareOutTheTrialsThatThereAre) {
  const auto count = [](int64_t trials) {
    const auto rule = make("hyperband", 9, trials);
    std::map<size_t, int> first;
    for (int64_t trial = 0; trial < trials; ++trial) ++first[rule->start(trial)];
    return first;
  };
  EXPECT_EQ(count(27), (std::map<size_t, int>{{0, 14}, {1, 8}, {2, 5}}));
  EXPECT_EQ(count(2), (std::map<size_t, int>{{0, 1}, {1, 1}}));
}

TEST(Hyperband, TrialsAreRankedInTheirOwnBracket) {
  const auto rule = make("hyperband", 3, 3);  // one rung; brackets of 2 (of 3) and 1 (of 2)
  EXPECT_EQ(rule->start(0), 0u);
  EXPECT_EQ(rule->start(1), 0u);
  EXPECT_EQ(rule->start(2), 1u);
  rule->report(0, 0, 2);
  rule->report(1, 0, 1);
  expect_next(*rule, false, 0, NextKind::kResume, 1);
  rule->resume(1);
  rule->end(1, false);
  expect_next(*rule, false, -1, NextKind::kDone);  // the last runs to its end, and nobody waits for it
}

TEST(Hyperband, NeedsToKnowWhereTrialsEnd) {
  try {
    make("hyperband", 0, 27);
    FAIL() << "accepted";
  } catch (const UserError& error) {
    EXPECT_EQ(error.faults()[0].code, "sweep.hyperband_max");
  }
}

// A sweep played through by a random schedule: so many workers, trials that fail, values that change as they train.
class Play {
 public:
  struct Event {
    char what;
    int64_t trial;
  };

  Play(const std::string& type, uint64_t key, int64_t trials, size_t workers, double failures)
      : random_(key), type_(type), trials_(trials), workers_(workers), failures_(failures) {
    rungs_ = rungs_of(config_of(type), 27).size();
    rule_ = make(type, 27, trials);
  }

  void run() {
    for (size_t worker = 0; worker < workers_; ++worker) ask(-1);
    while (!running_.empty()) {
      ASSERT_LT(events_.size(), 100000u) << "it never ends";
      const size_t at = random_.below(draws_++, static_cast<uint32_t>(running_.size()));
      const int64_t trial = running_[at];
      running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(at));
      size_t& rung = next_rung_[trial];
      int64_t held = -1;
      if (random_.uniform(draws_++) < failures_) {
        finish(trial, true);
      } else if (rung >= rungs_) {
        finish(trial, false);
      } else {
        held = trial;
        const double value = random_.uniform(draws_++);
        rule_->report(trial, rung, value < 0.05 ? kNan : value);
        paused_.insert(trial);
        events_.push_back({'p', trial});
      }
      ask(held);
      // Who was told to wait asks again after every event, as a driver's workers do.
      const size_t waiters = idle_;
      idle_ = 0;
      for (size_t i = 0; i < waiters; ++i) ask(-1);
    }
    EXPECT_EQ(begun_, trials_);
    EXPECT_EQ(idle_, 0u) << "workers wait for nothing";
    EXPECT_EQ(std::vector<int64_t>(paused_.begin(), paused_.end()), rule_->waiting());
    EXPECT_EQ(static_cast<int64_t>(paused_.size() + failed_.size() + completed_.size()), trials_);
  }

  std::set<int64_t> paused_, failed_, completed_;
  std::vector<Event> events_;

 private:
  void finish(int64_t trial, bool failed) {
    rule_->end(trial, failed);
    (failed ? failed_ : completed_).insert(trial);
    events_.push_back({failed ? 'f' : 'c', trial});
  }
  void ask(int64_t held) {
    const NextTrial next = rule_->next(begun_ < trials_, held);
    if (next.kind == NextKind::kWait) {
      EXPECT_FALSE(running_.empty()) << type_ << ": waits although nothing runs";
      ++idle_;
      return;
    }
    if (next.kind == NextKind::kDone) {
      done_ = true;
      return;
    }
    EXPECT_FALSE(done_) << type_ << ": done, and then not";
    int64_t trial = next.trial;
    if (next.kind == NextKind::kNew) {
      trial = begun_++;
      next_rung_[trial] = rule_->start(trial);
    } else {
      EXPECT_EQ(paused_.erase(trial), 1u) << type_ << ": goes on and was not waiting";
      rule_->resume(trial);
      ++next_rung_[trial];
    }
    running_.push_back(trial);
    events_.push_back({next.kind == NextKind::kNew ? 'n' : 'r', trial});
  }

  RandomStream random_;
  uint64_t draws_ = 0;
  std::string type_;
  int64_t trials_;
  size_t workers_;
  double failures_;
  size_t rungs_ = 0;
  std::unique_ptr<EarlyTermination> rule_;
  std::map<int64_t, size_t> next_rung_;
  std::vector<int64_t> running_;
  int64_t begun_ = 0;
  size_t idle_ = 0;
  bool done_ = false;
};

class EarlyTerminationSchedules : public testing::TestWithParam<const char*> {};

TEST_P(EarlyTerminationSchedules, EveryTrialEndsCompletedFailedOrWaitingWhateverTheOrder) {
  for (uint64_t key = 0; key < 400; ++key) {
    const RandomStream random(mix(77, key));
    const int64_t trials = 1 + random.below(0, 60);
    const size_t workers = 1 + random.below(1, 12);
    const double failures = key % 4 == 0 ? 0.0 : 0.4 * random.uniform(2);
    Play play(GetParam(), mix(78, key), trials, workers, failures);
    SCOPED_TRACE(key);
    play.run();
    if (failures == 0.0 && trials >= 5) {
      EXPECT_FALSE(play.completed_.empty());
    }
  }
}

TEST_P(EarlyTerminationSchedules, TheSameReportsGiveTheSameAnswers) {
  for (uint64_t key = 0; key < 20; ++key) {
    Play first(GetParam(), key, 50, 7, 0.1), second(GetParam(), key, 50, 7, 0.1);
    first.run();
    second.run();
    ASSERT_EQ(first.events_.size(), second.events_.size());
    for (size_t i = 0; i < first.events_.size(); ++i) {
      EXPECT_EQ(first.events_[i].what, second.events_[i].what);
      EXPECT_EQ(first.events_[i].trial, second.events_[i].trial);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Rules, EarlyTerminationSchedules,
                         testing::Values("none", "median", "halving", "hyperband", "asha"),
                         [](const auto& rule) { return std::string(rule.param); });

}  // namespace
}  // namespace broadsheet
