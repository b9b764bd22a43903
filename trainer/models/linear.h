// A linear layer, to which a LoRA branch can be attached (Hu et al. 2021, with the names and the numbers of peft).
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "trainer/models/model.h"

namespace broadsheet {

// Whose rows these are: sequence s has rows boundaries[s] .. boundaries[s + 1] and draws from the streams of
// examples[s]. A view for the time of a call.
struct RowOwners {
  const PassContext& pass;
  const std::vector<int64_t>& boundaries;  // [sequences + 1]
  const std::vector<int64_t>& examples;    // [sequences]
};

// scaling * (dropout(x) A^T) B^T, added to what the layer makes of x. Dropout is drawn from (seed, step, example,
// module's name): every layer's every module has its own.
struct LoraBranch {
  at::Tensor a;        // [r, in]
  at::Tensor b;        // [out, r]
  double scaling = 1;  // lora_alpha / r
  double dropout = 0;  // of the branch's input; 0 <= p < 1
};

struct Linear {
  std::string name;   // of the module: "bert.encoder.layer.0.attention.self.query"
  at::Tensor weight;  // [out, in]
  at::Tensor bias;    // [out], or undefined: none
  std::optional<LoraBranch> lora = std::nullopt;
  bool transposed = false;  // weight is [in, out], as GPT-2's files have it

  // [rows, in] -> [rows, out].
  at::Tensor operator()(const at::Tensor& x, const RowOwners& owners) const;
  // Of a layer that never has a branch.
  at::Tensor operator()(const at::Tensor& x) const;
};

}  // namespace broadsheet
