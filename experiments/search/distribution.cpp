#include "experiments/search/distribution.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace broadsheet {
namespace {

using nlohmann::json;
using Kind = Distribution::Kind;

constexpr double kLargestUnit = 1 - 0x1p-53;  // below 1
constexpr double kLargestStep = 0x1p62;

double within(double unit) {
  return std::clamp(unit, 0.0, kLargestUnit);
}

double normal_share(double z) {
  return 0.5 * std::erfc(-z / std::sqrt(2.0));
}

// By bisection in the lower half, where shares have their full precision.
double normal_quantile(double share) {
  if (share > 0.5) return -normal_quantile(1 - share);
  double low = -9, high = 0;
  while (true) {
    const double middle = (low + high) / 2;
    if (middle == low || middle == high) return middle;
    (normal_share(middle) < share ? low : high) = middle;
  }
}

// 0.3 rather than 0.30000000000000004.
double without_noise(double number) {
  char text[64];
  const auto end = std::to_chars(text, text + sizeof text, number, std::chars_format::general, 13);
  double rounded = number;
  std::from_chars(text, end.ptr, rounded);
  return rounded;
}

bool has_bounds(const Distribution& d) {
  return d.kind == Kind::kUniform || d.kind == Kind::kLogUniform;
}

// Bounds of the continuous distribution that is cut into slots.
std::pair<double, double> bounds_of(const Distribution& d) {
  const double step = step_of(d);
  if (step == 0) return {d.min, d.max};
  const Steps steps = steps_of(d);
  return {(static_cast<double>(steps.first) - 0.5) * step, (static_cast<double>(steps.last) + 0.5) * step};
}

double continuous_share(const Distribution& d, double x) {
  if (d.kind == Kind::kNormal) return normal_share((x - d.mu) / d.sigma);
  if (d.kind == Kind::kLogNormal) return x <= 0 ? 0 : normal_share((std::log(x) - d.mu) / d.sigma);
  const auto [low, high] = bounds_of(d);
  if (x <= low || low == high) return 0;
  if (x >= high) return 1;
  if (d.kind == Kind::kUniform) return (x - low) / (high - low);
  return (std::log(x) - std::log(low)) / (std::log(high) - std::log(low));
}

double continuous_value(const Distribution& d, double unit) {
  constexpr double kHighest = std::numeric_limits<double>::max();
  if (d.kind == Kind::kNormal || d.kind == Kind::kLogNormal) {
    const double normal = d.mu + d.sigma * normal_quantile(std::max(unit, 0x1p-53));
    return std::clamp(d.kind == Kind::kNormal ? normal : std::exp(normal), -kHighest, kHighest);
  }
  const auto [low, high] = bounds_of(d);
  if (d.kind == Kind::kUniform) return std::clamp(low + unit * (high - low), low, high);
  return std::clamp(std::exp(std::log(low) + unit * (std::log(high) - std::log(low))), low, high);
}

// Of the nearest multiple of the step, between the bounds.
int64_t nearest_step(const Distribution& d, double x) {
  const double multiple = std::clamp(std::nearbyint(x / step_of(d)), -kLargestStep, kLargestStep);
  const auto whole = static_cast<int64_t>(multiple);
  if (!has_bounds(d)) return whole;
  const Steps steps = steps_of(d);
  return std::clamp(whole, steps.first, std::max(steps.first, steps.last));
}

// Position in `values`; values.size(): nothing is like it.
size_t nearest_value(const std::vector<json>& values, const json& value) {
  const auto equal = std::find(values.begin(), values.end(), value);
  size_t best = static_cast<size_t>(equal - values.begin());
  if (best < values.size() || !value.is_number()) return best;
  double least = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < values.size(); ++i) {
    if (!values[i].is_number()) continue;
    const double distance = std::abs(values[i].get<double>() - value.get<double>());
    if (distance < least) best = i;
    least = std::min(least, distance);
  }
  return best;
}

}  // namespace

std::string distribution_name(const Distribution& d) {
  switch (d.kind) {
    case Kind::kValues:
      return "values";
    case Kind::kFixed:
      return "value";
    case Kind::kTied:
      return "tied_to";
    case Kind::kUniform:
      return d.q > 0 ? "q_uniform" : d.integer ? "int_uniform" : "uniform";
    case Kind::kLogUniform:
      return d.q > 0 ? "q_log_uniform_values" : "log_uniform_values";
    case Kind::kNormal:
      return d.q > 0 ? "q_normal" : "normal";
    case Kind::kLogNormal:
      return d.q > 0 ? "q_log_normal" : "log_normal";
  }
  return "";
}

double step_of(const Distribution& d) {
  return d.q == 0 && d.integer ? 1 : d.q;
}

Steps steps_of(const Distribution& d) {
  const double step = step_of(d);
  const double low = std::clamp(d.min / step, -kLargestStep, kLargestStep);
  const double high = std::clamp(d.max / step, -kLargestStep, kLargestStep);
  // 0.3 / 0.1 is a little less than 3.
  const auto noise = [](double x) { return 1e-9 * std::max(1.0, std::abs(x)); };
  return {static_cast<int64_t>(std::ceil(low - noise(low))), static_cast<int64_t>(std::floor(high + noise(high)))};
}

json value_of_step(const Distribution& d, int64_t multiple) {
  const double value = without_noise(static_cast<double>(multiple) * step_of(d));
  if (d.integer) return static_cast<int64_t>(std::clamp(value, -kLargestStep, kLargestStep));
  return value;
}

json value_of(const Distribution& d, double unit) {
  if (d.kind == Kind::kFixed) return d.values.at(0);
  if (d.kind == Kind::kValues) {
    const auto slot = static_cast<size_t>(within(unit) * static_cast<double>(d.values.size()));
    return d.values.at(std::min(slot, d.values.size() - 1));
  }
  const double x = continuous_value(d, within(unit));
  return step_of(d) == 0 ? json(x) : value_of_step(d, nearest_step(d, x));
}

double unit_of(const Distribution& d, const json& value) {
  if (d.kind == Kind::kValues) {
    const size_t index = nearest_value(d.values, value);
    if (index == d.values.size()) return kInactive;
    return (static_cast<double>(index) + 0.5) / static_cast<double>(d.values.size());
  }
  if (d.kind == Kind::kFixed || d.kind == Kind::kTied || !value.is_number()) return kInactive;
  const auto x = value.get<double>();
  const double step = step_of(d);
  if (step == 0) return within(continuous_share(d, x));
  const auto multiple = static_cast<double>(nearest_step(d, x));
  return within((continuous_share(d, (multiple - 0.5) * step) + continuous_share(d, (multiple + 0.5) * step)) / 2);
}

int64_t cardinality_of(const Distribution& d) {
  if (d.kind == Kind::kValues) return static_cast<int64_t>(d.values.size());
  if (d.kind == Kind::kFixed || d.kind == Kind::kTied) return 1;
  if (!has_bounds(d) || step_of(d) == 0) return has_bounds(d) && d.min == d.max ? 1 : 0;
  const Steps steps = steps_of(d);
  return std::max<int64_t>(1, steps.last - steps.first + 1);
}

}  // namespace broadsheet
