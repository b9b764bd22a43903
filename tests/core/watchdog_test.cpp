#include "core/watchdog.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <optional>
#include <thread>

#include "core/durable.h"
#include "core/text.h"
#include "scratch_folder.h"

namespace broadsheet {
namespace {

using namespace std::chrono_literals;

// A watchdog whose end_job keeps the report.
class WatchdogTest : public testing::Test {
 protected:
  void start(double limit, int ranks = 1) {
    WatchdogOptions options;
    options.folder = folder_ / "";
    options.ranks = ranks;
    options.log_file = folder_ / "rank.log";
    options.limits = {limit, limit};
    options.last_resort = 0;
    options.end_job = [this](const HangReport& report) { found_.set_value(report); };
    watchdog_.emplace(options);
  }
  std::string found() {
    std::future<HangReport> report = found_.get_future();
    if (report.wait_for(60s) != std::future_status::ready) return "nothing was found";
    return report.get().sentence;
  }
  const ScratchFolder folder_;
  std::promise<HangReport> found_;
  std::optional<Watchdog> watchdog_;
};

TEST_F(WatchdogTest, FindsAPhaseWithoutProgressAndTellsWhere) {
  const PhaseScope data(Phase::kData);
  note_step(12);
  start(0.5);
  const std::string sentence = found();
  EXPECT_TRUE(starts_with(
      sentence, cat("rank 0 (", this_host(), ", process ", getpid(), ") makes no progress, in phase data, at step 12")))
      << sentence;
  EXPECT_TRUE(starts_with(read_file(hang_path(folder_ / "")), sentence));
  EXPECT_NE(read_file(folder_ / "rank.log").find("--- stack of thread"), std::string::npos);
}

TEST_F(WatchdogTest, FindsAWaitForARankThatNeverBegan) {
  const WaitScope wait("init");
  start(0.5, 2);
  EXPECT_TRUE(starts_with(found(), "rank 1 has not started"));
}

TEST_F(WatchdogTest, IsQuietWhileThereIsProgress) {
  const PhaseScope validation(Phase::kValidation);
  start(1.5);
  for (int i = 0; i < 30; ++i) {
    note_progress();
    std::this_thread::sleep_for(100ms);
  }
  watchdog_.reset();
  EXPECT_EQ(found_.get_future().wait_for(0s), std::future_status::timeout);
  EXPECT_FALSE(exists(hang_path(folder_ / "")));
}

TEST_F(WatchdogTest, FollowsARankThatFoundAHang) {
  const PhaseScope data(Phase::kData);
  start(600);
  ASSERT_TRUE(claim_hang(folder_ / "", {"rank 1 is stopped", ""}));
  EXPECT_FALSE(claim_hang(folder_ / "", {"me too", ""})) << "one rank speaks for all";
  for (int i = 0; i < 600 && !exists(folder_ / "rank.log"); ++i) std::this_thread::sleep_for(100ms);
  EXPECT_TRUE(exists(folder_ / "rank.log"));
  watchdog_.reset();
  EXPECT_EQ(found_.get_future().wait_for(0s), std::future_status::timeout) << "the other rank ends the job";
}

TEST_F(WatchdogTest, ItsStatusFileGoesWithIt) {
  start(600);
  const std::optional<RankStatus> status = read_status(folder_ / "", 0);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->process, getpid());
  EXPECT_EQ(status->place, this_place());
  watchdog_.reset();
  EXPECT_FALSE(exists(status_path(folder_ / "", 0)));
}

TEST_F(WatchdogTest, IsOffWithoutALimit) {
  start(0);
  EXPECT_FALSE(exists(status_path(folder_ / "", 0)));
}

TEST_F(WatchdogTest, HasNoNeedOfADisk) {
  WatchdogOptions options;
  options.folder = folder_ / "absent";
  options.limits = {0.5, 0.5};
  options.log_file = folder_ / "absent/rank.log";
  options.last_resort = 0;
  options.end_job = [this](const HangReport& report) { found_.set_value(report); };
  const PhaseScope data(Phase::kData);
  watchdog_.emplace(options);
  EXPECT_NE(found().find("rank 0"), std::string::npos);
}

TEST(RankStatusFile, OfAHalfWrittenLineIsNothing) {
  const ScratchFolder folder;
  EXPECT_FALSE(read_status(folder / "", 3));
  write_file_durably(status_path(folder / "", 3), "{\"rank\": 3, \"ho");
  EXPECT_FALSE(read_status(folder / "", 3));
  RankStatus status = own_status(3);
  status.operation = "exchange of sums";
  status.step = 17;
  write_status(folder / "", status);
  const auto back = read_status(folder / "", 3);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->operation, "exchange of sums");
  EXPECT_EQ(back->step, 17);
}

TEST(Onlookers, CountSilenceAsTheySeeIt) {
  const ScratchFolder folder;
  RankStatus status = own_status(0);
  status.place = "another machine";
  write_status(folder / "", status);
  Onlooker onlooker(folder / "", 2);
  onlooker.look(0);
  onlooker.look(1.5);
  EXPECT_FALSE(onlooker.ranks()[0].silent());
  EXPECT_FALSE(onlooker.ranks()[1].known);
  onlooker.look(1.5);
  EXPECT_TRUE(onlooker.ranks()[0].silent());
  ++status.beat;
  write_status(folder / "", status);
  onlooker.look(1.5);
  EXPECT_FALSE(onlooker.ranks()[0].silent());
}

}  // namespace
}  // namespace broadsheet
