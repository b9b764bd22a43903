// Training of tokenizers: which words a text has, and from counted words to a vocabulary and its files.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizers/merge_learner.h"
#include "data/tokenizers/word_counts.h"

namespace broadsheet {

enum class TokenizerKind { kWordPiece, kBpe };

struct TrainingOptions {
  TokenizerKind kind = TokenizerKind::kWordPiece;
  int64_t vocab_size = 0;                   // tokens, special ones and alphabet included
  int64_t min_frequency = 2;                // a pair that comes less often is not merged
  int64_t limit_alphabet = 0;               // WordPiece: so many characters at most, the most frequent ones; 0: all
  bool lowercase = true;                    // WordPiece: capitals and accents go, as in BERT's uncased models
  std::vector<std::string> special_tokens;  // besides the kind's own, with the ids behind them
};

// The kind's own special tokens, which have the first ids: BERT's five, or GPT-2's one.
std::vector<std::string> own_special_tokens(TokenizerKind kind);
// UserError("tokenizer.special_token") for one that is empty, is no UTF-8, has white space at an end or comes twice.
void check_special_tokens(const TrainingOptions& options);

// Longer words are not learned from: BERT's tokenizer makes [UNK] of them, in characters; bytes of a BPE's word.
inline constexpr size_t kLongestWordPieceWord = 100;
inline constexpr size_t kLongestBpeWord = 4096;

// Cuts texts into words as the tokenizer will, once it is trained.
class TrainingWords {
 public:
  explicit TrainingWords(const TrainingOptions& options) : options_(options) {}
  // `text` is UTF-8. Words of a BPE begin with their space.
  void count(std::string_view text, WordTable& table);
  int64_t too_long() const { return too_long_; }

 private:
  const TrainingOptions options_;
  int64_t too_long_ = 0;
};

struct TrainedTokenizer {
  TrainingOptions options;
  std::vector<std::string> vocabulary;  // by id: special tokens, alphabet, then what was merged, in order
  std::vector<LearnedMerge> merges;
};

// A pure function of the words and options. The alphabet of WordPiece is, in order of code points, the characters of
// the words, then the "##" ones of those that stand behind another; that of a BPE the 256 bytes in GPT-2's order.
// UserError
// ("tokenizer.vocab_size") when these and the special tokens alone are more than vocab_size, ("tokenizer.no_text")
// without words.
//
// `tokenizers` gives the "##" characters ids in the order of a hash table with a random seed, so that its WordPiece
// vocabularies differ from one training to the next, in order and, where pairs are equally frequent, in what they hold.
// With these ids given (as special tokens), it trains the same vocabulary as this.
TrainedTokenizer train_tokenizer(const WordCounts& words, const TrainingOptions& options,
                                 const std::function<void(int64_t)>& progress = {});

// Writes into `folder`, which exists: tokenizer.json and tokenizer_config.json as `tokenizers` and transformers read
// them, and vocab.txt, or vocab.json and merges.txt. Each file is synced.
void write_tokenizer(const TrainedTokenizer& tokenizer, const std::string& folder);
// The names of all files that it may write.
std::vector<std::string> trained_file_names();

}  // namespace broadsheet
