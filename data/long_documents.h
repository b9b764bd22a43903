// What becomes of documents that are longer than a sequence.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "data/shards.h"

namespace broadsheet {

enum class LongDocuments {
  kTruncate,  // the beginning is read
  kHeadTail,  // the first quarter of the sequence from the beginning, the rest from the end (Sun et al. 2019, "How to
              // fine-tune BERT for text classification": 128 of 510 tokens from the head)
  kSplit,     // each piece is an example of its own
};
std::optional<LongDocuments> long_documents_from_name(const std::string& name);  // truncate | head_tail | split
const char* long_documents_name(LongDocuments what);

// How many nearly equal pieces of at most `most` tokens a document has, at least one; and which tokens [begin, end) are
// those of one of them.
int64_t piece_count(int64_t tokens, int64_t most);
std::pair<int64_t, int64_t> piece_bounds(int64_t tokens, int64_t piece, int64_t pieces);

// `corpus` with every document of more than `tokens` tokens in `field` cut into its pieces. Examples are numbered over
// the pieces, those of a document one behind the other; each has the fields of its document. The fingerprint is its
// own. Memory: an eighth of a byte for each document.
std::shared_ptr<const ShardSet> in_pieces(std::shared_ptr<const ShardSet> corpus, const std::string& field,
                                          int64_t tokens);

// How much of a split's texts a sequence of `tokens` tokens (special ones not counted) leaves out.
struct CutShare {
  int64_t documents = 0, cut_documents = 0;
  int64_t tokens = 0, cut_tokens = 0;

  double share() const { return tokens > 0 ? static_cast<double>(cut_tokens) / static_cast<double>(tokens) : 0; }
};
CutShare cut_share(const ShardSet& corpus, Split split, const std::string& text, const std::string& text_pair,
                   int64_t tokens);

}  // namespace broadsheet
