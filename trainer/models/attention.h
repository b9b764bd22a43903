// Self-attention over packed sequences: each sequence attends to itself alone, nothing is padded.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "trainer/models/key_value_cache.h"

namespace broadsheet {

// Dropout on the probabilities: element (head * L + i) * L + j of the stream keys[s] belongs to query i and key j of
// sequence s with L tokens. p == 0 (or no keys): none.
struct AttentionDropout {
  double p = 0;
  std::vector<uint64_t> keys;  // [sequences]
};

// Which keys a query sees: all of its sequence, or its own and those before it.
enum class Attends { kEverywhere, kBackwards };

// softmax(q k^T / sqrt(head size)) v for every sequence and head.
// query, key, value: [total, heads * head size], one dtype, float32 or bfloat16 (float64 in tests); the softmax is
// float32 whatever they are. boundaries: [sequences + 1]. Returns [total, heads * head size] of the same dtype. The
// backward is written by hand from the saved probabilities; it holds heads * sum(L^2) of them.
at::Tensor packed_attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                            const std::vector<int64_t>& boundaries, int64_t heads, const AttentionDropout& dropout,
                            Attends attends = Attends::kEverywhere);

// The same backwards, without dropout and graph, of tokens that go on sequences: sequence s of the batch those of
// sequence s of `cache`, which gets the keys and values of this layer.
at::Tensor cached_attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                            const std::vector<int64_t>& boundaries, int64_t heads, int64_t layer, KeyValueCache& cache);

}  // namespace broadsheet
