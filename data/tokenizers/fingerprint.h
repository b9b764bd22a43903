// What a tokenizer's fingerprint is made of: fields, each behind its length.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/checksum.h"
#include "core/text.h"
#include "data/tokenizers/added_tokens.h"

namespace broadsheet {

class TokenizerFingerprint {
 public:
  void add(std::string_view field) { text_ += cat(field.size(), ":", field); }
  void add_vocabulary(const std::vector<std::string>& vocabulary) {
    add(std::to_string(vocabulary.size()));
    for (const std::string& token : vocabulary) add(token);
  }
  void add_tokens(const std::vector<AddedToken>& tokens) {
    for (const AddedToken& token : tokens) {
      add(cat(token.id, " ", token.single_word, token.lstrip, token.rstrip, token.normalized));
      add(token.content);
    }
  }
  std::string hex() const { return sha256_hex(text_); }

 private:
  std::string text_;
};

}  // namespace broadsheet
