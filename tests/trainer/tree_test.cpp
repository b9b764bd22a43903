#include "trainer/parallel/tree.h"

#include <gtest/gtest.h>

#include <string>

#include "core/text.h"

namespace broadsheet {
namespace {

using TextTree = TreeSum<std::string>;

// Not associative: the result shows the whole order of additions.
void add_text(std::string& left, std::string& right) {
  left = cat("(", left, "+", right, ")");
}

std::string sum_over(int64_t leaves, int64_t world_size) {
  TextTree all(add_text);
  for (int64_t rank = 0; rank < world_size; ++rank) {
    const LeafRun run = leaf_run(leaves, rank, world_size);
    TextTree mine(add_text);
    for (int64_t leaf = run.begin; leaf < run.end; ++leaf) mine.push_leaf(leaf, cat(leaf));
    for (TextTree::Node& node : mine.nodes()) all.push(node.place, node.value);
  }
  return all.finish();
}

TEST(TreeSum, AddsNeighboursFirst) {
  EXPECT_EQ(sum_over(1, 1), "0");
  EXPECT_EQ(sum_over(4, 1), "((0+1)+(2+3))");
  EXPECT_EQ(sum_over(5, 1), "(((0+1)+(2+3))+4)");
  EXPECT_EQ(sum_over(7, 1), "(((0+1)+(2+3))+((4+5)+6))");
}

TEST(TreeSum, IsTheSameHoweverTheLeavesAreDividedOverRanks) {
  for (int64_t leaves = 1; leaves <= 67; ++leaves) {
    const std::string whole = sum_over(leaves, 1);
    for (int64_t world_size = 2; world_size <= 9; ++world_size)
      EXPECT_EQ(sum_over(leaves, world_size), whole) << leaves << " leaves on " << world_size << " ranks";
  }
}

TEST(TreeSum, ARunKeepsAtMostTwoNodesForEachLevel) {
  for (int64_t begin = 0; begin < 200; ++begin) {
    for (int64_t end = begin; end < 200; ++end) {
      const std::vector<TreePlace> places = tree_places({begin, end, 200});
      int64_t covered = 0, levels[9] = {};
      for (const TreePlace& place : places) {
        covered += int64_t{1} << place.level;
        ASSERT_LE(++levels[place.level], 2);
      }
      ASSERT_EQ(covered, end - begin);
    }
  }
}

}  // namespace
}  // namespace broadsheet
