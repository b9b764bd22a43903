#include "launcher/hang_watch.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/text.h"
#include "core/watchdog.h"
#include "launcher/local_ranks.h"

namespace broadsheet {
namespace {

class HangWatchTest : public testing::Test {
 protected:
  HangWatchTest() {
    char folder[] = "/tmp/broadsheet-test-XXXXXX";
    folder_ = mkdtemp(folder);
  }
  ~HangWatchTest() override {
    std::filesystem::remove_all(folder_);
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
  }
  // Looks until the watch wants an end, at most so often.
  bool ends_within(HangWatch& watch, int looks) {
    for (int look = 0; look < looks; ++look) {
      if (watch.must_end()) return true;
      usleep(50'000);
    }
    return false;
  }
  void start_child() {
    child_ = fork();
    if (child_ == 0)
      for (;;) pause();
  }
  std::string folder_;
  pid_t child_ = 0;
};

TEST_F(HangWatchTest, AHangThatARankFoundEndsAllALittleLater) {
  HangWatch watch(folder_, 2, {600, 600});
  EXPECT_FALSE(watch.must_end());
  ASSERT_TRUE(claim_hang(folder_, {"rank 1 is stopped", "rank host\n   0 a\n"}));
  EXPECT_FALSE(watch.must_end()) << "the ranks are given time for their stacks";
  EXPECT_TRUE(ends_within(watch, 600));
  std::string table;
  const std::optional<Failure> hang = find_hang(folder_, &table);
  ASSERT_TRUE(hang);
  EXPECT_EQ(hang->exit_code, 124);
  EXPECT_EQ(hang->fault.code, "train.hang");
  EXPECT_NE(hang->message.find("rank 1 is stopped"), std::string::npos);
  EXPECT_EQ(table, "rank host\n   0 a\n");
}

TEST_F(HangWatchTest, RanksThatHaveAllStoppedAreFoundAndNamed) {
  start_child();
  kill(child_, SIGSTOP);
  RankStatus status = own_status(0);
  status.process = child_;
  status.phase = Phase::kData;
  write_status(folder_, status);
  HangWatch watch(folder_, 1, {1, 1});
  EXPECT_TRUE(ends_within(watch, 600));
  std::string table;
  const std::optional<Failure> hang = find_hang(folder_, &table);
  ASSERT_TRUE(hang);
  EXPECT_NE(hang->message.find(cat("process ", child_, ") is stopped")), std::string::npos) << hang->message;
  EXPECT_NE(hang->message.find("in phase data"), std::string::npos) << hang->message;
}

TEST_F(HangWatchTest, ARankThatRunsIsLeftAlone) {
  HangWatch watch(folder_, 2, {0.2, 0.2});
  RankStatus status = own_status(0);
  status.descriptor = -1;
  for (int look = 0; look < 30; ++look) {
    ++status.beat;
    write_status(folder_, status);
    EXPECT_FALSE(watch.must_end());
    usleep(50'000);
  }
  std::string table;
  EXPECT_FALSE(find_hang(folder_, &table));
}

TEST_F(HangWatchTest, RanksOfOtherMachinesAreNotJudged) {
  std::ofstream(folder_ + "/ranks.json") << "{}";
  RankStatus status = own_status(0);
  status.place = "another boot";
  write_status(folder_, status);
  HangWatch watch(folder_, 1, {0.2, 0.2});
  EXPECT_FALSE(ends_within(watch, 30));
}

TEST_F(HangWatchTest, TheProcessOfARankIsFoundByItsEnvironment) {
  EXPECT_EQ(find_rank_process(folder_, 3), 0);
  child_ = fork();
  if (child_ == 0) {
    setenv(kAttemptVariable, folder_.c_str(), 1);
    setenv("OMPI_COMM_WORLD_RANK", "3", 1);
    execlp("sleep", "sleep", "100", nullptr);
    _exit(1);
  }
  int64_t found = 0;
  for (int look = 0; look < 600 && found == 0; ++look, usleep(10'000)) found = find_rank_process(folder_, 3);
  EXPECT_EQ(found, child_);
  EXPECT_EQ(find_rank_process(folder_, 33), 0);
}

}  // namespace
}  // namespace broadsheet
