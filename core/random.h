// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11).
// A value depends on its key and counter alone, so any rank, thread or resumed run computes the same one.
// Note [Random streams belong to examples]: dropout, masking and shuffling draw with keys made of (seed, step, example,
// layer, site) and counters that index inside the example; never from a generator with state.
#pragma once

#include <array>
#include <cstdint>

namespace broadsheet {

using PhiloxCounter = std::array<uint32_t, 4>;
using PhiloxKey = std::array<uint32_t, 2>;

inline PhiloxCounter philox4x32(PhiloxCounter counter, PhiloxKey key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = uint64_t{0xD2511F53} * counter[0];
    const uint64_t product1 = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(product0)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

// The finaliser of SplitMix64 (Steele et al., OOPSLA'14): a bijection that mixes all bits.
constexpr uint64_t mix64(uint64_t x) {
  x += 0x9E3779B97F4A7C15ull;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}
// Folds another word into a key; order matters: mix(mix(seed, step), example).
constexpr uint64_t mix(uint64_t key, uint64_t word) {
  return mix64(key ^ mix64(word));
}

// A stream of 32-bit words addressed by index. Copyable, no state besides its key.
class RandomStream {
 public:
  explicit RandomStream(uint64_t key) : key_(key) {}
  // Four words at a time: block b holds words 4b..4b+3.
  PhiloxCounter block(uint64_t index) const {
    return philox4x32({static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32), 0, 0},
                      {static_cast<uint32_t>(key_), static_cast<uint32_t>(key_ >> 32)});
  }
  uint32_t word(uint64_t index) const { return block(index / 4)[index % 4]; }
  // Uniform in [0, 1), 32 bits of it.
  double uniform(uint64_t index) const { return word(index) * 0x1p-32; }
  // Uniform in [0, bound), by the high word of a 64-bit product.
  uint32_t below(uint64_t index, uint32_t bound) const {
    return static_cast<uint32_t>((uint64_t{word(index)} * bound) >> 32);
  }

 private:
  uint64_t key_;
};

}  // namespace broadsheet
