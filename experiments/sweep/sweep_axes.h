// Axes of a sweep's pictures: where a parameter's values and the metric's lie, and what is written beside them.
// Inside experiments/sweep/.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "experiments/sweep/sweep_view.h"

namespace broadsheet {

struct Tick {
  double place = 0;  // 0 to 1
  std::string label;
};

// As the parameter was drawn: logarithmic for log distributions, a slot of equal width for each of values:.
struct Axis {
  enum class Kind { kLinear, kLog, kSlots };
  std::string name;
  Kind kind = Kind::kLinear;
  double low = 0, high = 1;           // kLinear, kLog
  bool whole = false;                 // labels at whole numbers only
  std::vector<nlohmann::json> slots;  // numbers ascending, others in the sweep file's order

  // 0 to 1, what lies outside at the edge; nullopt: no place (a text on a number's axis, NaN).
  std::optional<double> place(const nlohmann::json& value) const;
  std::vector<Tick> ticks(int count) const;
};

// An axis from low to high; of one value, with room on both sides of it.
Axis linear_axis(std::string name, double low, double high, bool whole = false);

// nullopt: nothing to show: fixed, or no trial has a value. Wide enough for every value that a trial has.
std::optional<Axis> parameter_axis(const SweepView& view, const SearchParameter& parameter);

// Of the metric. Reaches from the best to the worst, but not to what lies far beyond the other half of the values: one
// diverged trial would press all others into a line. Those lie at the edge.
struct ValueAxis {
  Axis axis;
  size_t outside = 0;
};
ValueAxis value_axis(const SweepView& view, std::vector<double> values);

}  // namespace broadsheet
