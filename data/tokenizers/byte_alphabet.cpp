#include "data/tokenizers/byte_alphabet.h"

#include <array>

#include "data/tokenizers/unicode.h"

namespace broadsheet {
namespace {

constexpr char32_t kFirstSubstitute = 0x100;
constexpr size_t kSubstitutes = 68;  // bytes that Latin-1 does not print

constexpr bool prints(char32_t c) {
  return (c >= 0x21 && c <= 0x7E) || (c >= 0xA1 && c <= 0xFF && c != 0xAD);
}

struct Substitutes {
  std::array<uint8_t, kSubstitutes> bytes{};  // by number
  std::array<uint8_t, 256> numbers{};         // by byte, where there is one
};

constexpr Substitutes make_substitutes() {
  Substitutes made;
  size_t count = 0;
  for (size_t byte = 0; byte < 256; ++byte) {
    if (prints(static_cast<char32_t>(byte))) continue;
    made.bytes[count] = static_cast<uint8_t>(byte);
    made.numbers[byte] = static_cast<uint8_t>(count++);
  }
  return made;
}

constexpr Substitutes kTable = make_substitutes();

// What may follow the first byte of a sequence of UTF-8 (Unicode 15, table 3-7): its length, and the range of the
// second.
struct Sequence {
  size_t length;
  uint8_t low, high;
};

Sequence sequence_of(uint8_t first) {
  if (first < 0x80) return {1, 0, 0};
  if (first < 0xC2 || first > 0xF4) return {0, 0, 0};
  if (first < 0xE0) return {2, 0x80, 0xBF};
  if (first < 0xF0)
    return {3, static_cast<uint8_t>(first == 0xE0 ? 0xA0 : 0x80), static_cast<uint8_t>(first == 0xED ? 0x9F : 0xBF)};
  return {4, static_cast<uint8_t>(first == 0xF0 ? 0x90 : 0x80), static_cast<uint8_t>(first == 0xF4 ? 0x8F : 0xBF)};
}

// Bytes at the beginning that are a code point or begin one; `whole` says which.
size_t valid_prefix(std::string_view bytes, bool& whole) {
  const auto at = [bytes](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  const Sequence sequence = sequence_of(at(0));
  size_t length = 1;
  while (length < sequence.length && length < bytes.size()) {
    const bool fits = length == 1 ? at(1) >= sequence.low && at(1) <= sequence.high : (at(length) & 0xC0) == 0x80;
    if (!fits) break;
    ++length;
  }
  whole = length == sequence.length;
  return length;
}

}  // namespace

char32_t byte_character(uint8_t byte) {
  return prints(byte) ? char32_t{byte} : kFirstSubstitute + kTable.numbers[byte];
}

std::optional<std::string> bytes_of_token(std::string_view token) {
  std::string bytes;
  for (size_t position = 0; position < token.size();) {
    const char32_t c = next_code_point(token, position);
    if (prints(c))
      bytes += static_cast<char>(c);
    else if (c >= kFirstSubstitute && c < kFirstSubstitute + kSubstitutes)
      bytes += static_cast<char>(kTable.bytes[c - kFirstSubstitute]);
    else
      return std::nullopt;
  }
  return bytes;
}

std::string token_of_bytes(std::string_view bytes) {
  std::string token;
  for (const char byte : bytes) append_utf8(byte_character(static_cast<uint8_t>(byte)), token);
  return token;
}

std::string utf8_with_replacements(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    bool whole = false;
    const size_t length = valid_prefix(bytes, whole);
    text += whole ? bytes.substr(0, length) : std::string_view("\xEF\xBF\xBD");
    bytes.remove_prefix(length);
  }
  return text;
}

}  // namespace broadsheet
