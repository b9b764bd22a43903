// What the metrics of texts have in common: pieces of a text and their n-grams, as Python cuts and counts them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace broadsheet {

// What str.split() and \s of Python's re take for whitespace.
bool is_python_space(char32_t c);

// The text between whitespace: str.split().
std::vector<std::string> split_at_spaces(std::string_view text);
// Without whitespace at its beginning and end: str.strip(), str.rstrip().
std::string_view strip_spaces(std::string_view text);
std::string_view strip_spaces_at_end(std::string_view text);
// Each code point by itself, without whitespace.
std::vector<std::string> characters_of(std::string_view text);

// How often each run of n pieces occurs. The pieces hold no whitespace.
using NgramCounts = std::map<std::string, int64_t>;
NgramCounts count_ngrams(const std::vector<std::string>& pieces, size_t n);
// How many n-grams the two have in common, each as often as it occurs in both.
int64_t common_ngrams(const NgramCounts& a, const NgramCounts& b);
int64_t total_ngrams(const std::vector<std::string>& pieces, size_t n);

}  // namespace broadsheet
