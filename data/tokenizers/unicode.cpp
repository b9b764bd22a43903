#include "data/tokenizers/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <iterator>

#include "data/tokenizers/unicode_tables.h"

namespace broadsheet {
namespace {

constexpr char32_t kDottedCapitalI = 0x130;

template <class Rows>
void mark_rows(std::vector<uint8_t>& classes, const Rows& rows, CodePointClass bit) {
  for (const auto& row : rows)
    for (char32_t c = row.first; c <= row.last; ++c) classes[c] |= static_cast<uint8_t>(bit);
}

template <class Rows>
auto find_row(const Rows& rows, char32_t c) {
  const auto row = std::upper_bound(std::begin(rows), std::end(rows), c,
                                    [](char32_t value, const auto& candidate) { return value < candidate.first; });
  if (row == std::begin(rows) || c > std::prev(row)->last) return std::end(rows);
  return std::prev(row);
}

}  // namespace

UnicodeClasses::UnicodeClasses() : classes_(kCodePoints, 0) {
  namespace tables = unicode_tables;
  mark_rows(classes_, tables::kRemoved, CodePointClass::kRemoved);
  mark_rows(classes_, tables::kWhitespace, CodePointClass::kWhitespace);
  mark_rows(classes_, tables::kPunctuation, CodePointClass::kPunctuation);
  mark_rows(classes_, tables::kMarks, CodePointClass::kMark);
  mark_rows(classes_, tables::kDecomposing, CodePointClass::kDecomposes);
  mark_rows(classes_, tables::kCombining, CodePointClass::kCombines);
  mark_rows(classes_, tables::kWord, CodePointClass::kWord);
  for (const auto& row : tables::kLower)
    for (char32_t c = row.first; c <= row.last; c += static_cast<char32_t>(row.stride))
      classes_[c] |= static_cast<uint8_t>(CodePointClass::kHasLower);
  classes_[kDottedCapitalI] |= static_cast<uint8_t>(CodePointClass::kHasLower);
}

const UnicodeClasses& unicode_classes() {
  static const UnicodeClasses classes;
  return classes;
}

void append_lower(char32_t c, std::u32string& out) {
  if (c == kDottedCapitalI) {
    out += {U'i', 0x307};
    return;
  }
  const auto row = find_row(unicode_tables::kLower, c);
  const bool has_lower =
      row != std::end(unicode_tables::kLower) && (c - row->first) % static_cast<char32_t>(row->stride) == 0;
  out += has_lower ? static_cast<char32_t>(static_cast<int32_t>(c) + row->delta) : c;
}

void append_decomposed(char32_t c, std::u32string& out) {
  if (!unicode_classes().is(c, CodePointClass::kDecomposes)) {
    out += c;
    return;
  }
  utf8proc_int32_t parts[8];  // the longest canonical decomposition has four
  int last_class = 0;
  const utf8proc_ssize_t count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), parts, std::size(parts),
                                                         UTF8PROC_DECOMPOSE, &last_class);
  if (count <= 0 || count > static_cast<utf8proc_ssize_t>(std::size(parts))) {
    out += c;
    return;
  }
  for (utf8proc_ssize_t i = 0; i < count; ++i) out += static_cast<char32_t>(parts[i]);
}

uint8_t combining_class(char32_t c) {
  if (!unicode_classes().is(c, CodePointClass::kCombines)) return 0;
  return find_row(unicode_tables::kCombining, c)->combining_class;
}

bool is_chinese(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
         (c >= 0x2A700 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) || (c >= 0xF900 && c <= 0xFAFF) ||
         (c >= 0x2F800 && c <= 0x2FA1F);
}

size_t count_code_points(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

char32_t any_code_point(std::string_view text, size_t& position) {
  const auto first = static_cast<unsigned char>(text[position++]);
  if (first < 0x80) return first;
  const int extra = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : first >= 0xC2 ? 1 : 0;
  if (extra == 0 || first > 0xF4 || position + static_cast<size_t>(extra) > text.size()) return 0xFFFD;
  char32_t c = first & (0x3Fu >> extra);
  for (int i = 0; i < extra; ++i) {
    const auto byte = static_cast<unsigned char>(text[position + static_cast<size_t>(i)]);
    if ((byte & 0xC0) != 0x80) return 0xFFFD;
    c = (c << 6) | (byte & 0x3F);
  }
  position += static_cast<size_t>(extra);
  return c < kCodePoints ? c : 0xFFFD;
}

void append_utf8(char32_t c, std::string& out) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | (c >> 6));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | (c >> 12));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (c >> 18));
    out += static_cast<char>(0x80 | ((c >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

}  // namespace broadsheet
