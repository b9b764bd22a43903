#include "data/joined_splits.h"

#include <utility>

#include "core/checksum.h"
#include "core/errors.h"
#include "data/corpus_view.h"

namespace broadsheet {
namespace {

class JoinedSplits : public CorpusView {
 public:
  explicit JoinedSplits(const std::shared_ptr<const ShardSet>& corpus)
      : CorpusView(corpus, sha256_hex("train and validation of " + corpus->fingerprint())) {}

  int64_t size(Split split) const override {
    if (split == Split::kValidation) return 0;
    const int64_t more = split == Split::kTrain ? corpus_->size(Split::kValidation) : 0;
    return corpus_->size(split) + more;
  }
  std::vector<SourceShare> source_shares(Split split) const override {
    std::vector<SourceShare> shares = corpus_->source_shares(split);
    if (split == Split::kTest) return shares;
    const int64_t first = corpus_->size(Split::kTrain);
    const std::vector<SourceShare> behind = corpus_->source_shares(Split::kValidation);
    for (size_t source = 0; source < shares.size(); ++source) {
      if (split == Split::kValidation) shares[source].ranges.clear();
      if (split == Split::kValidation) continue;
      for (const ExampleRange& range : behind[source].ranges)
        append(shares[source].ranges, {first + range.begin, first + range.end});
    }
    return shares;
  }
  int64_t total_tokens(Split split, const std::string& field) const override {
    if (split == Split::kValidation) return 0;
    const int64_t more = split == Split::kTrain ? corpus_->total_tokens(Split::kValidation, field) : 0;
    return corpus_->total_tokens(split, field) + more;
  }

 private:
  std::pair<Split, int64_t> locate(Split split, int64_t number) const override {
    BROADSHEET_ASSERT(number >= 0 && number < size(split));
    const int64_t first = corpus_->size(Split::kTrain);
    if (split == Split::kTrain && number >= first) return {Split::kValidation, number - first};
    return {split, number};
  }
};

}  // namespace

std::shared_ptr<const ShardSet> train_on_validation(std::shared_ptr<const ShardSet> corpus) {
  return std::make_shared<JoinedSplits>(corpus);
}

}  // namespace broadsheet
