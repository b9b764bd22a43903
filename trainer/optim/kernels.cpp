#include "trainer/optim/kernels.h"

#include <cmath>

// One clone for each width of vectors, chosen when the program is loaded. `ivdep`: an output is its own input or
// apart from all of them, so no element depends on another; the compiler cannot know that of plain pointers.
#define BROADSHEET_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))

namespace broadsheet {

BROADSHEET_CLONES void adamw_update(const AdamWInput& in, const AdamWOutput& out, int64_t count,
                                    const AdamWFactors& factors) {
  const AdamWFactors f = factors;
  const float *value = in.value, *gradient = in.gradient, *first = in.first_moment, *second = in.second_moment;
  float *new_value = out.value, *new_first = out.first_moment, *new_second = out.second_moment;
#pragma GCC ivdep
  for (int64_t i = 0; i < count; ++i) {
    const float g = gradient[i] * f.scale;
    const float m = first[i] + f.one_minus_beta1 * (g - first[i]);
    const float v = f.beta2 * second[i] + f.one_minus_beta2 * g * g;
    const float denominator = std::sqrt(v) / f.bias2_sqrt + f.epsilon;
    new_first[i] = m;
    new_second[i] = v;
    new_value[i] = f.decay * value[i] - f.step_size * (m / denominator);
  }
}

BROADSHEET_CLONES void sgd_update(const SgdInput& in, const SgdOutput& out, int64_t count, const SgdFactors& factors) {
  const SgdFactors f = factors;
  const float *value = in.value, *gradient = in.gradient, *buffer = in.buffer;
  float *new_value = out.value, *new_buffer = out.buffer;
  if (buffer == nullptr) {
#pragma GCC ivdep
    for (int64_t i = 0; i < count; ++i) new_value[i] = f.decay * value[i] - f.rate * (f.scale * gradient[i]);
    return;
  }
#pragma GCC ivdep
  for (int64_t i = 0; i < count; ++i) {
    const float direction = f.momentum * buffer[i] + f.scale * gradient[i];
    new_buffer[i] = direction;
    new_value[i] = f.decay * value[i] - f.rate * direction;
  }
}

}  // namespace broadsheet
