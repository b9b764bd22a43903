#include "trainer/stragglers.h"

#include <gtest/gtest.h>

#include <random>

namespace broadsheet {
namespace {

constexpr int64_t kStep = 70'000'000;  // nanoseconds

std::vector<StepWork> even(size_t ranks) {
  return std::vector<StepWork>(ranks, {kStep, 1000});
}

TEST(Stragglers, ARankAtHalfSpeedIsNamedWithinTwentySteps) {
  Stragglers stragglers;
  for (int step = 0; step < 40; ++step) EXPECT_FALSE(stragglers.add(even(3)));
  std::optional<SlowRank> found;
  int steps = 0;
  for (; steps < 20 && !found; ++steps) {
    std::vector<StepWork> work = even(3);
    work[1].nanoseconds *= 2;
    found = stragglers.add(work);
  }
  ASSERT_TRUE(found);
  EXPECT_EQ(found->rank, 1);
  EXPECT_GT(found->ratio, Stragglers::kRatio);
}

// Stopped and continued, half of the time each: by chance in the steps in which it is stopped.
TEST(Stragglers, ARankThatIsStoppedHalfOfTheTimeIsNamed) {
  for (const int64_t period : {kStep / 2, kStep, 2 * kStep, 4 * kStep}) {
    Stragglers stragglers;
    bool found = false;
    int64_t clock = 0;
    for (int step = 0; step < 20; ++step) {
      std::vector<StepWork> work = even(2);
      const int64_t begun = clock;
      for (int64_t left = kStep; left > 0; clock += 1'000'000)
        if (clock % period >= period / 2) left -= 1'000'000;
      work[1].nanoseconds = clock - begun;
      const auto slow = stragglers.add(work);
      found = found || (slow && slow->rank == 1);
      EXPECT_FALSE(slow && slow->rank == 0);
    }
    EXPECT_TRUE(found) << "period " << period;
  }
}

TEST(Stragglers, OneHiccupHoweverLongIsNone) {
  Stragglers stragglers;
  for (int step = 0; step < 100; ++step) {
    std::vector<StepWork> work = even(2);
    if (step == 33) work[0].nanoseconds = 3'600'000'000'000;
    EXPECT_FALSE(stragglers.add(work)) << step;
  }
}

TEST(Stragglers, NoiseIsNone) {
  std::mt19937_64 random(1);
  std::lognormal_distribution<double> noise(0, 0.3);
  Stragglers stragglers;
  for (int step = 0; step < 5000; ++step) {
    std::vector<StepWork> work = even(4);
    for (StepWork& one : work) one.nanoseconds = static_cast<int64_t>(kStep * noise(random));
    EXPECT_FALSE(stragglers.add(work)) << step;
  }
}

// What a loaded virtual machine did to steps of 5 ms: one core is lost for a tenth of a second, again and again.
TEST(Stragglers, TinyStepsAreJudgedOverHalfASecond) {
  Stragglers stragglers;
  int named = 0;
  for (int step = 0; step < 2000; ++step) {
    std::vector<StepWork> work(2, {5'000'000, 1000});
    if (step % 100 < 8) work[0].nanoseconds *= 3;
    named += stragglers.add(work) ? 1 : 0;
  }
  EXPECT_EQ(named, 0);
  for (int step = 0; step < 250; ++step) {
    const auto slow = stragglers.add({{5'000'000, 1000}, {10'000'000, 1000}});
    if (slow) {
      EXPECT_EQ(slow->rank, 1);
    }
    named += slow ? 1 : 0;
  }
  EXPECT_EQ(named, 1);
}

TEST(Stragglers, TokensAreTakenIntoAccount) {
  Stragglers stragglers;
  for (int step = 0; step < 50; ++step) {
    std::vector<StepWork> work = even(2);
    work[1] = {2 * kStep, 2000};
    EXPECT_FALSE(stragglers.add(work));
  }
}

TEST(Stragglers, ARankWithoutTokensIsNotJudged) {
  Stragglers stragglers;
  for (int step = 0; step < 50; ++step) {
    std::vector<StepWork> work = even(3);
    work[2] = {5 * kStep, 0};
    EXPECT_FALSE(stragglers.add(work));
  }
}

TEST(Stragglers, OneRankHasNothingToCompare) {
  Stragglers stragglers;
  for (int step = 0; step < 50; ++step) EXPECT_FALSE(stragglers.add(even(1)));
}

TEST(Stragglers, TheSameRankIsNotNamedAllTheTime) {
  Stragglers stragglers;
  int named = 0;
  for (int64_t step = 0; step < Stragglers::kAgainAfter + 100; ++step) {
    std::vector<StepWork> work = even(2);
    work[0].nanoseconds *= 3;
    named += stragglers.add(work) ? 1 : 0;
  }
  EXPECT_EQ(named, 2);
}

TEST(Stragglers, AreToldInOneSentence) {
  EXPECT_EQ(describe_slow({1, 2.14, 16}, "node3, process 4711"),
            "rank 1 (node3, process 4711) is slow: 2.1 x the time per token of the others over the last 16 steps");
}

}  // namespace
}  // namespace broadsheet
