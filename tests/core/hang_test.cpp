#include "core/hang.h"

#include <gtest/gtest.h>

#include "core/text.h"

namespace broadsheet {
namespace {

Activity learned(Phase phase, double longest) {
  Activity activity;
  activity.longest_ns[static_cast<size_t>(phase)] = static_cast<int64_t>(longest * 1e9);
  activity.times_ended[static_cast<size_t>(phase)] = 1;
  return activity;
}

TEST(HangLimit, IsTenTimesTheLongestBetweenTheTwoBounds) {
  const HangLimits limits{60, 1800};
  EXPECT_DOUBLE_EQ(limit_of(Phase::kStep, learned(Phase::kStep, 0.1), limits), 60);
  EXPECT_DOUBLE_EQ(limit_of(Phase::kStep, learned(Phase::kStep, 20), limits), 201);
  EXPECT_DOUBLE_EQ(limit_of(Phase::kStep, learned(Phase::kStep, 1000), limits), 1800);
}

TEST(HangLimit, OfWhatWasNeverSeenIsTheUpperOne) {
  EXPECT_DOUBLE_EQ(limit_of(Phase::kValidation, learned(Phase::kStep, 0.1), {60, 1800}), 1800);
}

TEST(HangLimit, TravelsAsText) {
  const auto back = limits_from_text(to_text({0.5, 1800}));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->min_seconds, 0.5);
  EXPECT_EQ(back->max_seconds, 1800);
  for (const char* bad : {"", "60", "60:", ":60", "a:b", "1:2:3", "1:2x"}) EXPECT_FALSE(limits_from_text(bad)) << bad;
}

TEST(StallClock, CountsFromTheLastMark) {
  StallClock clock;
  Activity activity;
  activity.phase = Phase::kData;
  clock.update(activity, 0.2);
  for (int look = 0; look < 10; ++look) clock.update(activity, 0.2);
  EXPECT_NEAR(clock.seconds(), 2.2, 1e-9);
  EXPECT_EQ(clock.phase(), Phase::kData);
  ++activity.marks;
  clock.update(activity, 0.2);
  EXPECT_EQ(clock.seconds(), 0);
}

TEST(StallClock, AWaitLastsWhateverTheOtherThreadsDo) {
  StallClock clock;
  Activity activity;
  activity.waits[1].serial = 5;
  clock.update(activity, 0.2);
  for (int look = 0; look < 5; ++look) {
    ++activity.marks;
    clock.update(activity, 0.5);
  }
  EXPECT_EQ(clock.phase(), Phase::kCollective);
  EXPECT_NEAR(clock.seconds(), 2.5, 1e-9);
  activity.waits[1].serial = 6;
  clock.update(activity, 0.5);
  EXPECT_EQ(clock.seconds(), 0) << "it is another wait";
}

// A machine that slept for an hour, a process that a debugger held, a clock that was set.
TEST(StallClock, TimeThatNobodyWatchedIsNotCounted) {
  StallClock clock;
  const Activity activity;
  clock.update(activity, 0.2);
  const double before = clock.seconds();
  clock.update(activity, 3600);
  clock.update(activity, -400);
  EXPECT_NEAR(clock.seconds() - before, kMostPerLook, 1e-9);
}

RankView view(int rank, Phase phase, int64_t step, const std::string& operation = "") {
  RankView one;
  one.status.rank = rank;
  one.status.host = "node3";
  one.status.process = 4000 + rank;
  one.status.phase = phase;
  one.status.step = step;
  one.status.operation = operation;
  one.known = true;
  one.here = true;
  one.state = 'S';
  return one;
}

TEST(Blame, GoesToTheOneThatIsStopped) {
  std::vector<RankView> ranks = {view(0, Phase::kStep, 7, "all_gather"), view(1, Phase::kSave, 7, "broadcast"),
                                 view(2, Phase::kStep, 6, "all_gather")};
  ranks[1].state = 'T';
  const HangReport report = describe_hang(ranks, 0);
  EXPECT_TRUE(starts_with(report.sentence,
                          "rank 1 (node3, process 4001) is stopped (by SIGSTOP or a suspended job), in phase "
                          "collective (broadcast, within save), at step 7"))
      << report.sentence;
  EXPECT_EQ(report.sentence.find("rank 2"), std::string::npos);
  EXPECT_EQ(split(trim(report.table), '\n').size(), 4U);
}

TEST(Blame, GoesToTheOneWithoutAHeartbeat) {
  std::vector<RankView> ranks = {view(0, Phase::kStep, 7, "all_gather"), view(1, Phase::kStep, 7, "all_gather")};
  ranks[1].here = false;
  ranks[1].state = 0;
  ranks[1].silent_seconds = 3;
  EXPECT_TRUE(starts_with(describe_hang(ranks, 0).sentence, "rank 1 (node3, process 4001) does not answer"));
}

TEST(Blame, GoesToTheOneThatHasNotBegun) {
  std::vector<RankView> ranks = {view(0, Phase::kStart, 0, "init"), RankView()};
  ranks[1].status.rank = 1;
  EXPECT_EQ(describe_hang(ranks, 0).sentence, "rank 1 has not started, in phase start");
}

TEST(Blame, GoesToTheOneForWhichTheOthersWait) {
  const std::vector<RankView> ranks = {view(0, Phase::kStep, 7, "all_gather"), view(1, Phase::kValidation, 7),
                                       view(2, Phase::kStep, 7, "all_gather")};
  EXPECT_TRUE(starts_with(describe_hang(ranks, 0).sentence,
                          "rank 1 (node3, process 4001) makes no progress, in phase validation"));
}

TEST(Blame, GoesToTheAccuserWhoWaitsForNobody) {
  const std::vector<RankView> ranks = {view(0, Phase::kData, 7), view(1, Phase::kData, 7)};
  const std::string sentence = describe_hang(ranks, 1).sentence;
  EXPECT_TRUE(starts_with(sentence, "rank 1 (node3, process 4001) makes no progress, in phase data")) << sentence;
  EXPECT_EQ(sentence.find("rank 0"), std::string::npos);
}

TEST(Blame, GoesToTheOneThatIsBehindWhenAllWait) {
  const std::vector<RankView> ranks = {view(0, Phase::kStep, 8, "all_gather"), view(1, Phase::kStep, 7, "broadcast")};
  EXPECT_TRUE(starts_with(describe_hang(ranks, 0).sentence, "rank 1 (node3, process 4001) waits"));
}

TEST(Blame, GoesToAllThatWaitForEachOther) {
  const std::vector<RankView> ranks = {view(0, Phase::kStep, 7, "all_gather"), view(1, Phase::kStep, 7, "broadcast")};
  const std::string sentence = describe_hang(ranks, 0).sentence;
  EXPECT_TRUE(starts_with(sentence, "all ranks wait for each other: rank 0 (")) << sentence;
  EXPECT_NE(sentence.find("rank 1 ("), std::string::npos);
}

TEST(Hang, WaitsForARankThatIsAtWork) {
  std::vector<RankView> ranks = {view(0, Phase::kStep, 7, "all_gather"), view(1, Phase::kValidation, 7)};
  EXPECT_TRUE(another_is_busy(ranks, 0));
  EXPECT_FALSE(another_is_busy(ranks, 1)) << "rank 0 waits";
  ranks[1].state = 'T';
  EXPECT_FALSE(another_is_busy(ranks, 0));
}

}  // namespace
}  // namespace broadsheet
