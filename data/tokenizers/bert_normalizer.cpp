#include "data/tokenizers/bert_normalizer.h"

#include <algorithm>

#include "data/tokenizers/unicode.h"

namespace broadsheet {
namespace {

// Canonical ordering (UAX #15): runs of combining code points, stably by class.
void reorder_marks(std::u32string& text, const UnicodeClasses& classes) {
  for (size_t begin = 0; begin < text.size(); ++begin) {
    if (!classes.is(text[begin], CodePointClass::kCombines)) continue;
    size_t end = begin + 1;
    while (end < text.size() && classes.is(text[end], CodePointClass::kCombines)) ++end;
    if (end - begin > 1)
      std::stable_sort(text.begin() + static_cast<std::ptrdiff_t>(begin),
                       text.begin() + static_cast<std::ptrdiff_t>(end),
                       [](char32_t a, char32_t b) { return combining_class(a) < combining_class(b); });
    begin = end;
  }
}

// The steps that look at one code point of the original text: cleaning and spacing, and decomposing.
std::u32string clean_and_decompose(std::string_view text, const BertNormalizerOptions& options,
                                   const UnicodeClasses& classes, bool& combines) {
  std::u32string points;
  points.reserve(text.size() + text.size() / 8);
  for (size_t position = 0; position < text.size();) {
    char32_t c = next_code_point(text, position);
    if (options.clean_text) {
      if (classes.is(c, CodePointClass::kRemoved)) continue;
      if (classes.is(c, CodePointClass::kWhitespace)) c = U' ';
    }
    const bool spaced = options.handle_chinese_chars && is_chinese(c);
    if (spaced) points += U' ';
    const size_t begin = points.size();
    if (options.strip_accents && c >= 0x80)
      append_decomposed(c, points);
    else
      points += c;
    for (size_t i = begin; c >= 0x80 && !combines && i < points.size(); ++i)
      combines = classes.is(points[i], CodePointClass::kCombines);
    if (spaced) points += U' ';
  }
  return points;
}

}  // namespace

std::string bert_normalize(std::string_view text, const BertNormalizerOptions& options) {
  const UnicodeClasses& classes = unicode_classes();
  bool combines = false;
  std::u32string points = clean_and_decompose(text, options, classes, combines);
  if (options.strip_accents && combines) reorder_marks(points, classes);
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  std::u32string lower;
  for (const char32_t c : points) {
    if (options.strip_accents && classes.is(c, CodePointClass::kMark)) continue;
    if (options.lowercase && classes.is(c, CodePointClass::kHasLower)) {
      lower.clear();
      append_lower(c, lower);
      for (const char32_t l : lower) append_utf8(l, out);
    } else {
      append_utf8(c, out);
    }
  }
  return out;
}

}  // namespace broadsheet
