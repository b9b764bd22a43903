#include "trainer/metrics/bleu.h"

#include <algorithm>
#include <cmath>

#include "data/tokenizers/unicode.h"
#include "trainer/metrics/pieces.h"

namespace broadsheet {
namespace {

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

bool digit(char c) {
  return c >= '0' && c <= '9';
}

// {-~ [-` space-& (-+ :-@ /: all of ASCII's punctuation but ' , - .
bool always_apart(char c) {
  return (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= ' ' && c <= '&') || (c >= '(' && c <= '+') ||
         (c >= ':' && c <= '@') || c == '/';
}

bool stop_or_comma(char c) {
  return c == '.' || c == ',';
}

// One substitution of a regular expression that matches two characters: matches do not overlap. Bytes will do: what is
// looked for is ASCII, and a character outside of it has no digit, stop or comma among its bytes.
template <class Matches>
std::string substitute_pairs(const std::string& text, const Matches& matches, bool space_before, bool space_after) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (i + 1 == text.size() || !matches(text[i], text[i + 1])) {
      out += text[i];
      continue;
    }
    if (space_before) out += ' ';
    out.append(1, text[i]).append(1, ' ').append(1, text[i + 1]);
    if (space_after) out += ' ';
    ++i;
  }
  return out;
}

std::vector<std::string> western_tokens(const std::string& line) {
  std::string text;
  for (const char c : line) {
    if (always_apart(c)) {
      text.append(1, ' ').append(1, c).append(1, ' ');
    } else {
      text += c;
    }
  }
  text = substitute_pairs(
      text, [](char a, char b) { return !digit(a) && stop_or_comma(b); }, false, true);
  text = substitute_pairs(
      text, [](char a, char b) { return stop_or_comma(a) && !digit(b); }, true, false);
  text = substitute_pairs(
      text, [](char a, char b) { return digit(a) && b == '-'; }, false, true);
  return split_at_spaces(text);
}

// sacrebleu's ranges. It writes two of them with five digits after \u, which Python reads as four and a character more:
// instead of the ideographs from U+20000 on, the symbols and punctuation from U+2001 to U+2A6D are apart.
bool apart_in_chinese(char32_t c) {
  static constexpr char32_t kRanges[][2] = {{0x2001, 0x2A6D}, {0x2E80, 0x2EFF}, {0x2F00, 0x2FDF}, {0x2FF0, 0x2FFF},
                                            {0x3000, 0x303F}, {0x3100, 0x312F}, {0x31A0, 0x31BF}, {0x31C0, 0x31EF},
                                            {0x3200, 0x32FF}, {0x3300, 0x33FF}, {0x3400, 0x4DB5}, {0x4E00, 0x9FA5},
                                            {0x9FA6, 0x9FBB}, {0xF900, 0xFA2D}, {0xFA30, 0xFA6A}, {0xFA70, 0xFAD9},
                                            {0xFE10, 0xFE1F}, {0xFE30, 0xFE4F}, {0xFF00, 0xFFEF}};
  return std::any_of(std::begin(kRanges), std::end(kRanges),
                     [c](const auto& range) { return c >= range[0] && c <= range[1]; });
}

std::vector<std::string> chinese_tokens(std::string_view line) {
  std::string text;
  for (size_t at = 0; at < line.size();) {
    const size_t begin = at;
    const bool apart = apart_in_chinese(next_code_point(line, at));
    if (apart) text += ' ';
    text += line.substr(begin, at - begin);
    if (apart) text += ' ';
  }
  return western_tokens(text);
}

}  // namespace

std::vector<std::string> bleu_tokens(std::string_view text, BleuTokens tokens) {
  if (tokens == BleuTokens::kZh) return chinese_tokens(strip_spaces(text));
  std::string line(strip_spaces_at_end(text));
  replace_all(line, "<skipped>", "");
  replace_all(line, "-\n", "");
  replace_all(line, "\n", " ");
  for (const auto& [entity, character] : {std::pair("&quot;", "\""), {"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}})
    replace_all(line, entity, character);
  return western_tokens(" " + line + " ");
}

void BleuCounts::add(std::string_view prediction, std::string_view reference, BleuTokens tokens) {
  const std::vector<std::string> found = bleu_tokens(prediction, tokens), wanted = bleu_tokens(reference, tokens);
  prediction_tokens += static_cast<int64_t>(found.size());
  reference_tokens += static_cast<int64_t>(wanted.size());
  for (size_t n = 1; n <= matches.size(); ++n) {
    matches[n - 1] += common_ngrams(count_ngrams(found, n), count_ngrams(wanted, n));
    predicted[n - 1] += total_ngrams(found, n);
  }
}

void BleuCounts::merge(const BleuCounts& other) {
  prediction_tokens += other.prediction_tokens;
  reference_tokens += other.reference_tokens;
  for (size_t i = 0; i < matches.size(); ++i) {
    matches[i] += other.matches[i];
    predicted[i] += other.predicted[i];
  }
}

double BleuCounts::score() const {
  // Without a common word, or where no text has four tokens: 0, as sacrebleu without effective_order.
  if (matches[0] == 0 || predicted.back() == 0) return 0;
  double logarithms = 0, smoothing = 1;
  for (size_t i = 0; i < matches.size(); ++i) {
    const auto all = static_cast<double>(predicted[i]);
    if (matches[i] == 0) smoothing *= 2;
    logarithms += std::log(matches[i] == 0 ? 100.0 / (smoothing * all) : 100.0 * static_cast<double>(matches[i]) / all);
  }
  const double ratio = static_cast<double>(reference_tokens) / static_cast<double>(prediction_tokens);
  const double brevity = ratio > 1 ? std::exp(1 - ratio) : 1;
  return brevity * std::exp(logarithms / static_cast<double>(matches.size()));
}

void ChrfCounts::add(std::string_view prediction, std::string_view reference) {
  const std::vector<std::string> found = characters_of(prediction), wanted = characters_of(reference);
  for (size_t n = 1; n <= matches.size(); ++n) {
    const int64_t in_reference = total_ngrams(wanted, n);
    // A reference too short for this order does not count against the text.
    if (in_reference > 0) predicted[n - 1] += total_ngrams(found, n);
    referenced[n - 1] += in_reference;
    matches[n - 1] += common_ngrams(count_ngrams(found, n), count_ngrams(wanted, n));
  }
}

void ChrfCounts::merge(const ChrfCounts& other) {
  for (size_t i = 0; i < matches.size(); ++i) {
    predicted[i] += other.predicted[i];
    referenced[i] += other.referenced[i];
    matches[i] += other.matches[i];
  }
}

double ChrfCounts::score() const {
  constexpr double kBetaSquared = 4;
  double precision = 0, recall = 0;
  int64_t orders = 0;
  for (size_t i = 0; i < matches.size(); ++i) {
    if (predicted[i] == 0 || referenced[i] == 0) continue;
    precision += static_cast<double>(matches[i]) / static_cast<double>(predicted[i]);
    recall += static_cast<double>(matches[i]) / static_cast<double>(referenced[i]);
    ++orders;
  }
  if (precision + recall == 0) return 0;
  precision /= static_cast<double>(orders);
  recall /= static_cast<double>(orders);
  return 100 * (1 + kBetaSquared) * precision * recall / (kBetaSquared * precision + recall);
}

}  // namespace broadsheet
