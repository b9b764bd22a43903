// The tree-structured Parzen estimator (Bergstra et al. 2011, "Algorithms for hyper-parameter optimization"), with
// kernels over all parameters at once (Falkner et al. 2018, "BOHB"), and the care that Watanabe (2023, "Tree-structured
// Parzen estimator: understanding its algorithm components") found to pay: the good ones weighed by their rank, widths
// that follow their spread. Conditional parameters are drawn in one pass, each after those it depends on.
#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

#include "experiments/search/parzen.h"
#include "experiments/search/sampling.h"
#include "experiments/search/sobol_points.h"

namespace broadsheet {
namespace {

using State = Observation::State;

// So many points of Sobol's sequence first, and further ones until so many have been measured.
constexpr size_t kFirstPoints = 10;
constexpr size_t kLeastMeasured = 4;
constexpr double kGoodShare = 0.15;
constexpr size_t kMostGood = 25;
// The best of the good ones weighs as much as the prior, the last one so much less.
constexpr double kRankDiscount = 0.9;
constexpr size_t kCandidates = 24;
constexpr int kMostBatches = 20;
// Bad ones weigh less the older they are, except for the newest.
constexpr size_t kNewest = 25;
// Of more bad ones the newest half of this number, and of the rest every second, or third, or fourth one.
constexpr size_t kMostBad = 4096;

class TpeSampler : public DrawingSampler {
 public:
  TpeSampler(const SearchSpace& space, uint64_t seed)
      : DrawingSampler(space), seed_(seed), first_(space.size(), seed), axes_(axes_of(space)), columns_(axes_.size()) {
    for (const ParzenAxis& axis : axes_) has_conditions_ = has_conditions_ || axis.is_conditional;
  }

  void observe(size_t index, const Assignment& assignment, const Observation& observation) override;
  std::optional<Assignment> suggest(int64_t number) override;

 private:
  // Less is better: the complete by value; then the stopped, those first that came furthest; then the infeasible.
  using Rank = std::tuple<int, double, double>;
  static Rank rank_of(const Observation& observation);

  struct Candidate {
    UnitPoint units;            // of the space
    std::vector<double> point;  // of the axes
    double score = 0;
  };
  size_t measured() const { return ranked_.size() - infeasible_; }
  std::optional<Assignment> first_point(int64_t number, Draws& draws);
  std::vector<size_t> good_ones() const;
  ParzenMixture mixture_of_good(std::vector<size_t> good) const;
  ParzenMixture mixture_of_bad(const std::vector<size_t>& good) const;
  Candidate draw(const ParzenMixture& good, Draws& draws) const;

