#include "trainer/tasks/writing_task.h"

#include "trainer/models/linear_cross_entropy.h"

namespace broadsheet {
namespace {

// Of prompts and what may come behind them: GPT-2 (124 million parameters) keeps 72 KiB for each.
constexpr int64_t kTokensTogether = 8192;

}  // namespace

int32_t WritingTask::end_token() const {
  return end_of_text(setup_.tokenizer->special_tokens(), /*causal=*/true);
}

std::vector<int32_t> WritingTask::beginning() const {
  const int32_t first = setup_.tokenizer->special_tokens().cls;
  return first >= 0 ? std::vector<int32_t>{first} : std::vector<int32_t>{};
}

std::vector<int32_t> WritingTask::prompt_of(const std::string& text) const {
  std::vector<int32_t> ids = beginning();
  setup_.tokenizer->encode_into(text, ids);
  if (ids.empty()) ids.push_back(end_token());
  return ids;
}

std::vector<Generated> WritingTask::write(const std::vector<Prompt>& prompts, const GenerationOptions& options) const {
  const Writer writer{*model_, *setup_.tokenizer, end_token(), traits_.max_length};
  std::vector<Generated> all;
  for (size_t begin = 0; begin < prompts.size();) {
    std::vector<Prompt> together;
    for (int64_t tokens = 0; begin < prompts.size(); ++begin) {
      tokens += options.num_beams * (static_cast<int64_t>(prompts[begin].tokens.size()) + options.max_new_tokens);
      if (!together.empty() && tokens > kTokensTogether) break;
      together.push_back(prompts[begin]);
    }
    for (Generated& text : write_texts(writer, together, options)) all.push_back(std::move(text));
  }
  return all;
}

at::Tensor WritingTask::labelled_loss(const Batch& batch, const PackedInput& input, const PassContext& pass) {
  const at::Tensor rows = model_->encode(input, pass).index_select(0, index_tensor(batch.loss_rows));
  return linear_cross_entropy(rows, model_->lm_weight(), index_tensor(batch.labels));
}

at::Tensor WritingTask::nll(const Batch& batch, const PackedInput& input) const {
  if (batch.loss_rows.empty()) return at::empty({0}, at::kFloat);
  const at::Tensor rows = model_->encode(input, {}).index_select(0, index_tensor(batch.loss_rows));
  return linear_nll(rows, model_->lm_weight(), index_tensor(batch.labels));
}

}  // namespace broadsheet
