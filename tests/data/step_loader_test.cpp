#include "data/step_loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <set>
#include <stdexcept>

#include "core/text.h"

namespace broadsheet {
namespace {

// A step whose batches say which it is, of `tokens` tokens.
StepBatches batches_of(int64_t step, int64_t tokens = 3) {
  StepBatches made;
  made.batches.emplace_back();
  made.batches[0].tokens.assign(static_cast<size_t>(tokens), step);
  made.first = step;
  return made;
}

// What was made, by number, in the order in which it was begun.
class Calls {
 public:
  void add(int64_t step) {
    const std::lock_guard lock(mutex_);
    steps_.push_back(step);
    changed_.notify_all();
  }
  std::vector<int64_t> steps() {
    const std::lock_guard lock(mutex_);
    return steps_;
  }
  // Waits until so many were begun; a minute at most.
  bool reach(size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::minutes(1), [&] { return steps_.size() >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<int64_t> steps_;
};

TEST(StepLoader, GivesEveryStepInItsOrder) {
  StepLoader loader([](int64_t step) { return batches_of(step); }, 200, "corpus");
  for (int64_t step = 0; step < 200; ++step) EXPECT_EQ(loader.take(step).first, step);
}

TEST(StepLoader, NothingIsReadBeforeTheFirstStepAndNoneTwiceOrBehindTheEnd) {
  Calls calls;
  StepLoader loader(
      [&](int64_t step) {
        calls.add(step);
        return batches_of(step);
      },
      9, "corpus");
  EXPECT_TRUE(calls.steps().empty());
  for (int64_t step = 3; step < 9; ++step) loader.take(step);
  const std::vector<int64_t> made = calls.steps();
  EXPECT_EQ(std::set<int64_t>(made.begin(), made.end()), (std::set<int64_t>{3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(made.size(), 6u);
}

TEST(StepLoader, ReadsAheadAsFarAsItMayAndNoFurther) {
  Calls calls;
  StepLoader::Limits limits;
  limits.steps = 3;
  StepLoader loader(
      [&](int64_t step) {
        calls.add(step);
        return batches_of(step);
      },
      1000, "corpus", limits);
  loader.take(0);
  ASSERT_TRUE(calls.reach(4));  // 1, 2 and 3 without being asked
  loader.take(1);
  ASSERT_TRUE(calls.reach(5));
  loader.take(2);
  loader.take(3);
  ASSERT_TRUE(calls.reach(7));
  const std::vector<int64_t> made = calls.steps();
  EXPECT_LE(*std::max_element(made.begin(), made.end()), 6);
}

TEST(StepLoader, StepsThatAreLargeAreReadAheadOneByOne) {
  std::atomic<int64_t> waiting{0}, most{0};
  StepLoader::Limits limits;
  limits.readers = 1;
  limits.tokens = 10;
  StepLoader loader(
      [&](int64_t step) {
        const int64_t now = ++waiting;
        if (now > most) most = now;
        return batches_of(step, 100);
      },
      20, "corpus", limits);
  for (int64_t step = 0; step < 20; ++step) {
    loader.take(step);
    --waiting;
  }
  EXPECT_LE(most, 2);  // the one asked for, and the one behind it
}

TEST(StepLoader, GoesBackOrForwardToWhateverStepIsAskedFor) {
  StepLoader loader([](int64_t step) { return batches_of(step); }, 100, "corpus");
  for (const int64_t step : {0, 1, 2, 50, 51, 7, 8, 99, 3}) EXPECT_EQ(loader.take(step).first, step);
}

TEST(StepLoader, AFailureComesOutAtItsStepAndMayBeTriedAgain) {
  std::atomic<bool> broken{true};
  StepLoader loader(
      [&](int64_t step) {
        if (step == 2 && broken) throw std::runtime_error("no such page");
        return batches_of(step);
      },
      10, "corpus");
  EXPECT_EQ(loader.take(0).first, 0);
  EXPECT_EQ(loader.take(1).first, 1);
  EXPECT_THROW(loader.take(2), std::runtime_error);
  broken = false;
  EXPECT_EQ(loader.take(2).first, 2);
  EXPECT_EQ(loader.take(3).first, 3);
}

TEST(StepLoader, ASlowSourceIsNamedWithItsFileSystem) {
  std::promise<void> go_on;
  std::shared_future<void> may = go_on.get_future().share();
  StepLoader::Limits limits;
  limits.patience = 0.01;
  testing::internal::CaptureStderr();
  StepLoader loader(
      [&](int64_t step) {
        may.wait();
        return batches_of(step);
      },
      10, "/proc/self", limits);
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    go_on.set_value();
  });
  loader.take(4);
  later.join();
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("step 5 has waited"), std::string::npos) << said;
  EXPECT_NE(said.find("/proc/self on /proc (proc, "), std::string::npos) << said;
}

TEST(StepLoader, EndsWhileItsReadersAreAtWork) {
  std::promise<void> begun;
  std::atomic<int> calls{0};
  {
    StepLoader loader(
        [&](int64_t step) {
          if (++calls == 2) begun.set_value();
          if (step > 0) std::this_thread::sleep_for(std::chrono::milliseconds(20));
          return batches_of(step);
        },
        1000, "corpus");
    loader.take(0);
    begun.get_future().wait();
  }
  EXPECT_GE(calls, 2);
}

}  // namespace
}  // namespace broadsheet
