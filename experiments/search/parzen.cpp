#include "experiments/search/parzen.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "experiments/search/distribution.h"
#include "experiments/search/sampling.h"

namespace broadsheet {
namespace {

// Note [Widths of kernels]: kBySpread follows Scott's rule, with the spread of the members on the axis (and of one
// more, even over the axis): while the good ones lie apart their kernels are wide, and as they draw together the search
// does. kByCount knows the number alone, as a density of what was bad must stay smooth where it has few members.
constexpr double kSpreadFactor = 0.9;
constexpr double kCountFactor = 0.2;
constexpr double kNarrowest = 0.03;
// In widths of a slot: the neighbours of a value stay within reach.
constexpr double kNarrowestInSlots = 1;
// A name that was not observed: this weight, in units of a member's, shared out among members and prior.
constexpr double kNameWeight = 2;
constexpr int64_t kMostSlots = 1000;
// More kernels than this look their normalising constants up in a table.
constexpr size_t kManyKernels = 2048;
constexpr size_t kTableSteps = 1024;
constexpr double kTiny = 1e-300;
constexpr double kLogRootTwoPi = 0.91893853320467274178;
constexpr double kTwoPi = 6.28318530717958647693;

double gaussian_share(double z) {
  return 0.5 * std::erfc(-z * 0.70710678118654752440);
}

// Share of a Gaussian at `center` that lies between 0 and 1.
double share_inside(double center, double sigma) {
  return gaussian_share((1 - center) / sigma) - gaussian_share(-center / sigma);
}

bool is_unordered(const Distribution& distribution) {
  if (distribution.kind != Distribution::Kind::kValues) return false;
  const auto& values = distribution.values;
  const auto rises = [](const nlohmann::json& left, const nlohmann::json& right) {
    return left.is_number() && right.is_number() && left.get<double>() < right.get<double>();
  };
  for (size_t i = 0; i + 1 < values.size(); ++i) {
    if (!rises(values[i], values[i + 1])) return true;
  }
  return values.size() < 3;
}

}  // namespace

size_t ParzenAxis::slot_of(double unit) const {
  const auto above = std::upper_bound(borders.begin(), borders.end(), unit) - borders.begin();
  return static_cast<size_t>(std::clamp<std::ptrdiff_t>(above - 1, 0, static_cast<std::ptrdiff_t>(slots()) - 1));
}

std::vector<ParzenAxis> axes_of(const SearchSpace& space) {
  std::vector<ParzenAxis> axes;
  for (size_t i = 0; i < space.size(); ++i) {
    if (!space.is_searched(i)) continue;
    ParzenAxis axis;
    axis.parameter = i;
    axis.is_conditional = !space.parameters()[i].when.empty();
    axis.is_unordered = is_unordered(space.parameters()[i].distribution);
    const int64_t count = space.cardinality(i);
    if (count > 0 && (count <= kMostSlots || axis.is_unordered)) {
      axis.borders.push_back(0);
      for (int64_t slot = 0; slot < count; ++slot) {
        axis.borders.push_back(2 * slot_unit(space, i, slot) - axis.borders.back());
      }
    }
    axes.push_back(std::move(axis));
  }
  return axes;
}

double Draws::normal() {
  const double radius = std::sqrt(-2 * std::log(1 - uniform()));
  return radius * std::cos(kTwoPi * uniform());
}

ParzenMixture::ParzenMixture(const std::vector<ParzenAxis>& axes, const std::vector<ParzenColumn>& columns,
                             std::vector<size_t> members, std::vector<double> weights, KernelWidth width)
    : axes_(axes), columns_(columns), members_(std::move(members)), weights_(std::move(weights)), fitted_(axes.size()) {
  weights_.push_back(1);
  const double total = std::accumulate(weights_.begin(), weights_.end(), 0.0);
  for (double& weight : weights_) {
    weight /= total;
    log_weights_.push_back(std::log(weight + kTiny));
  }
  terms_.resize(weights_.size());
  for (size_t axis = 0; axis < axes_.size(); ++axis) fit_axis(axis, width);
}

double ParzenMixture::spread_on(size_t axis, double count) const {
  double sum = 0.5, squares = 1.0 / 3;  // the one that lies evenly
  for (const size_t member : members_) {
    const double unit = columns_[axis].units[member];
    if (unit < 0) continue;
    sum += unit;
    squares += unit * unit;
  }
  const double mean = sum / (count + 1);
  return std::sqrt(std::max(0.0, squares / (count + 1) - mean * mean));
}

void ParzenMixture::fit_axis(size_t axis, KernelWidth width) {
  Axis& fitted = fitted_[axis];
  const ParzenColumn& column = columns_[axis];
  const auto active =
      std::count_if(members_.begin(), members_.end(), [&](size_t one) { return column.units[one] >= 0; });
  const auto count = static_cast<double>(active);
  const double exponent = -1.0 / (static_cast<double>(axes_.size()) + 4);
  if (width == KernelWidth::kBySpread) {
    const double narrowest =
        axes_[axis].has_slots() ? kNarrowestInSlots / static_cast<double>(axes_[axis].slots()) : kNarrowest;
    fitted.sigma = kSpreadFactor * spread_on(axis, count) * std::pow(count + 1, exponent);
    fitted.sigma = std::max({fitted.sigma, kNarrowest, narrowest});
  } else {
    fitted.sigma = kCountFactor * std::pow(std::max(1.0, count), exponent);
    fitted.sigma = std::max(fitted.sigma, 1 / std::min(100.0, count + 2));
  }
  fitted.sigma = std::min(1.0, fitted.sigma);
  fitted.other_share = kNameWeight / static_cast<double>(members_.size() + 1);
  if (axes_[axis].has_slots()) {
    for (const size_t member : members_) fitted.slots.push_back(column.slots[member]);
    fitted.slots.push_back(static_cast<uint32_t>(axes_[axis].slots()));
    return;
  }
  const double sigma = fitted.sigma;
  const auto offset = [&](double center) {
    return -std::log(sigma) - kLogRootTwoPi - std::log(std::max(kTiny, share_inside(center, sigma)));
  };
  std::vector<double> table;
  for (size_t i = 0; members_.size() > kManyKernels && i <= kTableSteps; ++i) {
    table.push_back(offset(static_cast<double>(i) / static_cast<double>(kTableSteps)));
  }
  fitted.centers.assign(terms_.size(), 0);
  fitted.scales.assign(terms_.size(), 0);  // of the prior, and where it is: even
  fitted.offsets.assign(terms_.size(), 0);
  for (size_t i = 0; i < members_.size(); ++i) {
    const double center = column.units[members_[i]];
    if (center < 0) continue;
    fitted.centers[i] = center;
    fitted.scales[i] = 1 / sigma;
    fitted.offsets[i] = table.empty() ? offset(center) : table[static_cast<size_t>(std::lround(center * kTableSteps))];
  }
}

const std::vector<double>& ParzenMixture::shares(size_t axis, size_t slot) {
  Axis& fitted = fitted_[axis];
  std::vector<double>& row = fitted.shares[slot];
  if (!row.empty()) return row;
  const ParzenAxis& its = axes_[axis];
  const double low = its.borders[slot], high = its.borders[slot + 1];
  const auto count = static_cast<double>(its.slots());
  for (size_t center = 0; center < its.slots(); ++center) {
    double share = 0;
    if (its.is_unordered) {
      share = ((center == slot ? 1 : 0) + fitted.other_share) / (1 + count * fitted.other_share);
    } else {
      const double at = its.middle(center);
      share = (gaussian_share((high - at) / fitted.sigma) - gaussian_share((low - at) / fitted.sigma)) /
              share_inside(at, fitted.sigma);
    }
    row.push_back(std::log(std::max(kTiny, share)));
  }
  row.push_back(std::log(high - low));
  return row;
}

void ParzenMixture::add_continuum(size_t axis, double unit) {
  const Axis& fitted = fitted_[axis];
  for (size_t i = 0; i < terms_.size(); ++i) {
    const double z = (unit - fitted.centers[i]) * fitted.scales[i];
    terms_[i] += fitted.offsets[i] - 0.5 * z * z;
  }
}

void ParzenMixture::add_slots(size_t axis, size_t slot) {
  const std::vector<double>& row = shares(axis, slot);
  const std::vector<uint32_t>& centers = fitted_[axis].slots;
  for (size_t i = 0; i < terms_.size(); ++i) terms_[i] += row[centers[i]];
}

double ParzenMixture::log_density(const std::vector<double>& point) {
  terms_ = log_weights_;
  for (size_t axis = 0; axis < axes_.size(); ++axis) {
    if (point[axis] < 0) continue;
    if (axes_[axis].has_slots()) {
      add_slots(axis, axes_[axis].slot_of(point[axis]));
    } else {
      add_continuum(axis, point[axis]);
    }
  }
  const double most = *std::max_element(terms_.begin(), terms_.end());
  constexpr double kNothing = 40;  // exp(-40) is below the rounding of the sum
  double sum = 0;
  for (const double term : terms_) {
    if (term > most - kNothing) sum += std::exp(term - most);
  }
  return most + std::log(sum);
}

size_t ParzenMixture::draw_component(Draws& draws) const {
  double left = draws.uniform();
  size_t component = 0;
  while (component < members_.size() && left >= weights_[component]) left -= weights_[component++];
  return component;
}

double ParzenMixture::draw(size_t component, size_t axis, Draws& draws) const {
  const ParzenAxis& its = axes_[axis];
  const Axis& fitted = fitted_[axis];
  const double center = component < members_.size() ? columns_[axis].units[members_[component]] : kInactive;
  double unit = draws.uniform();
  if (center >= 0 && its.is_unordered) {
    const double kept = 1 / (1 + static_cast<double>(its.slots()) * fitted.other_share);
    unit = unit < kept ? center : draws.uniform();
  } else if (center >= 0) {
    // At the worst a third of the draws lie inside.
    constexpr int kMostTries = 100;
    int tries = 0;
    do {
      unit = center + fitted.sigma * draws.normal();
    } while ((unit < 0 || unit >= 1) && ++tries < kMostTries);
    unit = std::clamp(unit, 0.0, 1 - 0x1p-53);
  }
  return its.has_slots() ? its.middle(its.slot_of(unit)) : unit;
}

}  // namespace broadsheet
