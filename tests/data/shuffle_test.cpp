#include "data/shuffle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/random.h"

namespace broadsheet {
namespace {

constexpr int64_t kBillion = 1'000'000'000;

std::vector<int64_t> whole_order(const ShuffleSpec& spec, uint64_t key, int64_t size) {
  std::vector<int64_t> order;
  for (int64_t position = 0; position < size; ++position) order.push_back(shuffled(spec, key, size, position));
  return order;
}

bool has_each_once(std::vector<int64_t> order) {
  std::sort(order.begin(), order.end());
  for (size_t i = 0; i < order.size(); ++i)
    if (order[i] != static_cast<int64_t>(i)) return false;
  return true;
}

TEST(Shuffle, BlockZeroIsThePermutation) {
  for (const int64_t position : {0, 1, 17, 998})
    EXPECT_EQ(shuffled({0, 3}, 42, 999, position), permuted(42, 999, position));
}

TEST(Shuffle, OnTwoLevelsHasEachExampleOnceWhateverTheSizes) {
  for (int64_t size = 1; size <= 70; ++size)
    for (const int64_t block : {1, 2, 3, 7, 16, 69, 70, 1000})
      for (const int64_t window : {1, 2, 5, 100})
        for (uint64_t key = 0; key < 3; ++key)
          ASSERT_TRUE(has_each_once(whole_order({block, window}, mix64(key), size)))
              << size << " " << block << " " << window;
  EXPECT_TRUE(has_each_once(whole_order({128, 9}, 5, 100'003)));
}

// A window's examples lie in as many ranges as it has blocks, one more where the ring is cut; and they are those that
// its positions have.
TEST(Shuffle, AWindowHoldsTheBlocksThatAreAnnouncedWhenItBegins) {
  for (const auto& [size, block, window] :
       {std::tuple<int64_t, int64_t, int64_t>{1003, 10, 4}, {97, 7, 3}, {50, 100, 2}, {64, 8, 8}, {5, 1, 2}}) {
    const ShuffleSpec spec{block, window};
    std::set<int64_t> announced, seen;
    int64_t windows = 0;
    for (int64_t position = 0; position < size; ++position) {
      const std::vector<ExampleRange> ranges = window_beginning_at(spec, 11, size, position);
      if (!ranges.empty()) {
        EXPECT_EQ(announced, seen) << "at the end of a window";
        announced.clear();
        seen.clear();
        ++windows;
        EXPECT_LE(static_cast<int64_t>(ranges.size()), window + 1);
        for (const ExampleRange& range : ranges)
          for (int64_t example = range.begin; example < range.end; ++example)
            EXPECT_TRUE(announced.insert(example).second);
      }
      seen.insert(shuffled(spec, 11, size, position));
    }
    EXPECT_EQ(announced, seen);
    EXPECT_GE(windows, size <= block * window ? 1 : 2);
  }
}

TEST(Shuffle, TheExamplesThatMakeNoWholeBlockAreOthersFromKeyToKey) {
  std::map<int64_t, int> last;
  constexpr int64_t kSize = 103, kBlock = 10;
  for (uint64_t key = 0; key < 200; ++key)
    for (int64_t position = kSize - kSize % kBlock; position < kSize; ++position)
      ++last[shuffled({kBlock, 1}, mix64(key), kSize, position)];
  EXPECT_GT(last.size(), 100u) << "nearly every example comes last with some key";
  for (const auto& [example, times] : last) EXPECT_LT(times, 30) << example;
}

TEST(Shuffle, NeighboursInTheOrderAreOfDifferentBlocksAndExamplesOfAWindowMix) {
  // 50 windows of 16 blocks of 64: two neighbours are of one block one time in 16.
  const std::vector<int64_t> order = whole_order({64, 16}, 3, 51'200);
  int64_t near = 0, ascending = 0;
  for (size_t i = 1; i < order.size(); ++i) {
    near += std::abs(order[i] - order[i - 1]) < 64;
    ascending += order[i] > order[i - 1];
  }
  EXPECT_NEAR(static_cast<double>(near) / 51'200, 1.0 / 16, 0.02);
  EXPECT_NEAR(static_cast<double>(ascending) / 51'200, 0.5, 0.02);
}

TEST(Shuffle, ABillionExamplesNeedNoTable) {
  const ShuffleSpec spec{4096, 64};
  std::set<int64_t> seen, blocks;
  const int64_t begin = 700 * 4096 * 64;
  for (int64_t position = begin; position < begin + 20'000; ++position) {
    const int64_t example = shuffled(spec, 9, kBillion + 7, position);
    ASSERT_TRUE(example >= 0 && example < kBillion + 7);
    ASSERT_TRUE(seen.insert(example).second);
    blocks.insert(example / 4096);
  }
  EXPECT_LE(blocks.size(), 2u * 64);
  EXPECT_LE(window_beginning_at(spec, 9, kBillion + 7, begin).size(), 65u);
}

}  // namespace
}  // namespace broadsheet
