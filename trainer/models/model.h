// What models have in common: named parameters, packed inputs, and the keys of their random streams.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "checkpoints/huggingface.h"
#include "core/errors.h"
#include "data/batch.h"

namespace broadsheet {

inline constexpr int64_t kHeadLayer = -2;  // of Parameter::layer

struct Parameter {
  std::string name;    // Hugging Face's name: "bert.encoder.layer.0.attention.self.query.weight"
  at::Tensor tensor;   // float32 leaf; requires_grad tells whether it is trained
  bool decay = true;   // weight decay applies (not to biases and LayerNorm)
  int64_t layer = -1;  // encoder layer 0..; -1 embeddings; -2 head
};
using ParameterList = std::vector<Parameter>;

// A Batch as tensors on the model's device. Owns its tensors.
struct PackedInput {
  at::Tensor tokens, positions, token_types;  // int64 [total]
  std::vector<int64_t> boundaries;            // [sequences + 1]
  std::vector<int64_t> examples;              // [sequences] keys of the random streams
};
PackedInput to_input(const Batch& batch, at::Device device);
// int64 [values].
inline at::Tensor index_tensor(const std::vector<int64_t>& values) {
  return at::tensor(at::ArrayRef<int64_t>(values), at::kLong);
}

// Where a forward pass stands. training: dropout is on, drawn from (seed, step, example, layer, site) and indexed
// inside the example (Note [Random streams belong to examples] in core/random.h).
struct PassContext {
  bool training = false;
  uint64_t seed = 1;
  uint64_t step = 0;
};

// Whether a model's first values are read (or drawn, where there are none), or will all be read from a checkpoint.
enum class ModelValues { kRead, kFollow };

// Which names a folder lacked and which of its tensors nobody took; shown to the user.
struct LoadReport {
  std::vector<std::string> missing;  // initialised anew
  std::vector<std::string> unused;
};

// The tensor of `files` that a parameter takes, or nullptr. Tried in this order: the name itself; the name with its
// first component replaced by each alias; each of these in the spelling of old files (LayerNorm.gamma and .beta).
const TensorView* find_weight(const WeightFiles& files, const std::string& name,
                              const std::vector<std::string>& aliases);
// Adds a fault ("model.shape", "model.dtype") when `found` cannot be copied into a parameter of this shape.
void check_weight(const std::string& name, const std::vector<int64_t>& shape, const TensorView& found, Faults& faults);

// Copies every parameter from `files` by name, converting to float32; a shape that differs is UserError
// ("model.shape") naming tensor, found and wanted. Names absent in `files` keep their initial values and are reported.
// `aliases`: other prefixes to try, e.g. "" for "bert." (folders saved from the bare encoder).
// With kFollow names, types and shapes are checked all the same, and nothing is copied.
LoadReport load_parameters(ParameterList& parameters, const WeightFiles& files, const std::vector<std::string>& aliases,
                           ModelValues values = ModelValues::kRead);

// Views of the parameters' bytes for a checkpoint or a model folder. The views borrow from `parameters`, which must be
// contiguous CPU tensors.
std::vector<TensorView> tensor_views(const ParameterList& parameters);

}  // namespace broadsheet
