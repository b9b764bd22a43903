// BERT's tokenizer: normalisation, words and punctuation, then the longest known pieces of each word.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizers/added_tokens.h"
#include "data/tokenizers/bert_normalizer.h"
#include "data/tokenizers/bert_pass.h"
#include "data/tokenizers/special_names.h"
#include "data/tokenizers/tokenizer.h"
#include "data/tokenizers/word_cutter.h"

namespace broadsheet {

// Everything that a tokenizer's files say, checked by the readers (wordpiece_json.cpp, vocab_txt.cpp).
struct WordPieceSpec {
  std::vector<std::string> vocabulary;  // by id; "" where no token has the id
  std::vector<AddedToken> added;        // ids inside the vocabulary or right behind it, ascending
  BertNormalizerOptions normalizer;
  std::string unk_token = "[UNK]";  // in the vocabulary
  std::string continuing_prefix = "##";
  size_t max_input_chars_per_word = 100;
  bool has_decoder = true;  // without one, decode joins tokens by spaces
  std::string decoder_prefix = "##";
  bool decoder_cleanup = true;
  SpecialNames names{"[PAD]", "[CLS]", "[SEP]", "[MASK]"};
};

class WordPieceTokenizer : public Tokenizer {
 public:
  // Throws UserError when two normalised added tokens coincide or one is empty; `source` is the file to name.
  WordPieceTokenizer(WordPieceSpec spec, const std::string& source);
  WordPieceTokenizer(const WordPieceTokenizer&) = delete;

  void encode_into(std::string_view text, std::vector<int32_t>& ids) const override;
  std::string decode(const std::vector<int32_t>& ids) const override;
  int32_t vocab_size() const override { return static_cast<int32_t>(tokens_.size()); }
  const std::string& token(int32_t id) const override;
  SpecialTokens special_tokens() const override { return special_; }
  bool continues_word(int32_t id) const override;
  const std::string& fingerprint() const override { return fingerprint_; }

 private:
  // The way of the definition, one step after the other.
  void encode_in_steps(std::string_view text, std::vector<int32_t>& ids) const;
  void encode_normalized(std::string_view text, std::vector<int32_t>& ids) const;
  int32_t find(const std::string& token) const;
  std::string compute_fingerprint() const;

  WordPieceSpec spec_;
  std::vector<std::string> tokens_;  // by id, added tokens included; as decode sees them
  WordCutter words_;                 // views into spec_.vocabulary
  BertPass pass_;
  AddedVocabulary added_;
  SpecialTokens special_;
  std::string fingerprint_;
};

}  // namespace broadsheet
