// The baseline that a language model has to beat: n-grams with interpolated Kneser-Ney smoothing (Chen and Goodman,
// "An Empirical Study of Smoothing Techniques for Language Modeling", 1999; one discount for each order, estimated as
// there: D = n1 / (n1 + 2 n2)).
//
//   ngrams CORPUS TEXT_FIELD ORDER
//
// Counts the token ids of the train split, with one id for the end of a document, as causal_lm has it. Prints one JSON
// object: perplexity per token on the test split, of order 1 to ORDER, of the tokens that causal_lm is asked for: all
// but the first of each document.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/errors.h"
#include "data/shards.h"

namespace broadsheet {
namespace {

constexpr int32_t kBorder = -1;  // before the first token of a document and behind its last

using Sentence = std::vector<int32_t>;  // kBorder, tokens, kBorder

std::vector<Sentence> read_sentences(const ShardSet& corpus, Split split, const std::string& text) {
  std::vector<Sentence> sentences;
  for (int64_t document = 0; document < corpus.size(split); ++document) {
    Sentence sentence = {kBorder};
    for (const int32_t token : corpus.tokens(split, text, document)) sentence.push_back(token);
    sentence.push_back(kBorder);
    sentences.push_back(std::move(sentence));
  }
  return sentences;
}

// What follows a context, and how often. Of the highest order these are counts of occurrences, of the lower ones the
// number of different tokens that come before (Kneser and Ney).
struct Followers {
  std::unordered_map<int32_t, int64_t> counts;
  int64_t total = 0;
};

class NgramModel {
 public:
  NgramModel(const std::vector<Sentence>& train, size_t order, int64_t vocabulary)
      : order_(order), vocabulary_(static_cast<double>(vocabulary)), levels_(order), discounts_(order) {
    for (const Sentence& sentence : train) {
      for (size_t at = 1; at < sentence.size(); ++at) count(sentence, at, order);
    }
    for (size_t length = order; length-- > 1;) count_continuations(length);
    for (size_t level = 0; level < order; ++level) discounts_[level] = discount(level);
  }

  double perplexity(const std::vector<Sentence>& test) const {
    double bits = 0;
    int64_t tokens = 0;
    for (const Sentence& sentence : test) {
      for (size_t at = 2; at < sentence.size(); ++at) {  // nobody foresees the first token
        bits -= std::log(probability(sentence, at, order_));
        ++tokens;
      }
    }
    return std::exp(bits / static_cast<double>(tokens));
  }

 private:
  using Context = std::vector<int32_t>;
  using Level = std::map<Context, Followers>;  // of n-grams of level + 1 tokens, by the tokens before the last

  static Context context_of(const Sentence& sentence, size_t at, size_t length) {
    const size_t begin = at >= length ? at - length : 0;
    return {sentence.begin() + static_cast<ptrdiff_t>(begin), sentence.begin() + static_cast<ptrdiff_t>(at)};
  }

  // n-grams that begin a document are shorter, and counted as occurrences whatever the order.
  void count(const Sentence& sentence, size_t at, size_t length) {
    Followers& followers = levels_[length - 1][context_of(sentence, at, length - 1)];
    ++followers.counts[sentence[at]];
    ++followers.total;
  }

  // Of n-grams of `length` tokens: once for each different token before it.
  void count_continuations(size_t length) {
    for (const auto& [context, followers] : levels_[length]) {
      const Context shorter = context.size() < length ? context : Context(context.begin() + 1, context.end());
      Followers& lower = levels_[length - 1][shorter];
      for (const auto& [token, seen] : followers.counts) {
        const int64_t times = context.size() < length ? seen : 1;
        lower.counts[token] += times;
        lower.total += times;
      }
    }
  }

  double discount(size_t level) const {
    double once = 0, twice = 0;
    for (const auto& [context, followers] : levels_[level]) {
      for (const auto& [token, seen] : followers.counts) {
        once += seen == 1 ? 1 : 0;
        twice += seen == 2 ? 1 : 0;
      }
    }
    return once > 0 ? once / (once + 2 * twice) : 0;
  }

  double probability(const Sentence& sentence, size_t at, size_t length) const {
    if (length == 0) return 1 / vocabulary_;
    const double lower = probability(sentence, at, length - 1);
    const auto found = levels_[length - 1].find(context_of(sentence, at, length - 1));
    if (found == levels_[length - 1].end()) return lower;
    const Followers& followers = found->second;
    const auto token = followers.counts.find(sentence[at]);
    const double seen = token == followers.counts.end() ? 0 : static_cast<double>(token->second);
    const auto total = static_cast<double>(followers.total);
    const double kept = std::max(0.0, seen - discounts_[length - 1]);
    const double spread = discounts_[length - 1] * static_cast<double>(followers.counts.size());
    return (kept + spread * lower) / total;
  }

  size_t order_;
  double vocabulary_;
  std::vector<Level> levels_;
  std::vector<double> discounts_;
};

nlohmann::json run(const std::string& folder, const std::string& text, size_t order) {
  const auto corpus = ShardSet::open(folder);
  const std::vector<Sentence> train = read_sentences(*corpus, Split::kTrain, text);
  const std::vector<Sentence> test = read_sentences(*corpus, Split::kTest, text);
  int32_t highest = 0;
  for (const auto* split : {&train, &test}) {
    for (const Sentence& sentence : *split) {
      for (const int32_t token : sentence) highest = std::max(highest, token);
    }
  }
  nlohmann::json answer = {{"examples", test.size()}, {"perplexity", nlohmann::json::object()}};
  for (size_t n = 1; n <= order; ++n)
    answer["perplexity"][std::to_string(n)] = NgramModel(train, n, highest + 2).perplexity(test);
  return answer;
}

}  // namespace
}  // namespace broadsheet

int main(int count, char** arguments) {
  const int order = count == 4 ? std::atoi(arguments[3]) : 0;
  if (order < 1 || order > 5) {
    std::cerr << "usage: ngrams CORPUS TEXT_FIELD ORDER   (1 to 5)\n";
    return 2;
  }
  try {
    std::cout << broadsheet::run(arguments[1], arguments[2], static_cast<size_t>(order)).dump() << "\n";
    return 0;
  } catch (const broadsheet::Error& error) {
    std::cerr << error.what() << "\n";
    return static_cast<int>(error.exit_code());
  }
}
