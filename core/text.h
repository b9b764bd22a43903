// Small words about text: concatenation, UTF-8, the nearest key, numbers for people.
#pragma once

#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace broadsheet {

// cat(1, " of ", 2) == "1 of 2".
template <class... Parts>
std::string cat(const Parts&... parts) {
  std::ostringstream stream;
  (stream << ... << parts);
  return stream.str();
}

std::vector<std::string> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string_view trim(std::string_view text);
bool starts_with(std::string_view text, std::string_view prefix);
bool ends_with(std::string_view text, std::string_view suffix);

// True for well-formed UTF-8 (no surrogates, no overlong forms, at most U+10FFFF). NUL is well-formed here.
bool is_utf8(std::string_view text);

// Text from a file, made fit for a message: control characters and what is not UTF-8 escaped, cut after so many bytes.
std::string printable(std::string_view text, size_t longest = 200);

// The candidate with the smallest Damerau-Levenshtein distance to `word`, or "" when none is near (distance at most
// a third of the word's length, at least 1). For "did you mean".
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

std::string with_thousands(int64_t number);  // 22713216 -> "22,713,216"
std::string human_bytes(uint64_t bytes);     // 1536 -> "1.5 KiB"
std::string human_duration(double seconds);  // 75 -> "1 min 15 s"
std::string utc_now();                       // 2026-11-26T18:00:00Z
// Shortest decimal that reads back as the same double ("0.1", "1e-05").
std::string shortest(double number);

}  // namespace broadsheet
