// Eight bytes of a text at a time. Private to data/tokenizers.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "data/tokenizers/short_texts.h"

namespace broadsheet {

inline constexpr uint64_t kEveryByte = 0x0101010101010101u;
inline constexpr uint64_t kHighBits = 0x80 * kEveryByte;

// The bytes from `position` on; zeros behind the end of the text.
inline uint64_t eight_at(std::string_view text, size_t position) {
  if (position + 8 <= text.size()) return load_eight(text.data() + position);
  return position < text.size() ? ShortText(text.substr(position)).low : 0;
}

// The high bit of every byte from `low` to `high`; other bytes above 0x7F may have it too.
constexpr uint64_t in_range(uint64_t bytes, char low, char high) {
  bytes &= ~kHighBits;
  return (bytes + (0x80 - static_cast<uint64_t>(low)) * kEveryByte) &
         ~(bytes + (0x7F - static_cast<uint64_t>(high)) * kEveryByte) & kHighBits;
}

// How many bytes at the beginning have their high bit in `marked`.
inline size_t leading(uint64_t marked) {
  const uint64_t others = ~marked & kHighBits;
  return others == 0 ? 8 : static_cast<size_t>(std::countr_zero(others)) / 8;
}

inline uint64_t ascii_capitals(uint64_t bytes) {
  return in_range(bytes, 'A', 'Z') & ~bytes;
}
inline uint64_t ascii_letters(uint64_t bytes) {
  return in_range(bytes | 0x20 * kEveryByte, 'a', 'z') & ~bytes;
}
inline uint64_t ascii_digits(uint64_t bytes) {
  return in_range(bytes, '0', '9') & ~bytes;
}

inline size_t leading_letters(uint64_t bytes) {
  return leading(ascii_letters(bytes));
}
inline size_t leading_letters_and_digits(uint64_t bytes) {
  return leading(ascii_letters(bytes) | ascii_digits(bytes));
}
// In small letters, where all bytes are ASCII.
inline uint64_t ascii_lower(uint64_t bytes) {
  return bytes | ascii_capitals(bytes) >> 2;
}

}  // namespace broadsheet
