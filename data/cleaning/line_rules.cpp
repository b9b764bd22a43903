#include "data/cleaning/line_rules.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <unordered_set>

#include "core/text.h"
#include "data/cleaning/finders.h"
#include "data/cleaning/quality.h"
#include "data/tokenizers/unicode.h"

namespace broadsheet {
namespace {

constexpr int64_t kLeastWords = 5, kLeastSentences = 3;
constexpr double kFewestLineEnds = 0.12, kMostRepeated = 0.1, kMostShort = 0.67;
constexpr int64_t kShortLine = 30;

constexpr std::string_view kNotices[] = {"javascript",   "terms of use",   "privacy policy", "cookie policy",
                                         "uses cookies", "use of cookies", "use cookies"};

bool is_full_stop(char32_t c) {
  return c == U'.' || c == U'!' || c == U'?' || c == 0x3002 || c == 0xFF0E || c == 0xFF61 || c == 0xFF01 || c == 0xFF1F;
}

// " ' and what closes “ ‘ 「 『.
bool is_closing_quote(char32_t c) {
  return c == U'"' || c == U'\'' || c == 0x201D || c == 0x2019 || c == 0x300D || c == 0x300F;
}

bool ends_with_ellipsis(std::string_view line) {
  return ends_with(line, "...") || ends_with(line, "…");
}

// What stands between spaces, as in C4, but for Chinese punctuation that no character is left beside; and CJK
// characters.
int64_t words_in(std::string_view line) {
  int64_t words = 0;
  bool inside = false;
  for (size_t i = 0; i < line.size();) {
    const char32_t c = next_code_point(line, i);
    const bool mark = (c >= 0x3000 && c <= 0x303F) || (c >= 0xFF00 && c <= 0xFFEF) || (c >= 0x2010 && c <= 0x201F);
    if (is_cjk(c) || unicode_classes().is(c, CodePointClass::kWhitespace)) {
      words += is_cjk(c) ? 1 : 0;
      inside = false;
    } else if (!inside && !mark) {
      ++words;
      inside = true;
    }
  }
  return words;
}

bool stays_in_c4(std::string_view line) {
  if (!ends_sentence(line) || ends_with_ellipsis(line) || words_in(line) < kLeastWords) return false;
  const std::string small = finders::lower(line);
  return std::none_of(std::begin(kNotices), std::end(kNotices),
                      [&](std::string_view notice) { return small.find(notice) != std::string::npos; });
}

// Full stops in a row are one. A Latin one ends a sentence before a space or a quotation mark or at the end: not in
// "3.5"; a Chinese one always does.
int64_t sentences_in(std::string_view text) {
  int64_t sentences = 0;
  for (size_t i = 0; i < text.size();) {
    char32_t c = next_code_point(text, i);
    if (!is_full_stop(c)) continue;
    bool ends = false;
    char32_t next = 0;
    size_t after = i;
    for (;; i = after) {
      ends = ends || c > 0x7F;
      if (i >= text.size()) break;
      next = next_code_point(text, after);
      if (!is_full_stop(next)) break;
      c = next;
    }
    ends =
        ends || i >= text.size() || is_closing_quote(next) || unicode_classes().is(next, CodePointClass::kWhitespace);
    sentences += ends ? 1 : 0;
  }
  return sentences;
}

int64_t width_of(std::string_view line) {
  int64_t width = 0;
  for (size_t i = 0; i < line.size();) width += is_cjk(next_code_point(line, i)) ? 2 : 1;
  return width;
}

struct LineCounts {
  int64_t lines = 0, ended = 0, short_lines = 0, characters = 0, repeated = 0;
};

LineCounts count_lines(const std::vector<std::string_view>& texts) {
  LineCounts counts;
  std::unordered_set<std::string> seen;
  for (const std::string_view text : texts) {
    for (const std::string& whole : split(text, '\n')) {
      const std::string_view line = trim(whole);
      if (line.empty()) continue;
      const auto characters = static_cast<int64_t>(count_code_points(line));
      ++counts.lines;
      counts.characters += characters;
      counts.ended += ends_sentence(line) ? 1 : 0;
      counts.short_lines += width_of(line) < kShortLine ? 1 : 0;
      if (!seen.emplace(line).second) counts.repeated += characters;
    }
  }
  return counts;
}

}  // namespace

bool ends_sentence(std::string_view line) {
  line = trim(line);
  if (ends_with(line, "…")) return true;
  size_t position = line.size();
  const char32_t last = finders::code_point_before(line, position);
  return is_full_stop(last) || is_closing_quote(last);
}

std::string c4_lines(std::string_view text) {
  std::string kept;
  for (const std::string& line : split(text, '\n')) {
    const std::string_view trimmed = trim(line);
    if (!stays_in_c4(trimmed)) continue;
    if (!kept.empty()) kept += '\n';
    kept += trimmed;
  }
  return kept;
}

const char* c4_reason(const std::vector<std::string_view>& texts) {
  int64_t sentences = 0;
  for (const std::string_view text : texts) {
    if (finders::lower(text).find("lorem ipsum") != std::string::npos) return "c4_lorem_ipsum";
    if (text.find_first_of("{}") != std::string_view::npos) return "c4_curly_bracket";
    sentences += sentences_in(text);
  }
  return sentences < kLeastSentences ? "c4_sentences" : nullptr;
}

const char* fineweb_reason(const std::vector<std::string_view>& texts) {
  const LineCounts counts = count_lines(texts);
  if (share(counts.ended, counts.lines) <= kFewestLineEnds) return "fineweb_line_ends";
  if (share(counts.repeated, counts.characters) >= kMostRepeated) return "fineweb_repeated_lines";
  return share(counts.short_lines, counts.lines) >= kMostShort ? "fineweb_short_lines" : nullptr;
}

}  // namespace broadsheet
