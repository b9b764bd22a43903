// Quality heuristics of public corpora, over what one reading of a document's texts counts.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace broadsheet {

// Chinese, Japanese and Korean characters, which no space parts into words.
bool is_cjk(char32_t c);
// 0 of nothing.
double share(int64_t part, int64_t whole);

struct TextStatistics {
  int64_t words = 0;            // between spaces; a Chinese, Japanese or Korean character is one
  int64_t spaced_words = 0;     // without the latter
  int64_t word_characters = 0;  // of the spaced ones
  int64_t words_with_letter = 0;
  int64_t stop_words = 0;  // different ones of: the be to of and that have with
  int64_t hashes = 0, ellipses = 0;
  int64_t lines = 0, bullets = 0, lines_with_ellipsis = 0;  // not empty; that begin with a bullet; that end with one
  int64_t repeated_lines = 0, line_bytes = 0, repeated_line_bytes = 0;  // lines that came before
};
TextStatistics statistics_of(const std::vector<std::string_view>& texts);

// Rae et al., "Scaling Language Models: Methods, Analysis & Insights from Training Gopher" (2021), appendix A1.1:
//   gopher_words            fewer than 50 or more than 100,000 words
//   gopher_word_length      mean length of words below 3 or above 10 characters
//   gopher_symbols          more than 0.1 "#" or ellipses per word
//   gopher_bullets          more than 90 % of lines begin with a bullet
//   gopher_ellipses         more than 30 % of lines end with an ellipsis
//   gopher_letters          fewer than 80 % of words have a letter
//   gopher_stop_words       fewer than two of: the be to of and that have with
//   gopher_repeated_lines   more than 30 % of lines, or 20 % of their bytes, came before in the document
// Rules about letters, word lengths and stop words are of English and are passed over when most words are CJK
// characters. nullptr: none is broken.
const char* gopher_reason(const TextStatistics& statistics);

}  // namespace broadsheet
