#include "data/cleaning/text_cleaning.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>

#include "data/cleaning/language.h"
#include "data/cleaning/line_rules.h"
#include "data/cleaning/markup.h"
#include "data/cleaning/quality.h"
#include "data/tokenizers/unicode.h"

namespace broadsheet {
namespace {

std::string normalised(const std::string& text, bool compatibility) {
  if (std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; })) return text;
  utf8proc_uint8_t* out = nullptr;
  const auto options =
      static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | (compatibility ? UTF8PROC_COMPAT : 0));
  const utf8proc_ssize_t size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                             static_cast<utf8proc_ssize_t>(text.size()), &out, options);
  if (size < 0) return text;  // not UTF-8, or not assigned in this version of Unicode
  std::string result(reinterpret_cast<const char*>(out), static_cast<size_t>(size));
  std::free(out);
  return result;
}

bool is_space(char32_t c) {
  return unicode_classes().is(c, CodePointClass::kWhitespace) || c == 0xFEFF;
}

// Runs of spaces become one space or, with line ends in them, one line end or one empty line; none at the ends. Control
// and format characters go, but for those that join letters of a word (U+200C, U+200D).
std::string with_plain_spaces(const std::string& text) {
  std::string out;
  int lines = 0;
  bool space = false;
  for (size_t i = 0; i < text.size();) {
    const char32_t c = next_code_point(text, i);
    if (c == U'\n' || c == 0x2028 || c == 0x2029 || (c == U'\r' && (i >= text.size() || text[i] != '\n'))) {
      lines += c == 0x2029 ? 2 : 1;
    } else if (is_space(c)) {
      space = true;
    } else if (unicode_classes().is(c, CodePointClass::kRemoved) && c != 0x200C && c != 0x200D) {
      continue;
    } else {
      if (!out.empty()) out += lines > 1 ? "\n\n" : lines == 1 ? "\n" : space ? " " : "";
      lines = 0;
      space = false;
      append_utf8(c, out);
    }
  }
  return out;
}

bool asks_for(const CleanConfig& clean, const char* rules) {
  return std::find(clean.quality.begin(), clean.quality.end(), rules) != clean.quality.end();
}

void step(std::string& text, const char* name, std::string result, std::vector<const char*>& steps) {
  if (result == text) return;
  text = std::move(result);
  if (std::find(steps.begin(), steps.end(), name) == steps.end()) steps.push_back(name);
}

}  // namespace

void clean_before_lines(std::string& text, const CleanConfig& clean, std::vector<const char*>& steps) {
  if (clean.unicode != "none") step(text, "unicode", normalised(text, clean.unicode == "nfkc"), steps);
  if (clean.markup) step(text, "markup", without_markup(text), steps);
  if (clean.whitespace) step(text, "whitespace", with_plain_spaces(text), steps);
}

void clean_text(std::string& text, const CleanConfig& clean, const RepeatedLines* repeated,
                std::vector<const char*>& steps) {
  clean_before_lines(text, clean, steps);
  if (repeated != nullptr) step(text, "repeated_lines", repeated->without(text), steps);
  if (asks_for(clean, "c4")) step(text, "c4_lines", c4_lines(text), steps);
}

std::string reason_to_drop(const std::vector<std::string_view>& texts, const CleanConfig& clean) {
  const bool gopher = asks_for(clean, "gopher");
  if (clean.min_words > 0 || clean.max_words > 0 || gopher) {
    const TextStatistics statistics = statistics_of(texts);
    if (statistics.words < clean.min_words) return "too_short";
    if (clean.max_words > 0 && statistics.words > clean.max_words) return "too_long";
    if (const char* reason = gopher ? gopher_reason(statistics) : nullptr) return reason;
  }
  if (!clean.languages.empty()) {
    const std::string language = language_of(texts);
    if (!is_among(language, clean.languages)) return "language: " + language;
  }
  if (const char* reason = asks_for(clean, "c4") ? c4_reason(texts) : nullptr) return reason;
  const char* reason = asks_for(clean, "fineweb") ? fineweb_reason(texts) : nullptr;
  return reason == nullptr ? "" : reason;
}

}  // namespace broadsheet
