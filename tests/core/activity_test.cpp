#include "core/activity.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

namespace broadsheet {
namespace {

int64_t ended(Phase phase) {
  return present_activity().times_ended[static_cast<size_t>(phase)];
}

TEST(Activity, PhasesNestAndEveryChangeIsAMark) {
  const Activity before = present_activity();
  {
    const PhaseScope data(Phase::kData);
    EXPECT_EQ(present_activity().phase, Phase::kData);
    {
      const PhaseScope save(Phase::kSave);
      EXPECT_EQ(present_activity().phase, Phase::kSave);
      EXPECT_EQ(present_activity().marks, before.marks + 2);
    }
    EXPECT_EQ(present_activity().phase, Phase::kData);
  }
  EXPECT_EQ(present_activity().phase, before.phase);
  EXPECT_EQ(present_activity().marks, before.marks + 4);
  EXPECT_EQ(ended(Phase::kData), before.times_ended[static_cast<size_t>(Phase::kData)] + 1);
}

TEST(Activity, ASaveIsLearnedFromTheDiskAlone) {
  const int64_t before = ended(Phase::kSave);
  { const PhaseScope save(Phase::kSave); }
  EXPECT_EQ(ended(Phase::kSave), before);
  note_duration(Phase::kSave, 12.5);
  EXPECT_EQ(ended(Phase::kSave), before + 1);
  EXPECT_EQ(present_activity().longest_ns[static_cast<size_t>(Phase::kSave)], 12'500'000'000);
}

TEST(Activity, TheOldestOfSeveralWaitsIsToldByName) {
  EXPECT_EQ(present_activity().oldest_wait(), nullptr);
  const WaitScope first("all_gather");
  {
    const WaitScope second("a name that is longer than what is kept of it");
    EXPECT_EQ(present_activity().operation(), "all_gather");
  }
  const uint64_t serial = present_activity().oldest_wait()->serial;
  const WaitScope third("barrier");
  EXPECT_EQ(present_activity().oldest_wait()->serial, serial);
  EXPECT_EQ(present_activity().operation(), "all_gather");
}

TEST(Activity, MoreWaitsThanAreKeptDoNoHarm) {
  const WaitScope a("a"), b("b"), c("c"), d("d"), e("e"), f("f");
  EXPECT_EQ(present_activity().operation(), "a");
}

TEST(Activity, SeveralThreadsMayWait) {
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([] {
      for (int i = 0; i < 2000; ++i) const WaitScope wait("exchange of slices");
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(present_activity().oldest_wait(), nullptr);
}

std::atomic<int> saves_begun{0};
TEST(Activity, AHookSeesWhatBegins) {
  set_phase_hook([](Phase phase, int64_t step) {
    if (phase == Phase::kSave && step == 7) ++saves_begun;
  });
  note_step(7);
  { const PhaseScope save(Phase::kSave); }
  set_phase_hook(nullptr);
  { const PhaseScope save(Phase::kSave); }
  EXPECT_EQ(saves_begun, 1);
}

// What the status file cannot tell: where exactly a process is that was stopped.
TEST(Activity, OfAStoppedProcessIsReadable) {
  const pid_t child = fork();
  if (child == 0) {
    // The block is shared memory that a fork inherits: a process of its own has its own.
    execl("/proc/self/exe", "core_tests", "--gtest_filter=ActivityChild.*", "--gtest_also_run_disabled_tests", nullptr);
    _exit(1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, WUNTRACED), child);
  ASSERT_TRUE(WIFSTOPPED(status)) << "exit " << WEXITSTATUS(status);
  std::optional<Activity> seen;
  for (int descriptor = 3; descriptor < 20 && !seen; ++descriptor) seen = activity_of(child, descriptor);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->phase, Phase::kValidation);
  EXPECT_EQ(seen->step, 41);
  EXPECT_EQ(seen->operation(), "broadcast");
  EXPECT_FALSE(activity_of(child, 3)) << "it is gone";
}

TEST(ActivityChild, DISABLED_StopsInAValidation) {
  note_step(41);
  const PhaseScope validation(Phase::kValidation);
  const WaitScope wait("broadcast");
  raise(SIGSTOP);
}

TEST(Activity, OfAnotherFileIsRefused) {
  EXPECT_FALSE(activity_of(getpid(), 0));
  EXPECT_FALSE(activity_of(getpid(), -1));
  EXPECT_TRUE(activity_of(getpid(), activity_descriptor()));
  EXPECT_FALSE(activity_of(getppid(), activity_descriptor()));
}

}  // namespace
}  // namespace broadsheet
