// The updates of the optimizers, element by element, over plain arrays: no LibTorch here.
// Inputs and outputs may be the same arrays (an update in place) or wholly different ones, never shifted against each
// other. Either way the same bits come out, wherever an element lies in its array: a run that is being saved writes its
// next state elsewhere (Note [Twin buffers]) and must not differ from one that is not.
#pragma once

#include <cstdint>

namespace broadsheet {

// AdamW (Loshchilov and Hutter, ICLR 2019), as torch.optim.AdamW computes it:
//   g = scale * gradient;  m = m + (1 - beta1) (g - m);  v = beta2 v + (1 - beta2) g^2
//   value = decay * value - step_size * m / (sqrt(v) / bias2_sqrt + epsilon)
// with decay = 1 - eta lambda, step_size = eta / (1 - beta1^t), bias2_sqrt = sqrt(1 - beta2^t).
struct AdamWFactors {
  float scale = 1, one_minus_beta1 = 0, beta2 = 0, one_minus_beta2 = 0;
  float decay = 1, step_size = 0, bias2_sqrt = 1, epsilon = 0;
};
struct AdamWInput {
  const float *value, *gradient, *first_moment, *second_moment;
};
struct AdamWOutput {
  float *value, *first_moment, *second_moment;
};
void adamw_update(const AdamWInput& in, const AdamWOutput& out, int64_t count, const AdamWFactors& factors);

// buffer = momentum buffer + scale * gradient; value = decay * value - rate * buffer.
struct SgdFactors {
  float scale = 1, momentum = 0, decay = 1, rate = 0;
};
struct SgdInput {
  const float *value, *gradient, *buffer;
};
struct SgdOutput {
  float *value, *buffer;
};
void sgd_update(const SgdInput& in, const SgdOutput& out, int64_t count, const SgdFactors& factors);

}  // namespace broadsheet
