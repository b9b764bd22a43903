// Masking for masked language modelling: which tokens a model is to predict, and what stands in their place.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/batch.h"

namespace broadsheet {

// What is chosen together.
//   kTokens   each token by itself (BERT, Devlin et al. 2018, section 3.1)
//   kWords    all tokens of a word (BERT's "whole word masking" of 2019; for Chinese Cui et al. 2019)
//   kSpans    words that follow each other: 1 to 10 of them, the number drawn from a geometric distribution with p =
//   0.2,
//             until the share is reached (SpanBERT, Joshi et al. 2020, section 3.1)
enum class MaskingUnit { kTokens, kWords, kSpans };
MaskingUnit masking_unit(const std::string& name);  // "token", "whole_word", "span"; asserts that it is one

struct MaskingSpec {
  double probability = 0.15;
  uint64_t seed = 1;
  uint64_t step = 0;  // evaluation uses a fixed step so that every evaluation scores the same positions
  int32_t vocab_size = 0;
  SpecialTokens specials;
  MaskingUnit unit = MaskingUnit::kTokens;
};

// Of each token of a batch [total] whether it goes on with the word of the token before it.
using WordMarks = std::vector<uint8_t>;
// As the tokenizer tells (Tokenizer::continues_word). The first token of a sequence never does.
WordMarks marks_of(const Batch& batch, const Tokenizer& tokenizer);
// As the words of a segmentation that are given for one sequence tell: `words` in order, white space between them or
// none. From the first place on where their tokens are not those of the sequence the marks stay as they are.
void mark_words(const Batch& batch, int64_t sequence, const std::vector<std::string>& words, const Tokenizer& tokenizer,
                WordMarks& marks);

// Chooses non-special tokens, on average the share `probability` of them, and fills labels and loss_rows. Of the chosen
// 80 % become [MASK], 10 % a random id, 10 % stay: drawn for each token, for a span as a whole. Drawn from (seed, step,
// example) and indexed by the position in the example: the same whatever rank or micro-batch the example is in.
// `marks` is not looked at for kTokens. UserError("tokenizer.no_mask").
void mask_tokens(Batch& batch, const MaskingSpec& spec, const WordMarks& marks = {});

}  // namespace broadsheet
