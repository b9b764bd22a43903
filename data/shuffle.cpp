#include "data/shuffle.h"

#include <algorithm>
#include <bit>

#include "core/errors.h"
#include "core/random.h"

namespace broadsheet {
namespace {

constexpr int kFeistelRounds = 8;

// Keys that are drawn from the shuffle's.
enum : uint64_t { kOpening = 1, kBlocks = 2, kWindows = 3 };

// A bijection on [0, 4^half_bits).
uint64_t feistel(uint64_t value, int half_bits, const PhiloxKey& key) {
  const uint32_t mask = static_cast<uint32_t>((uint64_t{1} << half_bits) - 1);
  uint32_t left = static_cast<uint32_t>(value >> half_bits);
  uint32_t right = static_cast<uint32_t>(value) & mask;
  for (uint32_t round = 0; round < kFeistelRounds; ++round) {
    const uint32_t mixed = philox4x32({right, round, 0, 0}, key)[0] & mask;
    const uint32_t next = left ^ mixed;
    left = right;
    right = next;
  }
  return (uint64_t{left} << half_bits) | right;
}

// The ring of one shuffle, cut into blocks.
class Blocks {
 public:
  Blocks(const ShuffleSpec& spec, uint64_t key, int64_t size)
      : block_(std::min(spec.block, size)), key_(key), size_(size), whole_(size / block_) {
    opening_ = static_cast<int64_t>(mix(key, kOpening) % static_cast<uint64_t>(size));
  }
  // Of the block that is number `place` in the order: where on the ring it begins. Behind the whole ones comes the
  // rest.
  int64_t begin_of(int64_t place) const {
    return (place < whole_ ? permuted(mix(key_, kBlocks), whole_, place) : whole_) * block_;
  }
  int64_t end_of(int64_t place) const { return std::min(begin_of(place) + block_, size_); }
  int64_t example(int64_t on_ring) const {
    return on_ring < size_ - opening_ ? on_ring + opening_ : on_ring - (size_ - opening_);
  }
  int64_t block() const { return block_; }

 private:
  int64_t block_;
  uint64_t key_;
  int64_t size_, whole_, opening_;
};

// Positions of a window. No overflow: a window is no longer than what is shuffled.
int64_t window_size(const ShuffleSpec& spec, int64_t size) {
  const int64_t block = std::min(spec.block, size);
  return std::min(spec.window, size / block + 1) * block;
}

}  // namespace

int64_t permuted(uint64_t key, int64_t size, int64_t position) {
  BROADSHEET_ASSERT(position >= 0 && position < size && size <= (int64_t{1} << 62));
  const auto values = static_cast<uint64_t>(size);
  if (values == 1) return 0;
  const int half_bits = (std::bit_width(values - 1) + 1) / 2;
  const PhiloxKey philox_key{static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)};
  // Cycle walking: the domain is less than four times as large as [0, size), so this ends after a few rounds; and being
  // a cycle of a bijection that started inside [0, size), it always comes back there.
  auto value = static_cast<uint64_t>(position);
  do {
    value = feistel(value, half_bits, philox_key);
  } while (value >= values);
  return static_cast<int64_t>(value);
}

int64_t shuffled(const ShuffleSpec& spec, uint64_t key, int64_t size, int64_t position) {
  if (spec.block == 0) return permuted(key, size, position);
  BROADSHEET_ASSERT(position >= 0 && position < size && spec.block > 0 && spec.window > 0);
  const Blocks blocks(spec, key, size);
  const int64_t length = window_size(spec, size), window = position / length, begin = window * length;
  const uint64_t window_key = mix(mix(key, kWindows), static_cast<uint64_t>(window));
  const int64_t inside = begin + permuted(window_key, std::min(length, size - begin), position - begin);
  return blocks.example(blocks.begin_of(inside / blocks.block()) + inside % blocks.block());
}

std::vector<ExampleRange> window_beginning_at(const ShuffleSpec& spec, uint64_t key, int64_t size, int64_t position) {
  if (spec.block == 0 || position % window_size(spec, size) != 0) return {};
  const Blocks blocks(spec, key, size);
  const int64_t end = std::min(position + window_size(spec, size), size);
  std::vector<ExampleRange> ranges;
  for (int64_t first = position; first < end; first += blocks.block()) {
    const int64_t place = first / blocks.block();
    const ExampleRange range{blocks.example(blocks.begin_of(place)), blocks.example(blocks.end_of(place) - 1) + 1};
    if (range.begin < range.end) {
      ranges.push_back(range);
    } else {  // across the end
      ranges.push_back({range.begin, size});
      ranges.push_back({0, range.end});
    }
  }
  std::sort(ranges.begin(), ranges.end(), [](const auto& a, const auto& b) { return a.begin < b.begin; });
  std::vector<ExampleRange> joined;
  for (const ExampleRange& range : ranges) append(joined, range);
  return joined;
}

}  // namespace broadsheet
