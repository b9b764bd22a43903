// Which tokens of a text are which words', where the words are known: of a segmentation, or those that tags are of.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/batch.h"
#include "data/tokenizers/tokenizer.h"

namespace broadsheet {

struct WordTokens {
  int64_t begin = 0, end = 0;  // of the tokens; equal: the word has none, as white space has none
  bool inside = false;         // in the tokens of the words before it, of which it is a part: "3" of "1", "2", "3"
};

// Of a text's words, which come in order with white space between them or none. There are fewer results than words
// where the tokens end first (of the last word there may then be only the first tokens), and from the first word on
// that the tokens do not spell.
std::vector<WordTokens> align_words(std::span<const int64_t> tokens, const std::vector<std::string>& words,
                                    const Tokenizer& tokenizer);

// The same for a sequence of a batch: rows of the batch, without its special tokens.
std::vector<WordTokens> align_words(const Batch& batch, int64_t sequence, const std::vector<std::string>& words,
                                    const Tokenizer& tokenizer);

// A piece of a text: bytes begin to end.
struct TextPiece {
  size_t begin = 0, end = 0;
};
// White space separates words; a CJK character, a punctuation mark and another symbol are words by themselves.
std::vector<TextPiece> cut_into_words(std::string_view text);

}  // namespace broadsheet
