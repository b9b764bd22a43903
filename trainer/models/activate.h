// The activations that config.json may name.
#pragma once

#include <ATen/ATen.h>

#include "core/errors.h"
#include "trainer/models/model_json.h"

namespace broadsheet {

inline at::Tensor activate(Activation activation, const at::Tensor& x) {
  switch (activation) {
    case Activation::kGelu:
      return at::gelu(x);
    case Activation::kGeluTanh:
      return at::gelu(x, "tanh");
    case Activation::kRelu:
      return at::relu(x);
  }
  assertion_failed("known activation", __FILE__, __LINE__);
}

}  // namespace broadsheet
