#include "trainer/models/initialise.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "core/errors.h"
#include "core/random.h"

namespace broadsheet {
namespace {

constexpr uint64_t kInitialiseSalt = 0x696e697469616c31;  // "initial1"

uint64_t name_key(uint64_t seed, const std::string& name) {
  uint64_t key = mix(kInitialiseSalt, seed);
  for (const char letter : name) key = mix(key, static_cast<unsigned char>(letter));
  return key;
}

// Two independent standard normal values from two words. The first is moved off 0, whose logarithm does not exist.
std::array<double, 2> normals(uint32_t first, uint32_t second) {
  const double radius = std::sqrt(-2.0 * std::log((first + 0.5) * 0x1p-32));
  const double angle = 2.0 * std::numbers::pi * (second * 0x1p-32);
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

// four(words): the next four values of what four words of the stream make.
template <class Four>
void fill(at::Tensor& tensor, uint64_t seed, const std::string& name, double scale, const Four& four) {
  BROADSHEET_ASSERT(tensor.is_contiguous() && tensor.scalar_type() == at::kFloat);
  const RandomStream stream(name_key(seed, name));
  float* values = tensor.mutable_data_ptr<float>();
  const int64_t count = tensor.numel();
  at::parallel_for(0, (count + 3) / 4, 4096, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const std::array<double, 4> next = four(stream.block(static_cast<uint64_t>(block)));
      for (int64_t i = 4 * block; i < std::min(count, 4 * block + 4); ++i) {
        values[i] = static_cast<float>(next[static_cast<size_t>(i - 4 * block)] * scale);
      }
    }
  });
}

}  // namespace

void fill_normal(at::Tensor& tensor, uint64_t seed, const std::string& name, double standard_deviation) {
  fill(tensor, seed, name, standard_deviation, [](const PhiloxCounter& words) {
    const std::array<double, 2> low = normals(words[0], words[1]), high = normals(words[2], words[3]);
    return std::array<double, 4>{low[0], low[1], high[0], high[1]};
  });
}

void fill_uniform(at::Tensor& tensor, uint64_t seed, const std::string& name, double bound) {
  const auto centred = [](uint32_t word) { return word * 0x1p-31 - 1; };
  fill(tensor, seed, name, bound, [&](const PhiloxCounter& words) {
    return std::array<double, 4>{centred(words[0]), centred(words[1]), centred(words[2]), centred(words[3])};
  });
}

}  // namespace broadsheet
