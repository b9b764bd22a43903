// A hash table of texts of at most sixteen bytes, which are compared in two registers. Private to data/tokenizers.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace broadsheet {

static_assert(std::endian::native == std::endian::little, "ShortText reads bytes as little-endian numbers");

inline uint64_t load_eight(const char* bytes) {
  uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

// The first `count` bytes of a word that was read by load_eight (at most eight).
inline uint64_t first_bytes(uint64_t word, size_t count) {
  return count >= 8 ? word : word & ((uint64_t{1} << (8 * count)) - 1);
}

// Up to sixteen bytes, zeros behind them.
struct ShortText {
  static constexpr size_t kLongest = 16;
  uint64_t low = 0, high = 0;
  uint32_t length = 0;

  ShortText() = default;
  ShortText(uint64_t first, uint64_t second, size_t bytes)
      : low(first), high(second), length(static_cast<uint32_t>(bytes)) {}
  // The text itself, or as much of it as fits.
  explicit ShortText(std::string_view text) : length(static_cast<uint32_t>(std::min(text.size(), kLongest))) {
    const char* bytes = text.data();
    if (length >= 8) {
      low = load_eight(bytes);
      if (length > 8) high = load_eight(bytes + length - 8) >> (8 * (kLongest - length));
    } else {
      for (uint32_t i = 0; i < length; ++i) low |= uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    }
  }
  ShortText prefix(size_t count) const {
    return count >= 8 ? ShortText(low, first_bytes(high, count - 8), count)
                      : ShortText(first_bytes(low, count), 0, count);
  }
  bool operator==(const ShortText& other) const {
    return low == other.low && high == other.high && length == other.length;
  }
};

// Values from 0 by text. Immutable, and so safe for any number of threads, once everything is in. 24 bytes an entry,
// and two to four entries for each text.
class ShortTexts {
 public:
  // For up to `count` texts.
  explicit ShortTexts(size_t count = 0)
      : entries_(std::bit_ceil(2 * count + 2)), shift_(64 - static_cast<unsigned>(std::countr_zero(entries_.size()))) {}

  // False where the text is there already: it keeps its value.
  bool add(const ShortText& text, int32_t value) {
    Entry& entry = entries_[slot_of(text)];
    if (entry.value >= 0) return false;
    entry = {text, value};
    return true;
  }
  int32_t find(const ShortText& text) const { return entries_[slot_of(text)].value; }  // -1: not there

 private:
  struct Entry {
    ShortText text;
    int32_t value = -1;
  };
  // Where the text is, or else the empty place that ends the search for it.
  size_t slot_of(const ShortText& text) const {
    const uint64_t mixed = text.low * 0x9E3779B97F4A7C15u + std::rotl(text.high * 0xC2B2AE3D27D4EB4Fu, 31);
    size_t slot = (mixed ^ (mixed >> 29)) * 0xBF58476D1CE4E5B9u >> shift_;
    while (entries_[slot].value >= 0 && !(entries_[slot].text == text)) slot = (slot + 1) & (entries_.size() - 1);
    return slot;
  }

  std::vector<Entry> entries_;
  unsigned shift_;
};

}  // namespace broadsheet
