// Masked language modelling: cross-entropy of the chosen tokens, summed; the head runs on their rows only.
#include <algorithm>
#include <utility>

#include "core/errors.h"
#include "core/text.h"
#include "data/masking.h"
#include "trainer/tasks/language_model_task.h"

namespace broadsheet {
namespace {

// Evaluation masks with numbers of its own, the same for every seed: scores of all runs on a corpus are comparable.
constexpr uint64_t kEvaluationSeed = 0x6d61736b;  // "mask"
constexpr uint64_t kEvaluationStep = 0;
constexpr int64_t kGuesses = 5;

class MaskedLm : public LanguageModelTask {
 public:
  explicit MaskedLm(TaskSetup setup) : LanguageModelTask(std::move(setup), {.masked_lm = true}, "masked_tokens") {
    if (setup_.tokenizer->special_tokens().mask < 0) {
      throw UserError("tokenizer.mask", "the tokenizer has no token for masked places ([MASK], <mask>)",
                      "use a tokenizer of BERT's or RoBERTa's kind, or name mask_token in tokenizer_config.json");
    }
    if (!(setup_.task.mlm_probability > 0) || !(setup_.task.mlm_probability < 1)) {
      throw UserError({"task.mlm_probability",
                       {},
                       "task.mlm_probability",
                       cat("found ", setup_.task.mlm_probability, ", wanted more than 0 and less than 1"),
                       "try 0.15"});
    }
  }

  Batch make_batch(const ShardSet& corpus, Split split, const std::vector<int64_t>& documents,
                   uint64_t step) const override {
    Batch batch = pack_documents(corpus, split, documents);
    const bool train = split == Split::kTrain;
    mask_tokens(batch,
                {setup_.task.mlm_probability, train ? setup_.seed : kEvaluationSeed, train ? step : kEvaluationStep,
                 setup_.tokenizer->vocab_size(), setup_.tokenizer->special_tokens(), unit_},
                word_marks(batch, corpus, split, documents));
    return batch;
  }

 protected:
  bool joins_pieces() const override { return false; }

  at::Tensor labelled_loss(const Batch& batch, const PackedInput& input, const PassContext& pass) override {
    return at::cross_entropy_loss(logits(batch.loss_rows, input, pass), index_tensor(batch.labels), {},
                                  at::Reduction::Sum);
  }

  void measure(const Batch& batch, const PackedInput& input, Metrics& metrics) override {
    at::Tensor nll = at::empty({0}, at::kFloat);
    if (!batch.loss_rows.empty()) {
      nll = at::cross_entropy_loss(logits(batch.loss_rows, input, {}), index_tensor(batch.labels), {},
                                   at::Reduction::None);
    }
    static_cast<LanguageModelMetrics&>(metrics).add(nll, batch.sequences());
  }

  // For each [MASK] of a text the likeliest tokens.
  std::vector<Prediction> answer(const Tokenizer& tokenizer, const Batch& batch, const PackedInput& input) override {
    const int32_t mask = tokenizer.special_tokens().mask;
    std::vector<int64_t> rows, sequences;
    for (int64_t s = 0; s < batch.sequences(); ++s) {
      for (int64_t row = batch.boundaries[s]; row < batch.boundaries[s + 1]; ++row) {
        if (batch.tokens[row] != mask) continue;
        rows.push_back(row);
        sequences.push_back(s);
      }
    }
    std::vector<Prediction> predictions(batch.examples.size(), {{"masks", nlohmann::json::array()}});
    if (rows.empty()) return predictions;
    const int64_t guesses = std::min(kGuesses, int64_t{tokenizer.vocab_size()});
    const at::Tensor known = logits(rows, input, {}).narrow(1, 0, tokenizer.vocab_size());
    const auto [probabilities, tokens] = at::softmax(known, 1).topk(guesses);
    for (size_t i = 0; i < rows.size(); ++i) {
      nlohmann::json likeliest = nlohmann::json::array();
      for (int64_t g = 0; g < guesses; ++g) {
        const auto at = static_cast<int64_t>(i);
        const auto token = static_cast<int32_t>(tokens[at][g].item<int64_t>());
        likeliest.push_back({{"token", tokenizer.token(token)}, {"probability", probabilities[at][g].item<double>()}});
      }
      predictions[static_cast<size_t>(sequences[i])]["masks"].push_back(likeliest);
    }
    return predictions;
  }

 private:
  WordMarks word_marks(const Batch& batch, const ShardSet& corpus, Split split,
                       const std::vector<int64_t>& documents) const {
    if (unit_ == MaskingUnit::kTokens) return {};
    WordMarks marks = marks_of(batch, *setup_.tokenizer);
    for (size_t i = 0; i < documents.size() && !setup_.task.words.empty(); ++i)
      mark_words(batch, static_cast<int64_t>(i), corpus.list(split, setup_.task.words, documents[i]), *setup_.tokenizer,
                 marks);
    return marks;
  }

  at::Tensor logits(const std::vector<int64_t>& rows, const PackedInput& input, const PassContext& pass) const {
    return model_->lm_logits(model_->encode(input, pass).index_select(0, index_tensor(rows)));
  }

  const MaskingUnit unit_ = masking_unit(setup_.task.masking);
};

}  // namespace

std::unique_ptr<Task> make_masked_lm(TaskSetup setup) {
  return std::make_unique<MaskedLm>(std::move(setup));
}

}  // namespace broadsheet
