#include "experiments/sweep/sweep_axes.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/text.h"
#include "experiments/report_chart.h"
#include "experiments/sweep/sweep_summary.h"

namespace broadsheet {
namespace {

using Kind = Distribution::Kind;
using nlohmann::json;

// 1e-05 -> 1e-5: the axes are narrow.
std::string tick_text(double value) {
  std::string text = for_people(value);
  for (const char* sign : {"e-0", "e+0"}) {
    if (const size_t at = text.find(sign); at != std::string::npos) text.erase(at + 2, 1);
  }
  return text;
}

std::vector<Tick> log_ticks(const Axis& axis, int count) {
  const double first = std::floor(std::log10(axis.low)), last = std::ceil(std::log10(axis.high));
  const double decades = std::log10(axis.high) - std::log10(axis.low);
  const double every = std::max(1.0, std::ceil(decades / std::max(count, 1)));
  std::vector<double> factors = {1};
  if (decades < 1.2)
    factors = {1, 2, 3, 5, 7};
  else if (decades < 2.5 && count >= 4)
    factors = {1, 3};
  std::vector<Tick> ticks;
  for (double power = first; power <= last; power += every) {
    for (const double factor : factors) {
      const double value = factor * std::pow(10, power);
      if (value < axis.low * (1 - 1e-9) || value > axis.high * (1 + 1e-9)) continue;
      ticks.push_back({axis.place(value).value_or(0), tick_text(value)});
    }
  }
  if (ticks.size() < 2) ticks = {{0, tick_text(axis.low)}, {1, tick_text(axis.high)}};
  return ticks;
}

std::vector<Tick> slot_ticks(const Axis& axis, int count) {
  constexpr size_t kLongest = 16;
  std::vector<Tick> ticks;
  const size_t every = (axis.slots.size() + 19) / std::max<size_t>(20, static_cast<size_t>(count));
  for (size_t i = 0; i < axis.slots.size(); i += std::max<size_t>(every, 1)) {
    const double place = (static_cast<double>(i) + 0.5) / static_cast<double>(axis.slots.size());
    ticks.push_back({place, short_value(axis.slots[i], kLongest)});
  }
  return ticks;
}

std::vector<json> parameter_values(const SweepView& view, const std::string& parameter) {
  std::vector<json> values;
  for (const TrialView& trial : view.trials) {
    const auto found = trial.parameters.find(parameter);
    if (found != trial.parameters.end()) values.push_back(found->second);
  }
  return values;
}

Axis slot_axis(std::string name, const std::vector<json>& given, const std::vector<json>& seen) {
  constexpr size_t kMost = 200;
  Axis axis{std::move(name), Axis::Kind::kSlots, 0, 1, false, {}};
  for (const std::vector<json>* values : {&given, &seen}) {
    for (const json& value : *values) {
      if (axis.slots.size() == kMost) break;
      if (std::find(axis.slots.begin(), axis.slots.end(), value) == axis.slots.end()) axis.slots.push_back(value);
    }
  }
  const bool numbers =
      std::all_of(axis.slots.begin(), axis.slots.end(), [](const json& value) { return value.is_number(); });
  if (numbers) std::sort(axis.slots.begin(), axis.slots.end());
  return axis;
}

}  // namespace

std::optional<double> Axis::place(const json& value) const {
  if (kind == Kind::kSlots) {
    const auto found = std::find(slots.begin(), slots.end(), value);
    if (found == slots.end()) return std::nullopt;
    return (static_cast<double>(found - slots.begin()) + 0.5) / static_cast<double>(slots.size());
  }
  const double number = value.is_number() ? value.get<double>() : std::nan("");
  if (!std::isfinite(number) || (kind == Kind::kLog && number <= 0)) return std::nullopt;
  const double at = kind == Kind::kLog ? std::log(number / low) / std::log(high / low) : (number - low) / (high - low);
  return std::clamp(at, 0.0, 1.0);
}

std::vector<Tick> Axis::ticks(int count) const {
  if (kind == Kind::kSlots) return slot_ticks(*this, count);
  if (kind == Kind::kLog) return log_ticks(*this, count);
  std::vector<Tick> ticks;
  for (const double value : axis_ticks(low, high, count)) {
    if (!whole || value == std::floor(value)) ticks.push_back({place(value).value_or(0), tick_text(value)});
  }
  return ticks;
}

Axis linear_axis(std::string name, double low, double high, bool whole) {
  if (!(high > low)) {
    const double margin = low == 0 ? 1 : std::fabs(low) * 0.1;
    high = low + margin;
    low -= margin;
  }
  return {std::move(name), Axis::Kind::kLinear, low, high, whole, {}};
}

std::optional<Axis> parameter_axis(const SweepView& view, const SearchParameter& parameter) {
  const Distribution& distribution = parameter.distribution;
  const std::vector<json> seen = parameter_values(view, parameter.name);
  if (distribution.kind == Kind::kFixed || seen.empty()) return std::nullopt;
  const bool numbers = std::all_of(seen.begin(), seen.end(), [](const json& value) { return value.is_number(); });
  if (distribution.kind == Kind::kValues || (distribution.kind == Kind::kTied && !numbers)) {
    return slot_axis(parameter.name, distribution.values, seen);
  }
  const bool log = distribution.kind == Kind::kLogUniform || distribution.kind == Kind::kLogNormal;
  double low = std::numeric_limits<double>::infinity(), high = -low;
  if (distribution.kind == Kind::kUniform || distribution.kind == Kind::kLogUniform) {
    low = distribution.min;
    high = distribution.max;
  }
  for (const json& value : seen) {
    const double number = value.is_number() ? value.get<double>() : std::nan("");
    if (!std::isfinite(number) || (log && number <= 0)) continue;
    low = std::min(low, number);
    high = std::max(high, number);
  }
  if (!(low <= high)) return std::nullopt;
  if (!log) return linear_axis(parameter.name, low, high, distribution.integer);
  if (low == high) {
    low /= 2;
    high *= 2;
  }
  return Axis{parameter.name, Axis::Kind::kLog, low, high, distribution.integer, {}};
}

ValueAxis value_axis(const SweepView& view, std::vector<double> values) {
  values.erase(std::remove_if(values.begin(), values.end(), [](double value) { return !std::isfinite(value); }),
               values.end());
  if (values.empty()) return {linear_axis(view.metric, 0, 1), 0};
  std::sort(values.begin(), values.end());
  double low = values.front(), high = values.back();
  const double first = values[values.size() / 4], third = values[values.size() * 3 / 4];
  constexpr double kReach = 3;  // quartile distances: Tukey's outer fence
  if (values.size() >= 8 && third > first) {
    if (view.maximize)
      low = std::max(low, first - kReach * (third - first));
    else
      high = std::min(high, third + kReach * (third - first));
  }
  const auto outside = static_cast<size_t>(
      std::count_if(values.begin(), values.end(), [&](double value) { return value < low || value > high; }));
  const double margin = (high - low) * 0.04;
  return {linear_axis(view.metric, low - margin, high + margin), outside};
}

}  // namespace broadsheet
