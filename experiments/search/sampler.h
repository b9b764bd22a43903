// Which configuration to try next. A sampler's answer is a pure function of (space, seed, number, what is known): a
// driver that was killed and has read its journal again asks the same question and gets the same answer.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "experiments/search/space.h"

namespace broadsheet {

// What is known of one configuration. `value`: less is better (the caller turns the sign where more is).
struct Observation {
  enum class State {
    kPending,     // runs, or is paused with nothing measured yet: counts as bad, so that the next lies elsewhere
    kComplete,    // trained to the end
    kStopped,     // measured at `resource`, then paused or pruned
    kInfeasible,  // out of memory at the smallest micro-batch, diverged, refused: worse than anything measured
  };
  State state = State::kPending;
  double value = 0;     // of kComplete and kStopped; finite
  double resource = 0;  // how far it was trained
};

class Sampler {
 public:
  virtual ~Sampler() = default;
  // Tells of configuration `index` (0, 1, ... in the order of first mention) for the first time, or anew after a
  // change. O(parameters), whatever is known already.
  virtual void observe(size_t index, const Assignment& assignment, const Observation& observation) = 0;
  // The `number`-th suggestion (0, 1, ...) of this sweep. Different from every configuration observed, where the space
  // has one more; nullopt: it has none, or no allowed one was found in 10,000 draws.
  virtual std::optional<Assignment> suggest(int64_t number) = 0;
};

struct SamplerOptions {
  std::string method = "tpe";  // grid | random | sobol | tpe
  uint64_t seed = 1;
};
// `space` must outlive the sampler. UserError("sweep.grid") when a grid has a continuum in it or more than 10^6 points.
std::unique_ptr<Sampler> make_sampler(const SearchSpace& space, const SamplerOptions& options);

}  // namespace broadsheet
