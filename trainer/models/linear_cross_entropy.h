// Cross-entropy of a vocabulary's worth of classes, from hidden states, without ever holding all the logits.
#pragma once

#include <ATen/ATen.h>

namespace broadsheet {

// The sum over all rows of -log softmax(hidden weight^T)[label]: a scalar, float32, with a graph where one is wanted.
// hidden: [rows, width]; weight: [classes, width]; labels: int64 [rows].
// Forward and backward are done together, chunk by chunk: a chunk holds about 2^22 logits (16 MiB) and as many
// gradients, whatever rows * classes is. What stays until the backward is the gradients themselves, [rows, width] and
// [classes, width] (only those that are asked for), which that multiplies by its own; the gradient of `weight`
// therefore exists twice for a moment. Products run in bfloat16 under autocast; softmax and sums are float32 (float64
// in tests).
at::Tensor linear_cross_entropy(const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& labels);

// The same terms one by one [rows], without graph.
at::Tensor linear_nll(const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& labels);

// Rows of a chunk.
int64_t cross_entropy_chunk(int64_t classes);

}  // namespace broadsheet
