// Sums whose bits depend on the number of leaves alone, not on who adds what.
//
// Note [One tree]: leaves 0..n-1 are summed in one fixed binary tree. Node (level, index) covers the leaves
// [index * 2^level, (index + 1) * 2^level); its value is left + right, or the left child's alone when the right one
// covers no leaf. Whoever holds a contiguous run of leaves keeps only complete nodes, at most two for each level, and
// the runs of all ranks, put one after another, finish to the same root whatever their borders.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace broadsheet {

struct TreePlace {
  int level = 0;
  int64_t index = 0;
};

template <class Value>
class TreeSum {
 public:
  struct Node {
    TreePlace place;
    Value value;
  };
  // left = left + right; right may be used up.
  using Add = std::function<void(Value& left, Value& right)>;

  explicit TreeSum(Add add) : add_(std::move(add)) {}

  // Leaves, or nodes of other runs, in the order of the leaves that they cover and without gaps.
  void push(TreePlace place, Value value) {
    nodes_.push_back({place, std::move(value)});
    while (nodes_.size() > 1 && are_siblings(nodes_[nodes_.size() - 2].place, nodes_.back().place)) add_last_two();
  }
  void push_leaf(int64_t leaf, Value value) { push({0, leaf}, std::move(value)); }

  // Complete nodes in order: what a rank sends to the one that finishes.
  std::vector<Node>& nodes() { return nodes_; }

  // The root, when all leaves were pushed; at least one was.
  Value finish() {
    while (nodes_.size() > 1) {
      // The last node has no right sibling, nor has any parent of it up to the level of the node before.
      TreePlace& place = nodes_.back().place;
      while (place.level < nodes_[nodes_.size() - 2].place.level) place = {place.level + 1, place.index / 2};
      add_last_two();
    }
    Value root = std::move(nodes_.back().value);
    nodes_.clear();
    return root;
  }

 private:
  static bool are_siblings(TreePlace left, TreePlace right) {
    return left.level == right.level && left.index % 2 == 0 && right.index == left.index + 1;
  }
  void add_last_two() {
    Node& left = nodes_[nodes_.size() - 2];
    add_(left.value, nodes_.back().value);
    left.place = {left.place.level + 1, left.place.index / 2};
    nodes_.pop_back();
  }

  Add add_;
  std::vector<Node> nodes_;
};

// A rank's contiguous part of n leaves: [r n / W, (r + 1) n / W). May be empty.
struct LeafRun {
  int64_t begin = 0, end = 0, all = 0;
};
inline LeafRun leaf_run(int64_t leaves, int64_t rank, int64_t world_size) {
  return {rank * leaves / world_size, (rank + 1) * leaves / world_size, leaves};
}

// The places of the nodes that a run is left with: the same on every rank, without a message.
std::vector<TreePlace> tree_places(const LeafRun& run);

}  // namespace broadsheet
