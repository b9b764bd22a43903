// BERT's normalisation, its words and WordPiece in one pass over the bytes. Private to data/tokenizers.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizers/bert_normalizer.h"
#include "data/tokenizers/unicode.h"
#include "data/tokenizers/word_cutter.h"

namespace broadsheet {

// Appends the code points that BERT's normalisation makes of one of them, without the spaces around ideographs. False
// where that depends on its neighbours: a combining mark that is not dropped, which canonical ordering may move.
bool normalize_code_point(char32_t c, const BertNormalizerOptions& options, std::u32string& out);

// Gives the same ids as bert_normalize(), then words and punctuation, then WordCutter::cut(), in a small part of the
// time: words of ASCII letters and digits are read eight bytes at a time and looked up from registers, ideographs and
// punctuation are looked up by code point, and only what is left is normalised into a buffer. Immutable, thread-safe.
class BertPass {
 public:
  // `words` must outlive the object.
  BertPass(const BertNormalizerOptions& options, const WordCutter& words);

  // Appends the ids of `text`. False, with `ids` as they were, for a text that has to go the long way (see
  // normalize_code_point).
  bool encode(std::string_view text, std::vector<int32_t>& ids) const;

 private:
  class Run;
  enum class Kind : uint8_t { kWord, kSpace, kPunctuation, kRemoved, kIdeograph, kMany, kMovable };
  // What one code point becomes: itself or another one of a kind, or something to be worked out.
  struct Normal {
    Kind kind;
    char32_t code_point;
  };
  static constexpr char32_t kTabled = 0x600;  // Latin, Greek, Cyrillic, Hebrew

  Normal normal(char32_t c) const { return c < kTabled ? table_[c] : work_out(c); }
  Normal work_out(char32_t c) const;
  static Kind kind_of(char32_t c);

  const BertNormalizerOptions options_;
  const WordCutter& words_;
  const UnicodeClasses& classes_ = unicode_classes();
  uint8_t special_classes_;  // of code points that do not stay as they are, inside words
  std::array<Normal, kTabled> table_;
};

}  // namespace broadsheet
