// The back end's state machine without MPI and LibTorch: a queue with a thread of its own and the rank-order sum, one
// of each per rank, over messages that come late and out of order.
#include "trainer/parallel/rank_order_sum.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>

#include "core/keep.h"
#include "core/work_queue.h"
#include "fake_network.h"

namespace broadsheet {
namespace {

using Values = std::shared_ptr<std::vector<float>>;

constexpr int64_t kPiece = 64;  // bytes: many pieces per sum

// What rank `rank` contributes to element i of operation `operation`: sums of these depend on the order of adding.
float value_of(int rank, int operation, size_t i) {
  const size_t spread = (i * 7 + static_cast<size_t>(rank) * 13 + static_cast<size_t>(operation) * 3) % 97;
  return 1.0f / static_cast<float>(1 + spread) * (rank % 2 ? 1e6f : 1.0f);
}

float sum_of(int world, int operation, size_t i) {
  float sum = value_of(0, operation, i);
  for (int rank = 1; rank < world; ++rank) sum += value_of(rank, operation, i);
  return sum;
}

Values contribution(int rank, int operation, size_t count) {
  auto values = std::make_shared<std::vector<float>>(count);
  for (size_t i = 0; i < count; ++i) (*values)[i] = value_of(rank, operation, i);
  return values;
}

// Empty ones, some shorter than the world is large, some of many pieces.
std::vector<Values> contributions(int rank, int operations) {
  std::vector<Values> all;
  for (int operation = 0; operation < operations; ++operation)
    all.push_back(contribution(rank, operation, static_cast<size_t>(operation * 29 % 83)));
  return all;
}

void expect_sum(const std::vector<float>& values, int world, int operation) {
  for (size_t i = 0; i < values.size(); ++i)
    ASSERT_EQ(values[i], sum_of(world, operation, i)) << "element " << i << " of operation " << operation;
}

// One rank: posts as a training thread does, works and fails as MpiBackend does.
class FakeBackend {
 public:
  // `fail_at`: this call of the network throws; 0: none.
  FakeBackend(FakeNetwork& network, int rank, int fail_at = 0) {
    wire_ = std::make_unique<Wire>(network, rank, queue_.closing());
    wire_->transport.fail_at(fail_at);
  }

  std::future<void> all_reduce(Values values) {
    auto promise = std::make_shared<std::promise<void>>();
    std::future<void> future = promise->get_future();
    queue_.post([this, values] { wire_->sum.sum(values->data(), static_cast<int64_t>(values->size()), kPiece); },
                [this, promise](const std::exception_ptr& failure) {
                  if (!failure) return promise->set_value();
                  promise->set_exception(failure);
                  if (wire_) keep_forever(std::move(wire_));
                });
    return future;
  }

