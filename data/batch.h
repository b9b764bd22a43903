// Batch: the one native form, packed. Sequences lie end to end; there is no padding anywhere.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/long_documents.h"
#include "data/shards.h"
#include "data/tokenizers/tokenizer.h"

namespace broadsheet {

struct Batch {
  std::vector<int64_t> tokens;       // [total]
  std::vector<int64_t> positions;    // [total] 0.. inside each sequence
  std::vector<int64_t> token_types;  // [total] 0 first text, 1 second text of a pair
  std::vector<int64_t> boundaries;   // [sequences + 1] ascending, first 0, last total
  std::vector<int64_t> examples;     // [sequences] number in their split: keys of the random streams
  std::vector<int64_t> documents;    // [sequences] whose they are: several of a document are its pieces, in order
  // What the task predicts; which of them is filled depends on the task.
  std::vector<int64_t> labels;       // classification: [sequences], of several labels each [sequences * labels] 0 or 1;
                                     // masked LM: [masked] original ids; causal LM: next ids; tagging: [words] tags
  std::vector<float> targets;        // regression: [sequences]
  std::vector<int64_t> loss_rows;    // masked and causal LM: rows of `tokens` that the loss looks at; tagging: [words]
                                     // the first row of each, or -1: it was cut away, or is part of the word before it
  std::vector<int64_t> word_counts;  // tagging: [sequences] how many words each has
  // What a frozen trunk makes of each sequence, where it is kept (data/feature_store.h): [sequences, width]; else
  // empty.
  std::vector<float> features;

  int64_t sequences() const { return static_cast<int64_t>(examples.size()); }
  int64_t total() const { return static_cast<int64_t>(tokens.size()); }
};

// Where a sequence has the token that ends a text: always; where its document ends too, for models that go on writing;
// or only where there would be no token at all.
enum class TextEnd { kAlways, kOfDocument, kIfEmpty };

// How documents become sequences: [CLS] text [SEP], or [CLS] text [SEP] pair [SEP], at most max_length tokens with the
// specials, pairs truncated longest first. Room for all of these specials is kept also where some are left out.
struct PackSpec {
  Split split = Split::kTrain;
  std::string text;       // field
  std::string text_pair;  // field, or empty
  int64_t max_length = 128;
  SpecialTokens specials;
  LongDocuments long_documents = LongDocuments::kTruncate;  // pack(): kSplit has been done by in_pieces()
  // False for models whose texts just begin (GPT-2): no [CLS]; specials.sep is the token that ends a text.
  bool marks_begin = true;
  TextEnd end = TextEnd::kAlways;
  int64_t pair_separators = 1;  // [SEP] tokens between the texts of a pair
  bool pair_types = true;       // the second text of a pair has token type 1, else 0 as the first
};

// Tokens of a sequence that are not special. UserError("data.max_length") when there is no room for one.
int64_t text_budget(const PackSpec& spec);
// The corpus's documents as examples: with kSplit in pieces that fit, else as they are.
std::shared_ptr<const ShardSet> examples_of(std::shared_ptr<const ShardSet> corpus, const PackSpec& spec);
// Sequence length (with specials, truncated) of one document, without reading its tokens.
int64_t packed_length(const ShardSet& corpus, const PackSpec& spec, int64_t document);
// Tokens, positions, types, boundaries, examples and documents of the given examples; labels are the task's to add.
Batch pack(const ShardSet& corpus, const PackSpec& spec, const std::vector<int64_t>& examples);
// The same from texts (predict): documents number 0..., kSplit cuts them here.
Batch pack_texts(const Tokenizer& tokenizer, const PackSpec& spec, const std::vector<std::string>& texts,
                 const std::vector<std::string>& pairs);

}  // namespace broadsheet
