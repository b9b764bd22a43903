// Dropout whose masks belong to examples (Note [Random streams belong to examples] in core/random.h): the same example
// in the same step loses the same elements on any rank, in any micro-batch, at any place in the batch.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "trainer/models/model.h"

namespace broadsheet {

// Where in the model a mask is drawn. The numbers are part of the random streams' keys: never renumber.
enum class DropoutSite : uint64_t {
  kEmbeddings = 1,
  kAttention = 2,  // on the probabilities
  kAttentionOutput = 3,
  kFeedForward = 4,
  kHead = 5,
  kHeadInput = 7,
  kLora = 6,  // on the input of a branch; the module's name is part of the key too (trainer/models/linear.h)
};

// One stream key per example: mix over (seed, step, example, layer, site). layer as in Parameter::layer.
std::vector<uint64_t> dropout_keys(const PassContext& pass, const std::vector<int64_t>& examples, int64_t layer,
                                   DropoutSite site);

// keep[i] = 1 with probability 1 - p, drawn from word i of the key's stream, else 0.
void fill_keep(uint8_t* keep, int64_t count, uint64_t key, double p);

// x * scale where keep is 1, else 0. x: float32, bfloat16 or float64, contiguous; keep: uint8, as many elements. No
// graph.
at::Tensor masked_scale(const at::Tensor& x, const at::Tensor& keep, double scale);

// Drops elements of rows [boundaries.back(), width] and scales the others by 1 / (1 - p). Sequence s has rows
// boundaries[s] .. boundaries[s + 1]; element (row, column) of it is number (row - boundaries[s]) * width + column of
// the stream keys[s]. 0 <= p < 1; p == 0 returns `rows` itself.
at::Tensor packed_dropout(const at::Tensor& rows, const std::vector<int64_t>& boundaries,
                          const std::vector<uint64_t>& keys, double p);

}  // namespace broadsheet
