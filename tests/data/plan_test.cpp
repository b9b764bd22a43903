#include "data/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "core/random.h"

namespace broadsheet {
namespace {

BatchPlan plan_of(int64_t examples, int64_t batch, uint64_t seed = 1, const std::string& corpus = "corpus") {
  return make_plan(examples, batch, seed, corpus);
}

std::vector<int64_t> epoch_order(const BatchPlan& plan, int64_t epoch) {
  std::vector<int64_t> order;
  for (int64_t i = 0; i < plan.examples; ++i) order.push_back(example_at(plan, epoch, i));
  return order;
}

bool is_permutation_of_all(std::vector<int64_t> order, int64_t examples) {
  std::sort(order.begin(), order.end());
  if (static_cast<int64_t>(order.size()) != examples) return false;
  for (int64_t i = 0; i < examples; ++i)
    if (order[static_cast<size_t>(i)] != i) return false;
  return true;
}

TEST(Plan, EveryExampleAppearsOncePerEpochForEverySizeUpTo2000) {
  for (int64_t examples = 1; examples <= 2000; ++examples)
    ASSERT_TRUE(is_permutation_of_all(epoch_order(plan_of(examples, 32), examples % 5), examples)) << examples;
}

TEST(Plan, ABillionExamplesStayInRangeAndDoNotCollideWhereWeLook) {
  const BatchPlan plan = plan_of(1'000'000'000, 64);
  std::set<int64_t> seen;
  for (int64_t i = 0; i < 100'000; ++i) {
    const int64_t example = example_at(plan, 0, i * 9973 % plan.examples);
    ASSERT_GE(example, 0);
    ASSERT_LT(example, plan.examples);
    ASSERT_TRUE(seen.insert(example).second);
  }
}

TEST(Plan, TheLastBatchOfAnEpochIsShort) {
  const BatchPlan plan = plan_of(33, 32);
  EXPECT_EQ(plan.steps_per_epoch(), 2);
  EXPECT_EQ(plan.batch_size_of(0), 32);
  EXPECT_EQ(plan.batch_size_of(1), 1);
  EXPECT_EQ(plan.batch_size_of(2), 32);
  EXPECT_EQ(plan.epoch_of(1), 0);
  EXPECT_EQ(plan.epoch_of(2), 1);
  std::vector<int64_t> epoch = sample_ids(plan, 0);
  const std::vector<int64_t> rest = sample_ids(plan, 1);
  EXPECT_EQ(rest.size(), 1u);
  epoch.insert(epoch.end(), rest.begin(), rest.end());
  EXPECT_TRUE(is_permutation_of_all(epoch, 33));
}

TEST(Plan, AllNumbersOfRanksGiveTheSameGlobalOrder) {
  for (const auto& [examples, batch] : {std::pair<int64_t, int64_t>{33, 32}, {100, 7}, {5, 8}, {1, 1}, {64, 32}}) {
    const BatchPlan plan = plan_of(examples, batch);
    for (int64_t step = 0; step < 2 * plan.steps_per_epoch() + 1; ++step) {
      const std::vector<int64_t> whole = sample_ids(plan, step);
      for (const int64_t world_size : {1, 2, 3, 4, 7}) {
        std::vector<int64_t> joined;
        for (int64_t rank = 0; rank < world_size; ++rank) {
          const std::vector<int64_t> part = sample_ids(plan, step, {rank, world_size});
          joined.insert(joined.end(), part.begin(), part.end());
        }
        ASSERT_EQ(joined, whole) << examples << " " << batch << " " << step << " " << world_size;
      }
    }
  }
}

TEST(Plan, ARankMayBeLeftWithoutExamples) {
  const BatchPlan plan = plan_of(33, 32);
  EXPECT_TRUE(sample_ids(plan, 1, {0, 4}).empty());
  EXPECT_EQ(sample_ids(plan, 1, {3, 4}).size(), 1u);
}

TEST(Plan, TheOrderDependsOnEpochSeedAndCorpus) {
  const std::vector<int64_t> order = epoch_order(plan_of(500, 10), 0);
  EXPECT_EQ(order, epoch_order(plan_of(500, 25), 0)) << "the batch size only cuts the order";
  EXPECT_NE(order, epoch_order(plan_of(500, 10), 1));
  EXPECT_NE(order, epoch_order(plan_of(500, 10, 2), 0));
  EXPECT_NE(order, epoch_order(plan_of(500, 10, 1, "another"), 0));
}

// Runs that began with the first version that had this order go on with it.
TEST(Plan, TheOrderIsWhatItAlwaysWas) {
  using Ids = std::vector<int64_t>;
  const BatchPlan plan = plan_of(1000, 10, 7, "a corpus");
  EXPECT_EQ(sample_ids(plan, 0), (Ids{51, 633, 747, 891, 671, 59, 618, 159, 344, 506}));
  EXPECT_EQ(sample_ids(plan, 3), (Ids{219, 77, 936, 273, 716, 507, 919, 625, 105, 599}));
  EXPECT_EQ(sample_ids(plan, 1'234'567), (Ids{85, 155, 910, 622, 996, 483, 492, 336, 475, 842}));
  EXPECT_EQ(sample_ids(plan_of(1'000'000'007, 3, 1, "b"), 10'000'000), (Ids{571925419, 887434901, 791374341}));
}

TEST(Plan, TheOrderIsNotVisiblyPoor) {
  // 1000 positions over 10 deciles of examples, many epochs: chi-square of (position decile, example decile), 81
  // degrees of freedom; 200 would be 7 standard deviations above the mean.
  const BatchPlan plan = plan_of(1000, 10);
  std::vector<double> counts(100, 0);
  const int epochs = 50;
  for (int64_t epoch = 0; epoch < epochs; ++epoch)
    for (int64_t i = 0; i < 1000; ++i) ++counts[static_cast<size_t>(i / 100 * 10 + example_at(plan, epoch, i) / 100)];
  double chi = 0;
  const double expected = epochs * 1000 / 100.0;
  for (const double count : counts) chi += (count - expected) * (count - expected) / expected;
  EXPECT_LT(chi, 200);
  double neighbours = 0;  // how often consecutive positions hold consecutive examples: 2/N each by chance
  for (int64_t epoch = 0; epoch < epochs; ++epoch)
    for (int64_t i = 1; i < 1000; ++i)
      neighbours += std::abs(example_at(plan, epoch, i) - example_at(plan, epoch, i - 1)) == 1;
  EXPECT_LT(neighbours, 2 * epochs * 2);
}

TEST(Plan, SmallPermutationsTakeManyForms) {
  std::set<std::vector<int64_t>> orders;
  const BatchPlan plan = plan_of(4, 2);
  for (int64_t epoch = 0; epoch < 500; ++epoch) orders.insert(epoch_order(plan, epoch));
  EXPECT_GE(orders.size(), 12u) << "of 24";
}

TEST(Plan, EvaluationSeesEveryExampleOnceInOrder) {
  for (const int64_t examples : {0, 1, 2, 3, 10, 101})
    for (const int64_t world_size : {1, 2, 3, 4}) {
      std::vector<int64_t> joined;
      for (int64_t rank = 0; rank < world_size; ++rank)
        for (const int64_t id : evaluation_ids(examples, {rank, world_size})) joined.push_back(id);
      std::vector<int64_t> all(static_cast<size_t>(examples));
      std::iota(all.begin(), all.end(), 0);
      ASSERT_EQ(joined, all);
    }
}

using Cuts = std::vector<std::vector<int64_t>>;

TEST(MicroBatches, AreCutBySizeInOrder) {
  EXPECT_EQ(cut_micro_batches({5, 6, 7, 8, 9}, {1, 1, 1, 1, 1}, 2, 0), (Cuts{{5, 6}, {7, 8}, {9}}));
  EXPECT_EQ(cut_micro_batches({5}, {1000}, 2, 0), (Cuts{{5}}));
  EXPECT_TRUE(cut_micro_batches({}, {}, 2, 10).empty());
}

TEST(MicroBatches, FillATokenBudgetButNeverStarve) {
  EXPECT_EQ(cut_micro_batches({1, 2, 3, 4, 5}, {4, 6, 1, 50, 2}, 0, 10), (Cuts{{1, 2}, {3}, {4}, {5}}));
  EXPECT_EQ(cut_micro_batches({1, 2}, {5, 5}, 0, 0), (Cuts{{1}, {2}}));
}

// Lengths as comments and articles have them: many short, few long.
std::vector<int64_t> mixed_lengths(size_t count, uint64_t seed) {
  std::vector<int64_t> lengths;
  for (size_t i = 0; i < count; ++i) {
    const uint64_t random = mix(mix64(seed), i);
    lengths.push_back(random % 7 == 0 ? 128 + static_cast<int64_t>(random / 7 % 385)
                                      : 5 + static_cast<int64_t>(random / 7 % 40));
  }
  return lengths;
}

TEST(BalancedShare, GivesEachExampleToOneRankInTheOrderOfTheStep) {
  for (const int64_t ranks : {1, 2, 3, 7, 64}) {
    for (const size_t count : {size_t{0}, size_t{1}, size_t{5}, size_t{33}, size_t{256}}) {
      std::vector<size_t> positions(count);
      std::iota(positions.begin(), positions.end(), size_t{0});
      const std::vector<int64_t> lengths = mixed_lengths(count, count);
      std::vector<size_t> all;
      for (int64_t rank = 0; rank < ranks; ++rank) {
        const std::vector<size_t> share = balanced_share(lengths, {rank, ranks});
        EXPECT_TRUE(std::is_sorted(share.begin(), share.end()));
        all.insert(all.end(), share.begin(), share.end());
      }
      std::sort(all.begin(), all.end());
      EXPECT_EQ(all, positions) << count << " examples, " << ranks << " ranks";
    }
  }
}

// Graham's bound, against the lower bounds that hold for any placement: the mean, and the costliest example.
TEST(BalancedShare, NoRankHasMoreThanFourThirdsOfTheLeastPossible) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const std::vector<int64_t> lengths = mixed_lengths(64, seed);
    int64_t all = 0, costliest = 0, most = 0;
    for (const int64_t length : lengths) {
      all += predicted_cost(length);
      costliest = std::max(costliest, predicted_cost(length));
    }
    constexpr int64_t kRanks = 4;
    for (int64_t rank = 0; rank < kRanks; ++rank) {
      int64_t cost = 0;
      for (const size_t i : balanced_share(lengths, {rank, kRanks})) cost += predicted_cost(lengths[i]);
      most = std::max(most, cost);
    }
    const double least = std::max(static_cast<double>(all) / kRanks, static_cast<double>(costliest));
    EXPECT_LE(static_cast<double>(most), least * (4.0 / 3 - 1.0 / (3 * kRanks)) + 1) << "seed " << seed;
  }
}

}  // namespace
}  // namespace broadsheet
