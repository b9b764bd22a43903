#include "trainer/models/dropout.h"

#include <ATen/Dispatch.h>
#include <ATen/OpMathType.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <array>
#include <cmath>

#include "core/errors.h"
#include "core/random.h"

namespace broadsheet {
namespace {

// Tells dropout's streams from other users of (seed, step, example), such as masking.
constexpr uint64_t kDropoutSalt = 0x64726f706f757431;  // "dropout1"
constexpr int64_t kGrain = 16384;

constexpr size_t kPhiloxLanes = 8;
constexpr int64_t kBatch = 4 * kPhiloxLanes;
using PhiloxBlocks = std::array<std::array<uint32_t, kPhiloxLanes>, 4>;

// Blocks first .. first + kPhiloxLanes - 1 of RandomStream(key), word by word: the same rounds as philox4x32, side by
// side so that the compiler uses vector instructions (about twice as fast).
PhiloxBlocks philox_blocks(uint64_t first, uint64_t key) {
  PhiloxBlocks c = {};
  for (size_t i = 0; i < kPhiloxLanes; ++i) {
    c[0][i] = static_cast<uint32_t>(first + i);
    c[1][i] = static_cast<uint32_t>((first + i) >> 32);
  }
  auto key0 = static_cast<uint32_t>(key), key1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    for (size_t i = 0; i < kPhiloxLanes; ++i) {
      const uint64_t product0 = uint64_t{0xD2511F53} * c[0][i], product1 = uint64_t{0xCD9E8D57} * c[2][i];
      c[0][i] = static_cast<uint32_t>(product1 >> 32) ^ c[1][i] ^ key0;
      c[2][i] = static_cast<uint32_t>(product0 >> 32) ^ c[3][i] ^ key1;
      c[1][i] = static_cast<uint32_t>(product1);
      c[3][i] = static_cast<uint32_t>(product0);
    }
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  return c;
}

class DropoutFunction : public torch::autograd::Function<DropoutFunction> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& rows, const at::Tensor& keep,
                            double scale) {
    context->save_for_backward({keep});
    context->saved_data["scale"] = scale;
    return masked_scale(rows, keep, scale);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const at::Tensor keep = context->get_saved_variables()[0];
    return {masked_scale(gradients[0].contiguous(), keep, context->saved_data["scale"].toDouble()), {}, {}};
  }
};

}  // namespace

std::vector<uint64_t> dropout_keys(const PassContext& pass, const std::vector<int64_t>& examples, int64_t layer,
                                   DropoutSite site) {
  const uint64_t base = mix(mix(kDropoutSalt, pass.seed), pass.step);
  std::vector<uint64_t> keys;
  keys.reserve(examples.size());
  for (const int64_t example : examples) {
    const uint64_t of_layer = mix(mix(base, static_cast<uint64_t>(example)), static_cast<uint64_t>(layer));
    keys.push_back(mix(of_layer, static_cast<uint64_t>(site)));
  }
  return keys;
}

void fill_keep(uint8_t* keep, int64_t count, uint64_t key, double p) {
  const RandomStream stream(key);
  const auto threshold = static_cast<uint64_t>(std::llround(p * 0x1p32));
  const int64_t whole = count / kBatch * kBatch;
  for (int64_t begin = 0; begin < whole; begin += kBatch) {
    const PhiloxBlocks blocks = philox_blocks(static_cast<uint64_t>(begin / 4), key);
    for (size_t lane = 0; lane < kPhiloxLanes; ++lane) {
      uint8_t* four = keep + begin + 4 * static_cast<int64_t>(lane);
      for (size_t word = 0; word < 4; ++word) four[word] = blocks[word][lane] >= threshold;
    }
  }
  for (int64_t i = whole; i < count; ++i) keep[i] = stream.word(static_cast<uint64_t>(i)) >= threshold;
}

at::Tensor masked_scale(const at::Tensor& x, const at::Tensor& keep, double scale) {
  BROADSHEET_ASSERT(x.is_contiguous() && keep.is_contiguous() && x.numel() == keep.numel());
  at::Tensor out = at::empty_like(x);
  const uint8_t* kept = keep.const_data_ptr<uint8_t>();
  AT_DISPATCH_FLOATING_TYPES_AND(at::kBFloat16, x.scalar_type(), "masked_scale", [&] {
    using wide_t = at::opmath_type<scalar_t>;
    const auto factor = static_cast<wide_t>(scale);
    const scalar_t* from = x.const_data_ptr<scalar_t>();
    scalar_t* to = out.mutable_data_ptr<scalar_t>();
    at::parallel_for(0, x.numel(), kGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        to[i] = kept[i] ? static_cast<scalar_t>(static_cast<wide_t>(from[i]) * factor) : scalar_t(0);
      }
    });
  });
  return out;
}

at::Tensor packed_dropout(const at::Tensor& rows, const std::vector<int64_t>& boundaries,
                          const std::vector<uint64_t>& keys, double p) {
  BROADSHEET_ASSERT(p >= 0 && p < 1);
  if (p == 0) return rows;
  BROADSHEET_ASSERT(rows.dim() == 2 && boundaries.size() == keys.size() + 1 && rows.size(0) == boundaries.back());
  const int64_t width = rows.size(1);
  const at::Tensor keep = at::empty({rows.size(0), width}, at::kByte);
  uint8_t* bytes = keep.mutable_data_ptr<uint8_t>();
  at::parallel_for(0, static_cast<int64_t>(keys.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t s = begin; s < end; ++s) {
      fill_keep(bytes + boundaries[s] * width, (boundaries[s + 1] - boundaries[s]) * width, keys[s], p);
    }
  });
  return DropoutFunction::apply(rows.contiguous(), keep, 1.0 / (1.0 - p));
}

}  // namespace broadsheet
