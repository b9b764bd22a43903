#include "data/cleaning/quality.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <unordered_set>

#include "core/text.h"
#include "data/cleaning/finders.h"
#include "data/tokenizers/unicode.h"

namespace broadsheet {
namespace {

constexpr std::string_view kStopWords[] = {"the", "be", "to", "of", "and", "that", "have", "with"};

class Counter {
 public:
  explicit Counter(TextStatistics& statistics) : s_(statistics) {}

  void words(std::string_view text) {
    for (size_t i = 0; i < text.size();) {
      const size_t begin = i;
      const char32_t c = next_code_point(text, i);
      if (unicode_classes().is(c, CodePointClass::kWhitespace) || is_cjk(c)) {
        end_word();
        if (is_cjk(c)) ++s_.words;
        continue;
      }
      word_ += text.substr(begin, i - begin);
      ++characters_;
      letter_ = letter_ || (unicode_classes().is(c, CodePointClass::kWord) && !(c >= U'0' && c <= U'9') && c != U'_');
      s_.hashes += c == U'#' ? 1 : 0;
      s_.ellipses += c == 0x2026 || ends_with(word_, "...") ? 1 : 0;
    }
    end_word();
  }

  void line(std::string_view text) {
    text = trim(text);
    if (text.empty()) return;
    ++s_.lines;
    s_.line_bytes += static_cast<int64_t>(text.size());
    if (!seen_.emplace(text).second) {
      ++s_.repeated_lines;
      s_.repeated_line_bytes += static_cast<int64_t>(text.size());
    }
    for (const std::string_view bullet : {"•", "‣", "▪", "●", "- ", "* ", "– "})
      if (starts_with(text, bullet)) {
        ++s_.bullets;
        break;
      }
    if (ends_with(text, "...") || ends_with(text, "…")) ++s_.lines_with_ellipsis;
  }

 private:
  void end_word() {
    if (characters_ == 0) return;
    ++s_.words;
    ++s_.spaced_words;
    s_.word_characters += characters_;
    s_.words_with_letter += letter_ ? 1 : 0;
    const std::string small = finders::lower(word_);
    for (size_t i = 0; i < std::size(kStopWords); ++i)
      if (small == kStopWords[i] && !(stops_ >> i & 1)) {
        stops_ |= 1u << i;
        ++s_.stop_words;
      }
    word_.clear();
    characters_ = 0;
    letter_ = false;
  }

  TextStatistics& s_;
  std::string word_;
  int64_t characters_ = 0;
  bool letter_ = false;
  unsigned stops_ = 0;
  std::unordered_set<std::string> seen_;
};

}  // namespace

double share(int64_t part, int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

bool is_cjk(char32_t c) {
  return is_chinese(c) || (c >= 0x3040 && c <= 0x30FF) || (c >= 0xAC00 && c <= 0xD7A3);
}

TextStatistics statistics_of(const std::vector<std::string_view>& texts) {
  TextStatistics statistics;
  Counter counter(statistics);
  for (const std::string_view text : texts) {
    counter.words(text);
    for (const std::string& line : split(text, '\n')) counter.line(line);
  }
  return statistics;
}

const char* gopher_reason(const TextStatistics& s) {
  if (s.words < 50 || s.words > 100000) return "gopher_words";
  if (share(s.hashes, s.words) > 0.1 || share(s.ellipses, s.words) > 0.1) return "gopher_symbols";
  if (share(s.bullets, s.lines) > 0.9) return "gopher_bullets";
  if (share(s.lines_with_ellipsis, s.lines) > 0.3) return "gopher_ellipses";
  if (share(s.repeated_lines, s.lines) > 0.3 || share(s.repeated_line_bytes, s.line_bytes) > 0.2)
    return "gopher_repeated_lines";
  if (2 * s.spaced_words < s.words) return nullptr;
  const double length = share(s.word_characters, s.spaced_words);
  if (length < 3 || length > 10) return "gopher_word_length";
  if (share(s.words_with_letter, s.spaced_words) < 0.8) return "gopher_letters";
  return s.stop_words < 2 ? "gopher_stop_words" : nullptr;
}

}  // namespace broadsheet
