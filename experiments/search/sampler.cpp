#include "experiments/search/sampler.h"

#include "core/errors.h"
#include "core/random.h"
#include "core/text.h"
#include "experiments/search/distribution.h"
#include "experiments/search/sampling.h"

namespace broadsheet {
namespace {

constexpr int64_t kMostCombinations = int64_t{1} << 40;
// A space of so few points is looked through point by point before it is given up.
constexpr int64_t kFewCombinations = 100000;
constexpr int64_t kDrawsBeforeLookingThrough = 200;

}  // namespace

double slot_unit(const SearchSpace& space, size_t index, int64_t choice) {
  const Distribution& distribution = space.parameters().at(index).distribution;
  const auto count = static_cast<double>(space.cardinality(index));
  if (distribution.kind == Distribution::Kind::kValues) return (static_cast<double>(choice) + 0.5) / count;
  if (step_of(distribution) == 0) return 0.5;  // a continuum between equal bounds
  return space.unit_of(index, value_of_step(distribution, steps_of(distribution).first + choice));
}

int64_t combinations(const SearchSpace& space) {
  int64_t product = 1;
  for (size_t i = 0; i < space.size(); ++i) {
    if (!space.is_searched(i)) continue;
    const int64_t count = space.cardinality(i);
    if (count == 0) return 0;
    product = count > kMostCombinations / product ? kMostCombinations : product * count;
  }
  return product;
}

GridWalk::GridWalk(const SearchSpace& space)
    : space_(space), choices_(space.size(), 0), units_(space.size(), kInactive) {
  for (size_t i = 0; i < space_.size(); ++i) {
    if (space_.is_searched(i)) units_[i] = slot_unit(space_, i, 0);
  }
}

std::optional<Assignment> GridWalk::next() {
  if (begun_ && !ended_) {
    // What is active depends on earlier parameters only: those after the one that moves begin anew.
    const Assignment now = space_.at(units_);
    size_t moves = space_.size();
    for (size_t i = space_.size(); i-- > 0 && moves == space_.size();) {
      const bool varied = space_.is_searched(i) && now.count(space_.parameters()[i].name) > 0;
      if (varied && choices_[i] + 1 < space_.cardinality(i)) moves = i;
    }
    ended_ = moves == space_.size();
    for (size_t i = moves; i < space_.size(); ++i) {
      if (!space_.is_searched(i)) continue;
      choices_[i] = i == moves ? choices_[i] + 1 : 0;
      units_[i] = slot_unit(space_, i, choices_[i]);
    }
  }
  begun_ = true;
  if (ended_) return std::nullopt;
  return space_.at(units_);
}

void DrawingSampler::observe(size_t /*index*/, const Assignment& assignment, const Observation& /*observation*/) {
  known_.insert(canonical(assignment));
}

bool DrawingSampler::is_new(const Assignment& assignment) const {
  return known_.count(canonical(assignment)) == 0;
}

std::optional<Assignment> DrawingSampler::first_new(const std::function<UnitPoint(int64_t draw)>& draw,
                                                    uint64_t key) const {
  const bool is_small = combinations_ > 0 && combinations_ <= kFewCombinations;
  const int64_t draws = is_small ? kDrawsBeforeLookingThrough : kMostDraws;
  for (int64_t i = 0; i < draws; ++i) {
    Assignment assignment = space_.at(draw(i));
    if (is_new(assignment) && space_.allowed(assignment)) return assignment;
  }
  return is_small ? one_left(key) : std::nullopt;
}

std::optional<Assignment> DrawingSampler::one_left(uint64_t key) const {
  const RandomStream random(key);
  std::optional<Assignment> chosen;
  uint32_t seen = 0;
  GridWalk walk(space_);
  for (std::optional<Assignment> point = walk.next(); point; point = walk.next()) {
    if (!is_new(*point) || !space_.allowed(*point)) continue;
    ++seen;
    if (random.below(seen, seen) == 0) chosen = std::move(point);
  }
  return chosen;
}

std::unique_ptr<Sampler> make_sampler(const SearchSpace& space, const SamplerOptions& options) {
  if (options.method == "grid") return make_grid_sampler(space);
  if (options.method == "random") return make_random_sampler(space, options.seed);
  if (options.method == "sobol") return make_sobol_sampler(space, options.seed);
  if (options.method == "tpe") return make_tpe_sampler(space, options.seed);
  throw UserError("sweep.method", cat("method is '", options.method, "'"), "grid, random, sobol or tpe");
}

}  // namespace broadsheet
