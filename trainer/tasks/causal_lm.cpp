// Causal language modelling: each token of a document predicts the next one, and the last one its end. Documents lie
// end to end in a batch and never see each other.
#include <algorithm>
#include <cmath>
#include <utility>

#include "core/errors.h"
#include "core/text.h"
#include "trainer/tasks/writing_task.h"

namespace broadsheet {
namespace {

// The first token of a sequence is nobody's target, and nothing comes after the last one.
void add_targets(Batch& batch) {
  for (int64_t s = 0; s < batch.sequences(); ++s) {
    const size_t end = static_cast<size_t>(batch.boundaries[static_cast<size_t>(s) + 1]);
    for (size_t row = static_cast<size_t>(batch.boundaries[static_cast<size_t>(s)]); row + 1 < end; ++row) {
      batch.loss_rows.push_back(static_cast<int64_t>(row));
      batch.labels.push_back(batch.tokens[row + 1]);
    }
  }
}

class CausalLm : public WritingTask {
 public:
  explicit CausalLm(TaskSetup setup) : WritingTask(std::move(setup), "predicted_tokens") {}

  Batch make_batch(const ShardSet& corpus, Split split, const std::vector<int64_t>& documents,
                   uint64_t) const override {
    Batch batch = pack_documents(corpus, split, documents);
    add_targets(batch);
    return batch;
  }

 protected:
  bool learns_the_end() const override { return true; }

  void measure(const Batch& batch, const PackedInput& input, Metrics& metrics) override {
    static_cast<LanguageModelMetrics&>(metrics).add(nll(batch, input), static_cast<int64_t>(first_pieces(batch).size()),
                                                    bytes_of(batch.labels));
  }

  // How well the model foresees each text.
  std::vector<Prediction> answer(const Tokenizer&, const Batch& packed, const PackedInput& input) override {
    Batch batch = packed;
    add_targets(batch);
    const at::Tensor terms = nll(batch, input).contiguous();
    const auto* const first = terms.const_data_ptr<float>();
    const float* next = first;
    std::vector<LanguageModelMetrics> sums;
    for (size_t s = 0; s < batch.documents.size(); ++s) {
      if (s == 0 || batch.documents[s] != batch.documents[s - 1]) sums.push_back(new_metrics());
      const int64_t count = std::max<int64_t>(0, batch.boundaries[s + 1] - batch.boundaries[s] - 1);
      const auto labels = std::span<const int64_t>(batch.labels).subspan(static_cast<size_t>(next - first), count);
      sums.back().add(at::from_blob(const_cast<float*>(next), {count}, at::kFloat), 1, bytes_of(labels));
      next += count;
    }
    std::vector<Prediction> predictions;
    for (const LanguageModelMetrics& sum : sums) {
      Prediction prediction;
      for (const auto& [name, value] : sum.compute()) {
        if (name != "examples") prediction[name] = std::isfinite(value) ? nlohmann::json(value) : nlohmann::json();
      }
      predictions.push_back(std::move(prediction));
    }
    return predictions;
  }
};

}  // namespace

std::unique_ptr<Task> make_causal_lm(TaskSetup setup) {
  Faults faults;
  if (!setup.task.text_pair.empty())
    faults.add({"task.text_pair", {}, "task.text_pair", "causal_lm reads one text", "remove it"});
  if (setup.long_documents == LongDocuments::kHeadTail) {
    faults.add({"data.long_documents",
                {},
                "data.long_documents",
                "found head_tail, after whose gap causal_lm would learn what does not follow",
                "write truncate or split"});
  }
  faults.throw_if_any();
  return std::make_unique<CausalLm>(std::move(setup));
}

}  // namespace broadsheet
