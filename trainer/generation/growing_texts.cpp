#include "trainer/generation/growing_texts.h"

#include <utility>

#include "core/activity.h"
#include "core/errors.h"

namespace broadsheet {

GrowingTexts::GrowingTexts(const LanguageModel& model, std::vector<std::vector<int32_t>> texts, bool use_cache)
    : model_(model), texts_(std::move(texts)), use_cache_(use_cache), cache_(static_cast<int64_t>(texts_.size())) {}

at::Tensor GrowingTexts::next() {
  const at::NoGradGuard no_grad;
  Batch batch;
  std::vector<int64_t> lasts;
  batch.boundaries = {0};
  for (size_t t = 0; t < texts_.size(); ++t) {
    const auto end = static_cast<int64_t>(texts_[t].size());
    for (int64_t position = cache_.length(static_cast<int64_t>(t)); position < end; ++position) {
      batch.tokens.push_back(texts_[t][static_cast<size_t>(position)]);
      batch.positions.push_back(position);
    }
    batch.examples.push_back(static_cast<int64_t>(t));
    batch.boundaries.push_back(batch.total());
    lasts.push_back(batch.total() - 1);
  }
  batch.token_types.assign(batch.tokens.size(), 0);
  const PackedInput input = to_input(batch, at::kCPU);
  const at::Tensor hidden = use_cache_ ? model_.encode_next(input, cache_) : model_.encode(input, {});
  note_progress();
  return model_.lm_logits(hidden.index_select(0, index_tensor(lasts))).contiguous();
}

void GrowingTexts::keep(const std::vector<int64_t>& rows) {
  std::vector<std::vector<int32_t>> kept;
  for (const int64_t row : rows) kept.push_back(texts_.at(static_cast<size_t>(row)));
  texts_ = std::move(kept);
  cache_.keep(rows);
}

void GrowingTexts::append(const std::vector<int32_t>& tokens) {
  BROADSHEET_ASSERT(tokens.size() == texts_.size());
  for (size_t t = 0; t < tokens.size(); ++t) texts_[t].push_back(tokens[t]);
}

}  // namespace broadsheet
