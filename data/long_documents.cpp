#include "data/long_documents.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "core/checksum.h"
#include "core/errors.h"
#include "core/text.h"
#include "data/corpus_view.h"
#include "data/lengths.h"

namespace broadsheet {
namespace {

constexpr int64_t kBlock = 64;  // documents between two numbers that are kept

class InPieces : public CorpusView {
 public:
  InPieces(const std::shared_ptr<const ShardSet>& corpus, std::string field, int64_t tokens)
      : CorpusView(corpus, sha256_hex(cat(field, " in pieces of ", tokens, " tokens of ", corpus->fingerprint()))),
        field_(std::move(field)),
        tokens_(tokens) {
    for (const Split split : kAllSplits) {
      int64_t& pieces = sizes_[static_cast<size_t>(split)];
      for (int64_t document = 0; document < corpus_->size(split); ++document) {
        if (document % kBlock == 0) blocks_[static_cast<size_t>(split)].push_back(pieces);
        pieces += pieces_of(split, document);
      }
    }
  }

  int64_t size(Split split) const override { return sizes_[static_cast<size_t>(split)]; }
  int64_t total_tokens(Split split, const std::string& text_field) const override {
    return corpus_->total_tokens(split, text_field);
  }
  std::vector<SourceShare> source_shares(Split split) const override {
    std::vector<SourceShare> shares = corpus_->source_shares(split);
    for (SourceShare& share : shares)
      for (ExampleRange& range : share.ranges) range = {first_piece(split, range.begin), first_piece(split, range.end)};
    return shares;
  }
  int64_t document_of(Split split, int64_t example) const override { return find(split, example).document; }

  TokenIds tokens(Split split, const std::string& text_field, int64_t example) const override {
    if (text_field != field_) return CorpusView::tokens(split, text_field, example);
    const Place place = find(split, example);
    const TokenIds all = corpus_->tokens(split, field_, place.document);
    const auto [begin, end] = piece_bounds(static_cast<int64_t>(all.size()), place.piece, place.pieces);
    return all.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
  }
  int64_t token_count(Split split, const std::string& text_field, int64_t example) const override {
    if (text_field != field_) return CorpusView::token_count(split, text_field, example);
    const Place place = find(split, example);
    const auto [begin, end] =
        piece_bounds(corpus_->token_count(split, field_, place.document), place.piece, place.pieces);
    return end - begin;
  }

 private:
  struct Place {
    int64_t document, piece, pieces;
  };

  std::pair<Split, int64_t> locate(Split split, int64_t number) const override {
    return {split, document_of(split, number)};
  }

  int64_t pieces_of(Split split, int64_t document) const {
    return piece_count(corpus_->token_count(split, field_, document), tokens_);
  }

  // The number of a document's first piece; of the one behind the last document, how many pieces there are.
  int64_t first_piece(Split split, int64_t document) const {
    if (document == corpus_->size(split)) return size(split);
    int64_t piece = blocks_[static_cast<size_t>(split)][static_cast<size_t>(document / kBlock)];
    for (int64_t before = document / kBlock * kBlock; before < document; ++before) piece += pieces_of(split, before);
    return piece;
  }

  Place find(Split split, int64_t example) const {
    BROADSHEET_ASSERT(example >= 0 && example < size(split));
    const std::vector<int64_t>& blocks = blocks_[static_cast<size_t>(split)];
    const auto next = std::upper_bound(blocks.begin(), blocks.end(), example);
    int64_t document = (next - blocks.begin() - 1) * kBlock;
    int64_t piece = example - *(next - 1);
    int64_t pieces = pieces_of(split, document);
    while (piece >= pieces) {
      piece -= pieces;
      pieces = pieces_of(split, ++document);
    }
    return {document, piece, pieces};
  }

  std::string field_;
  int64_t tokens_;
  std::array<int64_t, kAllSplits.size()> sizes_{};
  std::array<std::vector<int64_t>, kAllSplits.size()> blocks_;  // number of the first piece of every block of documents
};

constexpr std::array<const char*, 3> kLongDocuments = {"truncate", "head_tail", "split"};

}  // namespace

std::optional<LongDocuments> long_documents_from_name(const std::string& name) {
  const auto found = std::find(kLongDocuments.begin(), kLongDocuments.end(), name);
  if (found == kLongDocuments.end()) return std::nullopt;
  return static_cast<LongDocuments>(found - kLongDocuments.begin());
}

const char* long_documents_name(LongDocuments what) {
  return kLongDocuments[static_cast<size_t>(what)];
}

int64_t piece_count(int64_t tokens, int64_t most) {
  BROADSHEET_ASSERT(most >= 1);
  return std::max<int64_t>(1, (tokens + most - 1) / most);
}

std::pair<int64_t, int64_t> piece_bounds(int64_t tokens, int64_t piece, int64_t pieces) {
  return {tokens * piece / pieces, tokens * (piece + 1) / pieces};
}

std::shared_ptr<const ShardSet> in_pieces(std::shared_ptr<const ShardSet> corpus, const std::string& field,
                                          int64_t tokens) {
  return std::make_shared<InPieces>(corpus, field, tokens);
}

CutShare cut_share(const ShardSet& corpus, Split split, const std::string& text, const std::string& text_pair,
                   int64_t tokens) {
  LengthCounts counts;
  for (int64_t document = 0; document < corpus.size(split); ++document) {
    int64_t size = corpus.token_count(split, text, document);
    if (!text_pair.empty()) size += corpus.token_count(split, text_pair, document);
    counts.add(size);
  }
  return counts.cut(tokens);
}

}  // namespace broadsheet
