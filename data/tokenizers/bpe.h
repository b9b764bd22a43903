// GPT-2's tokenizer: words, and byte-pair encoding of the bytes of each.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/tokenizers/added_tokens.h"
#include "data/tokenizers/bpe_merger.h"
#include "data/tokenizers/short_texts.h"
#include "data/tokenizers/special_names.h"
#include "data/tokenizers/tokenizer.h"

namespace broadsheet {

// Everything that a tokenizer's files say, checked by the readers (bpe_json.cpp, bpe_folder.cpp).
struct BpeSpec {
  std::vector<std::string> vocabulary;  // by id, in the byte alphabet; "" where no token has the id
  std::vector<BpeMerge> merges;         // of tokens of the vocabulary, the first one is done first
  std::vector<AddedToken> added;        // ids inside the vocabulary or right behind it, ascending
  std::string unk_token;                // in the vocabulary, or "": bytes that have no token are left out
  bool fuse_unk = false;
  bool ignore_merges = false;  // a word that is a token is that token, whatever the merges make of it
  bool add_prefix_space = false;
  bool has_decoder = true;                               // without one, decode joins tokens by spaces
  SpecialNames names{"<pad>", "<s>", "</s>", "<mask>"};  // RoBERTa's
};

class BpeTokenizer : public Tokenizer {
 public:
  // Throws UserError as AddedVocabulary does; `source` is the file to name.
  BpeTokenizer(BpeSpec spec, const std::string& source);
  BpeTokenizer(const BpeTokenizer&) = delete;

  void encode_into(std::string_view text, std::vector<int32_t>& ids) const override;
  std::string decode(const std::vector<int32_t>& ids) const override;
  int32_t vocab_size() const override { return static_cast<int32_t>(tokens_.size()); }
  const std::string& token(int32_t id) const override;
  SpecialTokens special_tokens() const override { return special_; }
  // True for tokens that begin with a letter, a digit or a part of a character: those are within a word, or begin one
  // that no space is before.
  bool continues_word(int32_t id) const override;
  int64_t byte_count(int32_t id) const override;
  const std::string& fingerprint() const override { return fingerprint_; }

 private:
  void encode_ordinary(std::string_view text, std::vector<int32_t>& ids) const;
  void encode_words(std::string_view text, std::vector<int32_t>& ids) const;
  void encode_word(std::string_view word, std::vector<int32_t>& ids) const;
  int32_t find(const std::string& token) const;
  std::string compute_fingerprint() const;

  BpeSpec spec_;
  std::vector<std::string> tokens_;  // by id, added tokens included; as decode sees them
  std::vector<std::string> bytes_;   // by id: what the vocabulary's tokens stand for
  AddedVocabulary added_;
  BpeMerger merger_;
  ShortTexts whole_;                                        // words that become one token
  std::unordered_map<std::string_view, int32_t> by_bytes_;  // where merges are ignored; views of bytes_
  SpecialTokens special_;
  std::string fingerprint_;
};

}  // namespace broadsheet