  uint64_t seed_;
  SobolPoints first_;
  std::vector<ParzenAxis> axes_;
  std::vector<ParzenColumn> columns_;
  bool has_conditions_ = false;
  std::vector<Observation> observations_;
  std::set<std::pair<Rank, size_t>> ranked_;  // those that are not pending
  size_t infeasible_ = 0;
};

TpeSampler::Rank TpeSampler::rank_of(const Observation& observation) {
  if (observation.state == State::kInfeasible) return {2, 0, 0};
  if (observation.state == State::kStopped) return {1, -observation.resource, observation.value};
  return {0, 0, observation.value};
}

void TpeSampler::observe(size_t index, const Assignment& assignment, const Observation& observation) {
  DrawingSampler::observe(index, assignment, observation);
  const UnitPoint units = space().units_of(assignment);
  if (index >= observations_.size()) observations_.resize(index + 1);
  for (size_t i = 0; i < axes_.size(); ++i) {
    const ParzenAxis& axis = axes_[i];
    const double unit = units[axis.parameter];
    columns_[i].units.resize(observations_.size(), kInactive);
    columns_[i].units[index] = unit;
    if (!axis.has_slots()) continue;
    columns_[i].slots.resize(observations_.size(), static_cast<uint32_t>(axis.slots()));
    columns_[i].slots[index] = static_cast<uint32_t>(unit < 0 ? axis.slots() : axis.slot_of(unit));
  }
  Observation& known = observations_[index];
  if (ranked_.erase({rank_of(known), index}) > 0 && known.state == State::kInfeasible) --infeasible_;
  known = observation;
  if (known.state == State::kPending) return;
  // A value that has no place in an order would break the order of the others.
  if (!std::isfinite(known.value)) known = {State::kInfeasible, 0, 0};
  ranked_.insert({rank_of(known), index});
  if (known.state == State::kInfeasible) ++infeasible_;
}

std::optional<Assignment> TpeSampler::first_point(int64_t number, Draws& draws) {
  const auto draw = [&](int64_t index) {
    if (index == 0) return first_.point(static_cast<uint32_t>(number));
    UnitPoint units(space().size());
    for (double& unit : units) unit = draws.uniform();
    return units;
  };
  return first_new(draw, mix(seed_, static_cast<uint64_t>(number)));
}

std::vector<size_t> TpeSampler::good_ones() const {
  const double share = std::ceil(kGoodShare * static_cast<double>(ranked_.size()));
  const size_t count = std::min({static_cast<size_t>(share), kMostGood, measured()});
  std::vector<size_t> good;
  for (auto one = ranked_.begin(); good.size() < count; ++one) good.push_back(one->second);
  return good;
}

ParzenMixture TpeSampler::mixture_of_good(std::vector<size_t> good) const {
  std::vector<double> weights;
  for (size_t i = 0; i < good.size(); ++i) {
    weights.push_back(1 - kRankDiscount * static_cast<double>(i) / static_cast<double>(good.size()));
  }
  return {axes_, columns_, std::move(good), std::move(weights), KernelWidth::kBySpread};
}

ParzenMixture TpeSampler::mixture_of_bad(const std::vector<size_t>& good) const {
  const size_t all = observations_.size();
  std::vector<char> is_good(all, 0);
  for (const size_t one : good) is_good[one] = 1;
  const size_t newest = std::min(all, kMostBad / 2);
  const size_t older = all - newest;
  const size_t stride = std::max<size_t>(1, (older + kMostBad / 2 - 1) / (kMostBad / 2));
  std::vector<size_t> bad;
  std::vector<double> weights;
  const auto count = static_cast<double>(all);
  for (size_t i = 0; i < all; i += i < older ? stride : 1) {
    if (is_good[i] != 0) continue;
    const double age = static_cast<double>(all - 1 - i);
    const double ramp = 1 - (age - static_cast<double>(kNewest)) / count;
    bad.push_back(i);
    weights.push_back(std::min(1.0, ramp) * (i < older ? static_cast<double>(stride) : 1.0));
  }
  return {axes_, columns_, std::move(bad), std::move(weights), KernelWidth::kByCount};
}

TpeSampler::Candidate TpeSampler::draw(const ParzenMixture& good, Draws& draws) const {
  Candidate candidate;
  candidate.units.assign(space().size(), kInactive);
  candidate.point.assign(axes_.size(), kInactive);
  const size_t component = good.draw_component(draws);
  const auto coordinate = [&](size_t axis) {
    const double unit = good.draw(component, axis, draws);
    candidate.point[axis] = candidate.units[axes_[axis].parameter] = unit;
    return unit;
  };
  if (has_conditions_) {
    size_t axis = 0;
    space().fill([&](size_t parameter) {
      while (axes_[axis].parameter < parameter) ++axis;
      return space().value_at(parameter, coordinate(axis));
    });
  } else {
    for (size_t axis = 0; axis < axes_.size(); ++axis) coordinate(axis);
  }
  return candidate;
}

std::optional<Assignment> TpeSampler::suggest(int64_t number) {
  Draws draws(mix(seed_, static_cast<uint64_t>(number)));
  if (observations_.size() < kFirstPoints || measured() < kLeastMeasured) return first_point(number, draws);
  const std::vector<size_t> best = good_ones();
  ParzenMixture good = mixture_of_good(best), bad = mixture_of_bad(best);
  for (int batch = 0; batch < kMostBatches; ++batch) {
    std::vector<Candidate> candidates;
    for (size_t i = 0; i < kCandidates; ++i) {
      Candidate candidate = draw(good, draws);
      if (space().has_constraints() && !space().allowed(space().at(candidate.units))) continue;
      candidate.score = good.log_density(candidate.point) - bad.log_density(candidate.point);
      candidates.push_back(std::move(candidate));
    }
    std::stable_sort(candidates.begin(), candidates.end(),
                     [](const Candidate& left, const Candidate& right) { return left.score > right.score; });
    for (const Candidate& candidate : candidates) {
      Assignment assignment = space().at(candidate.units);
      if (is_new(assignment)) return assignment;
    }
  }
  return first_point(number, draws);
}

}  // namespace

std::unique_ptr<Sampler> make_tpe_sampler(const SearchSpace& space, uint64_t seed) {
  return std::make_unique<TpeSampler>(space, seed);
}

}  // namespace broadsheet
