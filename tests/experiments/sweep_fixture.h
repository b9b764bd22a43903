// A made-up sweep that the tests of its table, page, JSON and importance share.
#pragma once

#include <cstdint>
#include <random>

#include "experiments/sweep/sweep_view.h"

namespace broadsheet::fixtures {

// Evenly from [0, 1). Not uniform_real_distribution: that may differ between libraries.
class Draws {
 public:
  explicit Draws(uint64_t seed) : engine_(seed) {}
  double next() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }

 private:
  std::mt19937_64 engine_;
};

Distribution distribution(Distribution::Kind kind, std::vector<nlohmann::json> values = {});

// `count` trials of a classification under ASHA (rungs at 50 and 150 steps of 450): a log, a uniform and an integer
// parameter, texts, and adapter.r, which exists with lora only. macro_f1 depends mostly on the learning rate. Every
// 13th trial fails, the last two run. The same view each time.
SweepView sample_sweep(int64_t count);

}  // namespace broadsheet::fixtures
