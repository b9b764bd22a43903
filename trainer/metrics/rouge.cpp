#include "trainer/metrics/rouge.h"

#include <algorithm>
#include <cstdint>
#include <map>

#include "data/tokenizers/unicode.h"
#include "trainer/metrics/pieces.h"

namespace broadsheet {
namespace {

RougeScore score_of(int64_t common, int64_t of_target, int64_t of_prediction) {
  RougeScore score;
  score.precision = static_cast<double>(common) / static_cast<double>(std::max<int64_t>(1, of_prediction));
  score.recall = static_cast<double>(common) / static_cast<double>(std::max<int64_t>(1, of_target));
  if (score.precision + score.recall > 0)
    score.f1 = 2 * score.precision * score.recall / (score.precision + score.recall);
  return score;
}

RougeScore of_ngrams(const std::vector<std::string>& target, const std::vector<std::string>& prediction, size_t n) {
  return score_of(common_ngrams(count_ngrams(target, n), count_ngrams(prediction, n)), total_ngrams(target, n),
                  total_ngrams(prediction, n));
}

int64_t longest_common_subsequence(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  std::map<std::string, int64_t> numbers;  // numbers compare faster than texts
  const auto numbered = [&](const std::vector<std::string>& pieces) {
    std::vector<int64_t> ids;
    for (const std::string& piece : pieces)
      ids.push_back(numbers.emplace(piece, static_cast<int64_t>(numbers.size())).first->second);
    return ids;
  };
  const std::vector<int64_t> rows = numbered(a), columns = numbered(b);
  std::vector<int64_t> above(columns.size() + 1), current(columns.size() + 1);
  for (const int64_t row : rows) {
    for (size_t j = 0; j < columns.size(); ++j)
      current[j + 1] = row == columns[j] ? above[j] + 1 : std::max(above[j + 1], current[j]);
    std::swap(above, current);
  }
  return above.back();
}

}  // namespace

std::vector<std::string> rouge_pieces(std::string_view text, RougePieces pieces) {
  std::u32string lower;
  for (size_t at = 0; at < text.size();) append_lower(next_code_point(text, at), lower);
  std::vector<std::string> found;
  bool inside = false;  // a run of letters and digits
  for (const char32_t c : lower) {
    const bool plain = (c >= U'a' && c <= U'z') || (c >= U'0' && c <= U'9');
    if (plain || (pieces == RougePieces::kCharacters && !is_python_space(c))) {
      if (!plain || !inside) found.emplace_back();
      append_utf8(c, found.back());
    }
    inside = plain;
  }
  return found;
}

RougeScores rouge(std::string_view target, std::string_view prediction, RougePieces pieces) {
  const std::vector<std::string> wanted = rouge_pieces(target, pieces), found = rouge_pieces(prediction, pieces);
  return {of_ngrams(wanted, found, 1), of_ngrams(wanted, found, 2),
          score_of(longest_common_subsequence(wanted, found), static_cast<int64_t>(wanted.size()),
                   static_cast<int64_t>(found.size()))};
}

}  // namespace broadsheet
