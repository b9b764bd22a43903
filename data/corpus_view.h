// A corpus seen through another numbering of its documents: what a view of it has in common with any other.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "data/shards.h"

namespace broadsheet {

// Everything is asked of the corpus beneath, for the document that locate() names; its own are the fingerprint and, by
// the class that derives from it, the sizes.
class CorpusView : public ShardSet {
 public:
  const std::string& folder() const override { return corpus_->folder(); }
  const std::string& name() const override { return corpus_->name(); }
  const std::string& fingerprint() const override { return fingerprint_; }
  const std::string& tokenizer_fingerprint() const override { return corpus_->tokenizer_fingerprint(); }
  bool has_tokenizer_of(const std::string& tokenizer_folder) const override {
    return corpus_->has_tokenizer_of(tokenizer_folder);
  }
  const std::vector<FieldInfo>& fields() const override { return corpus_->fields(); }

  TokenIds tokens(Split split, const std::string& field, int64_t number) const override {
    const auto [of, document] = locate(split, number);
    return corpus_->tokens(of, field, document);
  }
  int64_t token_count(Split split, const std::string& field, int64_t number) const override {
    const auto [of, document] = locate(split, number);
    return corpus_->token_count(of, field, document);
  }
  void read_ahead(Split split, const std::string& field, ExampleRange numbers) const override {
    if (numbers.size() <= 0) return;
    const auto [first_of, first] = locate(split, numbers.begin);
    const auto [last_of, last] = locate(split, numbers.end - 1);
    if (first_of == last_of) return corpus_->read_ahead(first_of, field, {first, last + 1});
    corpus_->read_ahead(first_of, field, {first, corpus_->size(first_of)});
    corpus_->read_ahead(last_of, field, {0, last + 1});
  }
  int32_t label(Split split, const std::string& field, int64_t number) const override {
    const auto [of, document] = locate(split, number);
    return corpus_->label(of, field, document);
  }
  std::vector<int32_t> labels(Split split, const std::string& field, int64_t number) const override {
    const auto [of, document] = locate(split, number);
    return corpus_->labels(of, field, document);
  }
  std::vector<std::string> list(Split split, const std::string& field, int64_t number) const override {
    const auto [of, document] = locate(split, number);
    return corpus_->list(of, field, document);
  }
  double number(Split split, const std::string& field, int64_t number) const override {
    const auto [of, document] = locate(split, number);
    return corpus_->number(of, field, document);
  }
  std::string string(Split split, const std::string& field, int64_t number) const override {
    const auto [of, document] = locate(split, number);
    return corpus_->string(of, field, document);
  }

 protected:
  CorpusView(std::shared_ptr<const ShardSet> corpus, std::string fingerprint)
      : corpus_(std::move(corpus)), fingerprint_(std::move(fingerprint)) {}

  // Where document `number` of `split` of this view lies beneath.
  virtual std::pair<Split, int64_t> locate(Split split, int64_t number) const = 0;

  const std::shared_ptr<const ShardSet> corpus_;

 private:
  const std::string fingerprint_;
};

}  // namespace broadsheet
