#include "data/long_documents.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "core/checksum.h"
#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

constexpr int64_t kBlock = 64;  // documents between two numbers that are kept

class Pieces : public ShardSet {
 public:
  Pieces(std::shared_ptr<const ShardSet> corpus, std::string field, int64_t tokens)
      : corpus_(std::move(corpus)),
        field_(std::move(field)),
        tokens_(tokens),
        fingerprint_(sha256_hex(cat(field_, " in pieces of ", tokens_, " tokens of ", corpus_->fingerprint()))) {
    BROADSHEET_ASSERT(tokens_ >= 1);
    for (const Split split : kAllSplits) {
      int64_t& pieces = sizes_[static_cast<size_t>(split)];
      for (int64_t document = 0; document < corpus_->size(split); ++document) {
        if (document % kBlock == 0) blocks_[static_cast<size_t>(split)].push_back(pieces);
        pieces += pieces_of(split, document);
      }
    }
  }

  const std::string& folder() const override { return corpus_->folder(); }
  const std::string& name() const override { return corpus_->name(); }
  const std::string& fingerprint() const override { return fingerprint_; }
  const std::string& tokenizer_fingerprint() const override { return corpus_->tokenizer_fingerprint(); }
  bool has_tokenizer_of(const std::string& tokenizer_folder) const override {
    return corpus_->has_tokenizer_of(tokenizer_folder);
  }
  const std::vector<FieldInfo>& fields() const override { return corpus_->fields(); }
  int64_t size(Split split) const override { return sizes_[static_cast<size_t>(split)]; }
  int64_t total_tokens(Split split, const std::string& text_field) const override {
    return corpus_->total_tokens(split, text_field);
  }
  int64_t document_of(Split split, int64_t example) const override { return find(split, example).document; }

  std::span<const int32_t> tokens(Split split, const std::string& text_field, int64_t example) const override {
    const Place place = find(split, example);
    const std::span<const int32_t> all = corpus_->tokens(split, text_field, place.document);
    if (text_field != field_) return all;
    const auto [begin, end] = cut(static_cast<int64_t>(all.size()), place);
    return all.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
  }
  int64_t token_count(Split split, const std::string& text_field, int64_t example) const override {
    const Place place = find(split, example);
    const int64_t all = corpus_->token_count(split, text_field, place.document);
    if (text_field != field_) return all;
    const auto [begin, end] = cut(all, place);
    return end - begin;
  }
  int32_t label(Split split, const std::string& label_field, int64_t example) const override {
    return corpus_->label(split, label_field, document_of(split, example));
  }
  double number(Split split, const std::string& name, int64_t example) const override {
    return corpus_->number(split, name, document_of(split, example));
  }
  std::string string(Split split, const std::string& name, int64_t example) const override {
    return corpus_->string(split, name, document_of(split, example));
  }

 private:
  struct Place {
    int64_t document, piece, pieces;
  };

  int64_t pieces_of(Split split, int64_t document) const {
    return std::max<int64_t>(1, (corpus_->token_count(split, field_, document) + tokens_ - 1) / tokens_);
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

  static std::pair<int64_t, int64_t> cut(int64_t tokens, const Place& place) {
    return {tokens * place.piece / place.pieces, tokens * (place.piece + 1) / place.pieces};
  }

  std::shared_ptr<const ShardSet> corpus_;
  std::string field_;
  int64_t tokens_;
  std::string fingerprint_;
  std::array<int64_t, kAllSplits.size()> sizes_{};
  std::array<std::vector<int64_t>, kAllSplits.size()> blocks_;  // number of the first piece of every block of documents
};

constexpr std::array<const char*, 3> kLongDocuments = {"truncate", "head_tail", "split"};

}  // namespace

LongDocuments long_documents_from_name(const std::string& name) {
  const auto found = std::find(kLongDocuments.begin(), kLongDocuments.end(), name);
  BROADSHEET_ASSERT(found != kLongDocuments.end());
  return static_cast<LongDocuments>(found - kLongDocuments.begin());
}

const char* long_documents_name(LongDocuments what) {
  return kLongDocuments[static_cast<size_t>(what)];
}

std::shared_ptr<const ShardSet> in_pieces(std::shared_ptr<const ShardSet> corpus, const std::string& field,
                                          int64_t tokens) {
  return std::make_shared<Pieces>(std::move(corpus), field, tokens);
}

CutShare cut_share(const ShardSet& corpus, Split split, const std::string& text, const std::string& text_pair,
                   int64_t tokens) {
  CutShare all;
  all.documents = corpus.size(split);
  for (int64_t document = 0; document < all.documents; ++document) {
    int64_t size = corpus.token_count(split, text, document);
    if (!text_pair.empty()) size += corpus.token_count(split, text_pair, document);
    all.tokens += size;
    if (size <= tokens) continue;
    ++all.cut_documents;
    all.cut_tokens += size - tokens;
  }
  return all;
}

}  // namespace broadsheet
