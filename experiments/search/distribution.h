// Cumulative shares of the distributions, and back: the arithmetic beneath SearchSpace.
#pragma once

#include "experiments/search/space.h"

namespace broadsheet {

// Value at `unit` in [0, 1) (beyond: the nearest); not for kTied. A value with a step has a slot as wide as its share:
// the continuous distribution between half a step below and half a step above it.
nlohmann::json value_of(const Distribution& distribution, double unit);
// Back again: of a value with a slot, the middle of it. Of numbers that it cannot give the nearest; of others
// kInactive.
double unit_of(const Distribution& distribution, const nlohmann::json& value);
int64_t cardinality_of(const Distribution& distribution);  // 0: a continuum, or no bounds

// Distance between neighbours: q, or 1 of integers; 0: continuous.
double step_of(const Distribution& distribution);
// The bounds as multiples of the step; first > last: none lies between them. Only with a step, and bounds.
struct Steps {
  int64_t first = 0, last = 0;
};
Steps steps_of(const Distribution& distribution);
nlohmann::json value_of_step(const Distribution& distribution, int64_t multiple);

}  // namespace broadsheet
