#include "core/work_queue.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <stdexcept>
#include <vector>

namespace broadsheet {
namespace {

TEST(WorkQueue, RunsInTheOrderOfPostingInOneThread) {
  std::vector<int> order;  // no lock: only the queue's thread writes, and the queue has ended when it is read
  {
    WorkQueue queue;
    for (int i = 0; i < 1000; ++i)
      queue.post([&order, i] { order.push_back(i); }, [](const std::exception_ptr& failure) { EXPECT_FALSE(failure); });
  }
  ASSERT_EQ(order.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST(WorkQueue, SeveralThreadsMayPost) {
  std::atomic<int> ran{0};
  {
    WorkQueue queue;
    std::vector<std::thread> posters;
    for (int i = 0; i < 4; ++i)
      posters.emplace_back([&] {
        for (int k = 0; k < 200; ++k) queue.post([&] { ++ran; }, [](const std::exception_ptr&) {});
      });
    for (std::thread& poster : posters) poster.join();
  }
  EXPECT_EQ(ran, 800);
}

TEST(WorkQueue, AfterAFailureNothingMoreRunsAndAllAreTold) {
  int ran = 0, told = 0;
  {
    WorkQueue queue;
    const auto done = [&](const std::exception_ptr& failure) {
      if (!failure) return;
      ++told;
      EXPECT_THROW(std::rethrow_exception(failure), std::runtime_error);
    };
    queue.post([&] { ++ran; }, done);
    queue.post([&] { throw std::runtime_error("the disk is gone"); }, done);
    queue.post([&] { ++ran; }, done);
    queue.post([&] { ++ran; }, done);
  }
  EXPECT_EQ(ran, 1);
  EXPECT_EQ(told, 3);
}

TEST(WorkQueue, ClosingIsSeenByAnOperationThatWaits) {
  std::promise<void> began;
  bool failed = false;
  {
    WorkQueue queue;
    queue.post(
        [&] {
          began.set_value();
          while (!queue.closing()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
          throw std::runtime_error("abandoned");
        },
        [&](const std::exception_ptr& failure) { failed = failure != nullptr; });
    began.get_future().wait();
  }
  EXPECT_TRUE(failed);
}

}  // namespace
}  // namespace broadsheet
