// Independent draws from the distributions.
#include "core/random.h"
#include "experiments/search/sampling.h"

namespace broadsheet {
namespace {

class RandomSampler : public DrawingSampler {
 public:
  RandomSampler(const SearchSpace& space, uint64_t seed) : DrawingSampler(space), seed_(seed) {}

  std::optional<Assignment> suggest(int64_t number) override {
    const uint64_t key = mix(seed_, static_cast<uint64_t>(number));
    const auto draw = [&](int64_t index) {
      UnitPoint units(space().size());
      for (size_t i = 0; i < units.size(); ++i) {
        units[i] = RandomStream(mix(key, i)).uniform(static_cast<uint64_t>(index));
      }
      return units;
    };
    return first_new(draw, key);
  }

 private:
  uint64_t seed_;
};

}  // namespace

std::unique_ptr<Sampler> make_random_sampler(const SearchSpace& space, uint64_t seed) {
  return std::make_unique<RandomSampler>(space, seed);
}

}  // namespace broadsheet
