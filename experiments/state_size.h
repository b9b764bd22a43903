// How large a run's state is, without building the model: for `check`.
#pragma once

#include <cstdint>

#include "experiments/run_config.h"

namespace broadsheet {

struct StateSize {
  uint64_t weights = 0;    // bytes of all parameters in float32
  uint64_t optimizer = 0;  // bytes of the optimizer's moments, of the trained parameters
  uint64_t trained = 0;    // bytes of the trained parameters
  uint64_t saved = 0;      // bytes of the weights that model/ and each checkpoint hold: all, or an adapter's
  // Of one checkpoint, over all ranks.
  uint64_t checkpoint() const { return saved + optimizer; }
  // What saving in the background adds to the memory of each rank at most: a second copy of what training changes.
  uint64_t extra_memory() const { return trained + optimizer; }
};

// From the tensors of model.from, or from the numbers of a model from scratch; a head that the folder lacks is not
// counted. All zero when the configuration does not say enough.
StateSize estimate_state_size(const RunConfig& config);

}  // namespace broadsheet
