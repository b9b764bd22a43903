// BLEU and chrF of a corpus, as the `sacrebleu` package (2.6.0) computes them with one reference for each text.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace broadsheet {

enum class BleuTokens {
  k13a,  // mteval-v13a's, for western languages
  kZh,   // every Chinese character by itself, then the same
};
std::vector<std::string> bleu_tokens(std::string_view text, BleuTokens tokens);

// Papineni et al., "BLEU: a Method for Automatic Evaluation of Machine Translation" (2002): n-grams up to 4, case kept,
// smoothing "exp". Counts of texts add up to the counts of their corpus.
struct BleuCounts {
  int64_t prediction_tokens = 0, reference_tokens = 0;
  std::array<int64_t, 4> matches{}, predicted{};  // n-grams of 1 to 4 tokens

  void add(std::string_view prediction, std::string_view reference, BleuTokens tokens);
  void merge(const BleuCounts& other);
  double score() const;  // 0 to 100
};

// Popović, "chrF: character n-gram F-score for automatic MT evaluation" (2015): chrF2, characters without whitespace,
// n-grams up to 6.
struct ChrfCounts {
  std::array<int64_t, 6> predicted{}, referenced{}, matches{};  // n-grams of 1 to 6 characters

  void add(std::string_view prediction, std::string_view reference);
  void merge(const ChrfCounts& other);
  double score() const;  // 0 to 100
};

}  // namespace broadsheet
