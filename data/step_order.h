// StepOrder: the examples of every step, also where that depends on their lengths.
//
// Such a plan goes by windows of kWindowBatches batches of the order. A window's examples are put in order of their
// lengths when batches are bucketed, cut into as many steps as the window has, and where they were bucketed the steps
// are shuffled. So each example still comes once an epoch, and a step is a function of the plan and its window.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "data/plan.h"

namespace broadsheet {

// In tokens, as it is read: with specials and truncated. Thread-safe.
using LengthOf = std::function<int64_t(int64_t example)>;

// The examples' mean, or its estimate from 65,536 drawn by a fixed key, of a mixture by the sources' weights: the same
// on every rank and for every seed. 0 when there are none.
double mean_length(int64_t examples, const std::vector<SourceShare>& sources, const LengthOf& length);

// Cuts lengths in order into `steps` runs, none empty, at the places nearest to equal sums. Of runs of sum s_i and
// examples no longer than L: |s_i - (sum of all) / steps| <= L. Returns where each run ends.
std::vector<size_t> cut_evenly(const std::vector<int64_t>& lengths, int64_t steps);

class StepOrder {
 public:
  StepOrder(BatchPlan plan, LengthOf length);

  // The examples of a step over all ranks. Thread-safe. O(step), or O(window log window) at a window's first.
  std::vector<int64_t> examples(int64_t step) const;
  // Examples that soon will be read and lie together: those of the shuffle's windows that begin in this step. Empty for
  // most steps, and for all when the plan shuffles on one level.
  std::vector<ExampleRange> soon_read(int64_t step) const;
  const BatchPlan& plan() const { return plan_; }

 private:
  using Steps = std::vector<std::vector<int64_t>>;
  struct Window {
    int64_t epoch = 0, begin = 0, end = 0;  // positions
    int64_t first_step = 0, steps = 0;      // in the epoch
  };
  Window window_of(int64_t step) const;
  Steps cut(const Window& window) const;

  const BatchPlan plan_;
  const LengthOf length_;
  // The newest windows that were asked for: readers of neighbouring steps may stand on both sides of a border.
  mutable std::mutex mutex_;
  mutable std::map<int64_t, std::shared_ptr<const Steps>> windows_;  // by the window's first step
};

}  // namespace broadsheet
