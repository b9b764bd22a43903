// Code points as the `tokenizers` package sees them, and UTF-8.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace broadsheet {

inline constexpr char32_t kCodePoints = 0x110000;  // how many there are
inline constexpr char32_t kBasicPlane = 0x10000;   // the first ones, which nearly all text is made of

// One bit per question; see unicode_tables.h for where the answers come from.
enum class CodePointClass : uint8_t {
  kRemoved = 1,      // control, format, private use, NUL, U+FFFD
  kWhitespace = 2,   // White_Space
  kPunctuation = 4,  // P* and all of ASCII's
  kMark = 8,         // nonspacing mark
  kDecomposes = 16,  // has a canonical decomposition
  kCombines = 32,    // is reordered by canonical ordering
  kHasLower = 64,    // differs from its lower case
  kWord = 128,       // \w
};

// Answers by one table look-up. Immutable, 1.1 MiB; there is one: unicode_classes().
class UnicodeClasses {
 public:
  UnicodeClasses();
  bool is(char32_t c, CodePointClass which) const {
    return c < classes_.size() && (classes_[c] & static_cast<uint8_t>(which)) != 0;
  }
  // True when none of the bits in `mask` is set.
  bool plain(char32_t c, uint8_t mask) const { return c < classes_.size() && (classes_[c] & mask) == 0; }

 private:
  std::vector<uint8_t> classes_;
};
const UnicodeClasses& unicode_classes();

// Lower case of one code point, appended; one code point in all cases but U+0130.
void append_lower(char32_t c, std::u32string& out);
// Full canonical decomposition of one code point, appended, not reordered.
void append_decomposed(char32_t c, std::u32string& out);
// 0 for most; else the class by which runs of marks are stably sorted.
uint8_t combining_class(char32_t c);
// CJK ideographs as BERT counts them: no kana, no hangul.
bool is_chinese(char32_t c);

// Of well-formed UTF-8.
size_t count_code_points(std::string_view text);

// The code point at text[position], which moves behind it. Malformed bytes give U+FFFD, one byte each.
char32_t any_code_point(std::string_view text, size_t& position);
inline char32_t next_code_point(std::string_view text, size_t& position) {
  if (position + 3 > text.size()) return any_code_point(text, position);
  const auto first = static_cast<unsigned char>(text[position]),
             second = static_cast<unsigned char>(text[position + 1]),
             third = static_cast<unsigned char>(text[position + 2]);
  const bool three = (first & 0xF0) == 0xE0 && (second & 0xC0) == 0x80 && (third & 0xC0) == 0x80;
  if (!three) return any_code_point(text, position);
  position += 3;  // most of what is not ASCII
  return char32_t{first & 0x0Fu} << 12 | char32_t{second & 0x3Fu} << 6 | (third & 0x3Fu);
}
void append_utf8(char32_t c, std::string& out);

}  // namespace broadsheet
