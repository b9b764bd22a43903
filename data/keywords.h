// The terms of an article, ranked against a corpus: what the article says often and the corpus seldom (Spärck Jones, "A
// Statistical Interpretation of Term Specificity and Its Application in Retrieval", 1972).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/shards.h"
#include "data/tokenizers/tokenizer.h"

namespace broadsheet {

struct Keyword {
  std::string term;       // as the tokenizer writes it
  double score = 0;       // count * ln((N + 1) / (documents + 1)) of N documents
  int64_t count = 0;      // in the article
  int64_t documents = 0;  // of the corpus that have it
};

// A term is a word, or up to three in a row; where they are Chinese characters, two to four of them. Words in a row are
// a term when they belong together: three documents of the corpus have them or the article has them twice, and any two
// parts of them meet more often than by chance (normalised pointwise mutual information of 0.2, Bouma, "Normalized
// (Pointwise) Mutual Information in Collocation Extraction", 2009). Words of a quarter of the documents, and characters
// of half of them, neither begin nor end a term; a number by itself is none. Characters are a term only where different
// ones stand before them and behind them: a part of a word is none. Of terms that lie in one another and come
// equally often only the one with the highest score is given.
struct KeywordRequest {
  std::string field;  // a text field of the corpus
  size_t most = 10;   // of each article
  // Documents of the corpus that are counted, evenly taken, of all splits.
  int64_t documents = 200'000;
};

// Of each article its best terms, best first. Reads the corpus once for all of them. `tokenizer`: the one that cut the
// corpus.
std::vector<std::vector<Keyword>> rank_keywords(const ShardSet& corpus, const Tokenizer& tokenizer,
                                                const std::vector<std::string>& articles,
                                                const KeywordRequest& request);

}  // namespace broadsheet
