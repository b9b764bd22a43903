#include "trainer/metrics/pieces.h"

#include <algorithm>

#include "data/tokenizers/unicode.h"

namespace broadsheet {

bool is_python_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

std::vector<std::string> split_at_spaces(std::string_view text) {
  std::vector<std::string> words;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const bool space = is_python_space(next_code_point(text, at));
    if (!space) {
      if (!inside) words.emplace_back();
      words.back() += text.substr(begin, at - begin);
    }
    inside = !space;
  }
  return words;
}

std::string_view strip_spaces_at_end(std::string_view text) {
  size_t end = 0;
  for (size_t at = 0; at < text.size();) {
    if (!is_python_space(next_code_point(text, at))) end = at;
  }
  return text.substr(0, end);
}

std::string_view strip_spaces(std::string_view text) {
  size_t begin = 0;
  for (size_t at = 0; at < text.size() && is_python_space(next_code_point(text, at));) begin = at;
  return strip_spaces_at_end(text.substr(begin));
}

std::vector<std::string> characters_of(std::string_view text) {
  std::vector<std::string> characters;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    if (!is_python_space(next_code_point(text, at))) characters.emplace_back(text.substr(begin, at - begin));
  }
  return characters;
}

int64_t total_ngrams(const std::vector<std::string>& pieces, size_t n) {
  return pieces.size() < n ? 0 : static_cast<int64_t>(pieces.size() - n + 1);
}

NgramCounts count_ngrams(const std::vector<std::string>& pieces, size_t n) {
  NgramCounts counts;
  for (size_t begin = 0; begin + n <= pieces.size(); ++begin) {
    std::string key;
    for (size_t i = begin; i < begin + n; ++i) key.append(pieces[i]).push_back(' ');
    ++counts[key];
  }
  return counts;
}

int64_t common_ngrams(const NgramCounts& a, const NgramCounts& b) {
  int64_t common = 0;
  for (const auto& [ngram, count] : a) {
    const auto found = b.find(ngram);
    if (found != b.end()) common += std::min(count, found->second);
  }
  return common;
}

}  // namespace broadsheet
