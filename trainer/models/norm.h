// LayerNorm of a model, in float32 whatever comes in.
#pragma once

#include <ATen/ATen.h>

namespace broadsheet {

struct Norm {
  at::Tensor weight, bias;  // [width]
  double epsilon = 0;
  at::Tensor operator()(const at::Tensor& x) const {
    return at::layer_norm(x.to(at::kFloat), weight.sizes(), weight, bias, epsilon);
  }
};

}  // namespace broadsheet
