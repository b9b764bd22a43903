#include "experiments/sweep/importance.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "experiments/sweep/sweep_summary.h"
#include "experiments/sweep/sweep_view.h"

namespace broadsheet {
namespace {

using Kind = Distribution::Kind;
using nlohmann::json;

constexpr int kSteps = 50;
constexpr double kFloor = 1e-12;  // a density of nothing would divide by nothing
constexpr size_t kFewest = 2;     // points of which a density is worth estimating

double phi(double z) {
  return 0.5 * std::erfc(-z / std::sqrt(2.0));
}

// Normal mass between a < b, taken in the tail where it does not cancel.
double normal_mass(double a, double b) {
  return a > 0 ? phi(-a) - phi(-b) : phi(b) - phi(a);
}

// The grid of one parameter and where its values lie on it.
class Grid {
 public:
  Grid(const SearchParameter& parameter, const std::vector<const MeasuredPoint*>& points)
      : distribution_(parameter.distribution) {
    if (distribution_.kind == Kind::kValues) {
      values_ = distribution_.values;
      for (const MeasuredPoint* point : points) {
        const json& value = point->parameters.at(parameter.name);
        if (std::find(values_.begin(), values_.end(), value) == values_.end()) values_.push_back(value);
      }
      size_ = static_cast<int>(values_.size());
      return;
    }
    low_ = place(distribution_.min);
    high_ = place(distribution_.max);
    if (is_normal()) {
      low_ = 0;
      high_ = 1;
    }
    size_ = steps();
  }

  bool categorical() const { return distribution_.kind == Kind::kValues; }
  int size() const { return size_; }
  // Without a place: a text where a number was searched (other sweeps' points may have any).
  std::optional<int> index(const json& value) const {
    if (categorical()) {
      const auto found = std::find(values_.begin(), values_.end(), value);
      return static_cast<int>(found - values_.begin());
    }
    const double at = value.is_number() ? place(value.get<double>()) : std::nan("");
    if (std::isnan(at)) return std::nullopt;
    if (size_ < 2) return 0;
    const double step = std::ceil((at - low_) / ((high_ - low_) / (size_ - 1)) - 0.5);
    return static_cast<int>(std::clamp(step, 0.0, size_ - 1.0));
  }

 private:
  bool is_log() const { return distribution_.kind == Kind::kLogUniform || distribution_.kind == Kind::kLogNormal; }
  bool is_normal() const { return distribution_.kind == Kind::kNormal || distribution_.kind == Kind::kLogNormal; }
  // Normal distributions have no bounds: their grid lies over the cumulative share.
  double place(double value) const {
    const double at = is_log() ? std::log(value) : value;
    return is_normal() ? phi((at - distribution_.mu) / distribution_.sigma) : at;
  }
  int steps() const {
    if (!(high_ > low_)) return 1;
    const double width = distribution_.max - distribution_.min;
    if (distribution_.integer && is_log() && !is_normal()) {
      return std::min(kSteps, static_cast<int>(std::ceil(std::log2(width + 1))) + 1);
    }
    const double q = distribution_.q > 0 ? distribution_.q : distribution_.integer ? 1 : 0;
    if (q <= 0 || is_log() || is_normal() || width / q > kSteps) return kSteps;
    return std::min(kSteps, static_cast<int>(std::lround(width / q)) + 1);
  }

