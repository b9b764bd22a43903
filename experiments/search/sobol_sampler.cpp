// Points of a low-discrepancy sequence: as random ones, without the gaps and the heaps.
#include "experiments/search/sampling.h"
#include "experiments/search/sobol_points.h"

namespace broadsheet {
namespace {

class SobolSampler : public DrawingSampler {
 public:
  SobolSampler(const SearchSpace& space, uint64_t seed)
      : DrawingSampler(space), points_(space.size(), seed), seed_(seed) {}

  std::optional<Assignment> suggest(int64_t number) override {
    if (is_continuum()) return next_from(number);
    const auto draw = [&](int64_t index) { return points_.point(static_cast<uint32_t>(number + index)); };
    return first_new(draw, seed_ + static_cast<uint64_t>(number));
  }

 private:
  // The first point from `number` on that is new and allowed: none is left out, so they stay even. Given up after so
  // many that are not allowed in a row.
  std::optional<Assignment> next_from(int64_t number) {
    // Points between from_ and to_ were known or not allowed, which does not change.
    if (number < from_ || number > to_) from_ = to_ = number;
    int64_t refused = 0;
    for (int64_t at = to_; refused < kMostDraws; ++at) {
      Assignment assignment = space().at(points_.point(static_cast<uint32_t>(at)));
      if (!space().allowed(assignment)) {
        ++refused;
      } else if (is_new(assignment)) {
        to_ = at;
        return assignment;
      } else {
        refused = 0;
      }
    }
    return std::nullopt;
  }

  SobolPoints points_;
  uint64_t seed_;
  int64_t from_ = 0, to_ = 0;
};

}  // namespace

std::unique_ptr<Sampler> make_sobol_sampler(const SearchSpace& space, uint64_t seed) {
  return std::make_unique<SobolSampler>(space, seed);
}

}  // namespace broadsheet
