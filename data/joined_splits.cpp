#include "data/joined_splits.h"

#include <utility>

#include "core/checksum.h"
#include "core/errors.h"

namespace broadsheet {
namespace {

class JoinedSplits : public ShardSet {
 public:
  explicit JoinedSplits(std::shared_ptr<const ShardSet> corpus)
      : corpus_(std::move(corpus)), fingerprint_(sha256_hex("train and validation of " + corpus_->fingerprint())) {}

  const std::string& folder() const override { return corpus_->folder(); }
  const std::string& name() const override { return corpus_->name(); }
  const std::string& fingerprint() const override { return fingerprint_; }
  const std::string& tokenizer_fingerprint() const override { return corpus_->tokenizer_fingerprint(); }
  bool has_tokenizer_of(const std::string& tokenizer_folder) const override {
    return corpus_->has_tokenizer_of(tokenizer_folder);
  }
  const std::vector<FieldInfo>& fields() const override { return corpus_->fields(); }

  int64_t size(Split split) const override {
    if (split == Split::kValidation) return 0;
    const int64_t more = split == Split::kTrain ? corpus_->size(Split::kValidation) : 0;
    return corpus_->size(split) + more;
  }
  int64_t total_tokens(Split split, const std::string& field) const override {
    if (split == Split::kValidation) return 0;
    const int64_t more = split == Split::kTrain ? corpus_->total_tokens(Split::kValidation, field) : 0;
    return corpus_->total_tokens(split, field) + more;
  }
  std::span<const int32_t> tokens(Split split, const std::string& field, int64_t document) const override {
    const auto [of, number] = find(split, document);
    return corpus_->tokens(of, field, number);
  }
  int64_t token_count(Split split, const std::string& field, int64_t document) const override {
    const auto [of, number] = find(split, document);
    return corpus_->token_count(of, field, number);
  }
  int32_t label(Split split, const std::string& field, int64_t document) const override {
    const auto [of, number] = find(split, document);
    return corpus_->label(of, field, number);
  }
  double number(Split split, const std::string& field, int64_t document) const override {
    const auto [of, number] = find(split, document);
    return corpus_->number(of, field, number);
  }
  std::string string(Split split, const std::string& field, int64_t document) const override {
    const auto [of, number] = find(split, document);
    return corpus_->string(of, field, number);
  }

 private:
  std::pair<Split, int64_t> find(Split split, int64_t document) const {
    BROADSHEET_ASSERT(document >= 0 && document < size(split));
    const int64_t first = corpus_->size(Split::kTrain);
    if (split == Split::kTrain && document >= first) return {Split::kValidation, document - first};
    return {split, document};
  }

  std::shared_ptr<const ShardSet> corpus_;
  std::string fingerprint_;
};

}  // namespace

std::shared_ptr<const ShardSet> train_on_validation(std::shared_ptr<const ShardSet> corpus) {
  return std::make_shared<JoinedSplits>(std::move(corpus));
}

}  // namespace broadsheet