  const Distribution& distribution_;
  std::vector<json> values_;
  double low_ = 0, high_ = 1;
  int size_ = 1;
};

// Scott's rule on counts: sigma from the spread or the quartiles, whichever is less, never below a grid step's.
double bandwidth(const std::vector<int>& at, const std::vector<double>& weight) {
  const double total = std::accumulate(weight.begin(), weight.end(), 0.0);
  double mean = 0, square = 0;
  for (size_t i = 0; i < at.size(); ++i) mean += at[i] * weight[i] / total;
  for (size_t i = 0; i < at.size(); ++i) square += (at[i] - mean) * (at[i] - mean) * weight[i];
  const double sigma = std::sqrt(square / std::max(1.0, total - 1));
  // The first place whose cumulative weight reaches the first quartile, and the first beyond the third.
  size_t first = 0, third = at.size();
  double sum = 0;
  bool found = false;
  for (size_t i = 0; i < at.size(); ++i) {
    sum += weight[i];
    if (!found && sum >= std::floor(total / 4)) {
      first = i;
      found = true;
    }
    if (third == at.size() && sum > std::floor(total * 3 / 4)) third = i;
  }
  const double spread = at[std::min(third, at.size() - 1)] - at[first];
  constexpr double kLeast = 0.5 / 1.64;  // 90 % of the kernel within its own step
  return std::max(1.059 * std::min(spread / 1.34, sigma) * std::pow(total, -0.2), kLeast);
}

// The density of the points on the grid, with one point's weight spread over all of it.
std::vector<double> density(const Grid& grid, const std::vector<int>& places) {
  const auto size = static_cast<size_t>(grid.size());
  std::vector<double> counts(size), out(size);
  for (const int place : places) counts[static_cast<size_t>(place)] += 1;
  std::vector<int> at;
  std::vector<double> weight;
  for (size_t i = 0; i < size; ++i) {
    if (counts[i] == 0) continue;
    at.push_back(static_cast<int>(i));
    weight.push_back(counts[i]);
  }
  const double total = static_cast<double>(places.size()) + 1;
  const auto add = [&](double centre, double sigma, double share) {
    const double whole = normal_mass((-0.5 - centre) / sigma, (grid.size() - 0.5 - centre) / sigma);
    for (size_t i = 0; i < size; ++i) {
      const double left = (static_cast<double>(i) - 0.5 - centre) / sigma;
      out[i] += share / total * normal_mass(left, left + 1 / sigma) / whole;
    }
  };
  if (grid.categorical()) {
    const double kernels = static_cast<double>(at.size()) + 1, n = static_cast<double>(size);
    const double even = 1 / kernels / (1 + n / kernels);
    for (size_t i = 0; i < size; ++i) {
      out[i] = ((total - 1) * even + counts[i] / (1 + n / kernels) + 1 / n) / total;
    }
  } else {
    const double sigma = bandwidth(at, weight);
    for (size_t i = 0; i < at.size(); ++i) add(at[i], sigma, weight[i]);
    add((grid.size() - 1) / 2.0, grid.size(), 1);
  }
  return out;
}

double pearson_divergence(const Grid& grid, const std::vector<int>& best, const std::vector<int>& all) {
  const std::vector<double> top = density(grid, best), local = density(grid, all);
  double sum = 0;
  for (size_t i = 0; i < top.size(); ++i) {
    const double ratio = (top[i] + kFloor) / (local[i] + kFloor) - 1;
    sum += (local[i] + kFloor) * ratio * ratio;
  }
  return sum;
}

double cutoff(const std::vector<MeasuredPoint>& points, double target) {
  std::vector<double> values;
  for (const MeasuredPoint& point : points) values.push_back(point.value);
  const auto last = static_cast<std::ptrdiff_t>(std::ceil(target * static_cast<double>(values.size()))) - 1;
  std::nth_element(values.begin(), values.begin() + last, values.end());
  return values[static_cast<size_t>(last)];
}

}  // namespace

std::vector<double> ped_anova(const std::vector<SearchParameter>& parameters, const std::vector<MeasuredPoint>& points,
                              double target) {
  std::vector<double> out(parameters.size());
  if (points.size() < kFewest) return out;
  const double worst_of_best = cutoff(points, target);
  const auto is_best = [&](const MeasuredPoint& point) { return point.value <= worst_of_best; };
  const auto best_count = static_cast<double>(std::count_if(points.begin(), points.end(), is_best));
  const auto count = static_cast<double>(points.size());
  for (size_t p = 0; p < parameters.size(); ++p) {
    const Kind kind = parameters[p].distribution.kind;
    if (kind == Kind::kFixed || kind == Kind::kTied) continue;
    std::vector<const MeasuredPoint*> active;
    for (const MeasuredPoint& point : points) {
      if (point.parameters.count(parameters[p].name) != 0) active.push_back(&point);
    }
    const Grid grid(parameters[p], active);
    std::vector<int> best, all;
    for (const MeasuredPoint* point : active) {
      const std::optional<int> place = grid.index(point->parameters.at(parameters[p].name));
      if (!place) continue;
      all.push_back(*place);
      if (is_best(*point)) best.push_back(*place);
    }
    if (all.size() < kFewest || best.empty() || grid.size() < 2) continue;
    // Of a regime the share squared of the best that lie in it, over the share of all that do.
    const double best_share = static_cast<double>(best.size()) / best_count;
    const double all_share = static_cast<double>(all.size()) / count;
    out[p] = best_share * best_share / all_share * pearson_divergence(grid, best, all) * (best_count / count) *
             (best_count / count);
  }
  return out;
}

std::vector<std::pair<std::string, double>> parameter_importance(const SweepView& view) {
  constexpr size_t kFewestConfigurations = 10;
  std::vector<MeasuredPoint> points;
  for (const ConfigurationSummary& configuration : configurations_of(view, /*ended_only=*/true)) {
    if (configuration.values == 0) continue;
    points.push_back({view.trials[configuration.trials.front()].parameters,
                      view.maximize ? -configuration.mean : configuration.mean});
  }
  if (points.size() < kFewestConfigurations) return {};
  const double target = std::clamp(5.0 / static_cast<double>(points.size()), 0.1, 0.5);
  const std::vector<double> parts = ped_anova(view.parameters, points, target);
  const double sum = std::accumulate(parts.begin(), parts.end(), 0.0);
  // Rounding leaves about 1e-30 where the two densities are the same.
  if (!(sum > 1e-15)) return {};
  std::vector<std::pair<std::string, double>> out;
  for (size_t i = 0; i < parts.size(); ++i) {
    const Kind kind = view.parameters[i].distribution.kind;
    if (kind != Kind::kFixed && kind != Kind::kTied) out.emplace_back(view.parameters[i].name, parts[i] / sum);
  }
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  return out;
}

}  // namespace broadsheet