 private:
  struct Wire {
    Wire(FakeNetwork& network, int rank, const std::atomic<bool>& abandon)
        : transport(network, rank, abandon), sum(transport) {}
    FakeTransport transport;
    RankOrderSum<FakeTransport> sum;
  };
  std::unique_ptr<Wire> wire_;
  WorkQueue queue_;  // last: ends before what its operations use
};

// Runs `body(rank)` on a thread per rank.
template <class Body>
void on_every_rank(int world, const Body& body) {
  std::vector<std::thread> ranks;
  for (int rank = 0; rank < world; ++rank) ranks.emplace_back([&body, rank] { body(rank); });
  for (std::thread& rank : ranks) rank.join();
}

// Why an operation failed; empty: it did not.
std::string error_of(std::future<void>& done) {
  try {
    done.get();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

// How many of a rank's operations have their sums; all behind the first that failed must have failed with its error.
int count_sums(std::vector<std::future<void>>& done, const std::vector<Values>& values, int world) {
  int sums = 0;
  std::string first;
  for (size_t operation = 0; operation < done.size(); ++operation) {
    const std::string error = error_of(done[operation]);
    EXPECT_TRUE(first.empty() || error == first) << "after '" << first << "': '" << error << "'";
    if (first.empty()) first = error;
    if (!error.empty()) continue;
    ++sums;
    expect_sum(*values[operation], world, static_cast<int>(operation));
  }
  return sums;
}

TEST(RankOrderSum, ManyOperationsInFlightGiveTheSumsInRankOrder) {
  constexpr int kOperations = 40;
  for (const int world : {1, 2, 3, 5}) {
    FakeNetwork network(world, static_cast<unsigned>(world));
    on_every_rank(world, [&](int rank) {
      const std::vector<Values> values = contributions(rank, kOperations);
      std::vector<std::future<void>> done;
      FakeBackend backend(network, rank);
      for (const Values& one : values) done.push_back(backend.all_reduce(one));
      EXPECT_EQ(count_sums(done, values, world), kOperations) << "rank " << rank << " of " << world;
    });
  }
}

// As backward passes do: buffers are filled, posted, read and filled again, on ranks of different speed.
TEST(RankOrderSum, ABufferMayBeUsedAgainOnceItsSumIsThere) {
  constexpr int kWorld = 3, kRounds = 30;
  FakeNetwork network(kWorld);
  on_every_rank(kWorld, [&](int rank) {
    FakeBackend backend(network, rank);
    const auto first = std::make_shared<std::vector<float>>(70), second = std::make_shared<std::vector<float>>(31);
    for (int round = 0; round < kRounds; ++round) {
      *first = *contribution(rank, round, first->size());
      std::future<void> first_done = backend.all_reduce(first);
      if (round % kWorld == rank) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      *second = *contribution(rank, round + 1, second->size());
      std::future<void> second_done = backend.all_reduce(second);
      first_done.get();
      expect_sum(*first, kWorld, round);
      second_done.get();
      expect_sum(*second, kWorld, round + 1);
    }
  });
}

TEST(RankOrderSum, ThePieceSizeDoesNotChangeABit) {
  constexpr int kWorld = 3;
  for (const int64_t piece : {1, 4, 12, 100, 1 << 20}) {
    FakeNetwork network(kWorld);
    on_every_rank(kWorld, [&](int rank) {
      const std::atomic<bool> abandon{false};
      FakeTransport transport(network, rank, abandon);
      RankOrderSum sum(transport);
      const Values values = contribution(rank, 1, 50);
      sum.sum(values->data(), 50, piece);
      expect_sum(*values, kWorld, 1);
    });
  }
}

TEST(RankOrderSum, HalfPrecisionIsSummedWiderAndRoundedOnce) {
  // 1 + e + e: each e alone is rounded away in float, both together are not.
  constexpr float kSmall = 0x1p-24f;
  FakeNetwork network(3);
  on_every_rank(3, [&](int rank) {
    const std::atomic<bool> abandon{false};
    FakeTransport transport(network, rank, abandon);
    RankOrderSum sum(transport);
    std::vector<float> values(5, rank == 0 ? 1.0f : kSmall);
    sum.sum<float, double>(values.data(), 5, kPiece);
    for (const float value : values) ASSERT_EQ(value, 1.0f + 2 * kSmall);
  });
}

// Rank 1 fails in its nth call, for many n: this and everything behind it fails; the others, which would wait for ever,
// are abandoned when they close.
TEST(RankOrderSum, AFailureInAnyCallEndsEveryRankInOrder) {
  constexpr int kWorld = 3, kOperations = 12;
  for (int call = 1; call <= 250; call += call < 12 ? 1 : 11) {
    FakeNetwork network(kWorld, static_cast<unsigned>(call));
    std::promise<void> failed;
    const std::shared_future<void> has_failed = failed.get_future().share();
    on_every_rank(kWorld, [&](int rank) {
      const std::vector<Values> values = contributions(rank, kOperations);
      std::vector<std::future<void>> done;
      {
        FakeBackend backend(network, rank, rank == 1 ? call : 0);
        for (const Values& one : values) done.push_back(backend.all_reduce(one));
        if (rank == 1) {
          done.back().wait();
          failed.set_value();
        }
        has_failed.wait();
      }
      const int sums = count_sums(done, values, kWorld);
      EXPECT_LT(sums, kOperations) << "rank " << rank << ", failing call " << call;
    });
  }
}

// Operations are waiting, none can ever complete: the peer posts nothing.
TEST(RankOrderSum, ClosingAbandonsWhatWaits) {
  FakeNetwork network(2);
  const std::vector<Values> values{contribution(0, 0, 50), contribution(0, 1, 50), contribution(0, 2, 0)};
  std::vector<std::future<void>> done;
  {
    FakeBackend backend(network, 0);
    for (const Values& one : values) done.push_back(backend.all_reduce(one));
  }
  for (std::future<void>& one : done) EXPECT_NE(error_of(one).find("abandoned"), std::string::npos);
}

TEST(RankOrderSum, WhatIsStillUnderWayKeepsItsMemory) {
  FakeNetwork network(2);
  std::weak_ptr<std::vector<float>> sent;
  {
    const Values values = contribution(0, 0, 16);
    sent = values;
    FakeBackend backend(network, 0);
    backend.all_reduce(values);
    // Its peer needs this message; the answer goes into memory of a back end that is gone by then.
  }
  EXPECT_FALSE(sent.expired()) << "the network may still read it";
  FakeBackend late(network, 1);
  std::future<void> done = late.all_reduce(contribution(1, 0, 16));
  while (network.delivered() < 2) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(done.wait_for(std::chrono::seconds(0)), std::future_status::timeout) << "half a sum";
}

}  // namespace
}  // namespace broadsheet
