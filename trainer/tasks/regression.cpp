// Sequence regression: one number per text, squared error.
#include <cmath>
#include <utility>

#include "core/errors.h"
#include "core/text.h"
#include "trainer/tasks/metrics.h"
#include "trainer/tasks/text_task.h"

namespace broadsheet {
namespace {

// A folder's classifier is taken when it has one output.
ModelHeads regression_heads(const TaskSetup& setup) {
  const bool same = class_names(setup.source_config, "config.json").size() == 1;
  return {.masked_lm = false, .labels = 1, .keep_classifier = same};
}

void check_score(const TaskSetup& setup) {
  if (setup.task.score.empty()) {
    throw UserError(
        {"task.score", {}, "task.score", "no score field is named", "name a score or number field of the corpus"});
  }
}

class Regression : public TextTask {
 public:
  Regression(TaskSetup setup, const ModelHeads& heads) : TextTask(std::move(setup), heads) {}

  const std::string& default_metric() const override { return metric_; }

  Batch make_batch(const ShardSet& corpus, Split split, const std::vector<int64_t>& documents,
                   uint64_t) const override {
    Batch batch = pack_documents(corpus, split, documents);
    for (const int64_t document : documents) {
      const double score = corpus.number(split, setup_.task.score, document);
      if (!std::isfinite(score)) {
        throw UserError(
            "corpus.score",
            cat(corpus.folder(), ": document ", document, " of split ", split_name(split), " has score ", score),
            "remove the document and prepare the corpus again");
      }
      batch.targets.push_back(static_cast<float>(score));
    }
    return batch;
  }

  int64_t label_count(const Batch& batch) const override { return static_cast<int64_t>(batch.targets.size()); }

  std::unique_ptr<Metrics> make_metrics() const override { return std::make_unique<RegressionMetrics>(); }

  nlohmann::json model_config() const override {
    nlohmann::json config = TextTask::model_config();
    config["architectures"] = {class_with_head(setup_.model, HeadKind::kSequenceClassification)};
    config["problem_type"] = "regression";
    config["num_labels"] = 1;
    config["id2label"] = {{"0", "LABEL_0"}};
    config["label2id"] = {{"LABEL_0", 0}};
    return config;
  }

 protected:
  at::Tensor labelled_loss(const Batch& batch, const PackedInput& input, const PassContext& pass) override {
    return at::mse_loss(scores(batch, input, pass), at::tensor(at::ArrayRef<float>(batch.targets), at::kFloat),
                        at::Reduction::Sum);
  }

  void measure(const Batch& batch, const PackedInput& input, Metrics& metrics) override {
    const std::vector<int64_t> firsts = first_pieces(batch);
    std::vector<float> targets;
    for (const int64_t first : firsts) targets.push_back(batch.targets[static_cast<size_t>(first)]);
    static_cast<RegressionMetrics&>(metrics).add(mean_by_document(scores(batch, input, {}), firsts), targets);
  }

  nlohmann::json truth(const Batch& batch, int64_t sequence) const override {
    return batch.targets[static_cast<size_t>(sequence)];
  }

  std::vector<Prediction> answer(const Tokenizer&, const Batch& batch, const PackedInput& input) override {
    const at::Tensor values = mean_by_document(scores(batch, input, {}), first_pieces(batch)).contiguous();
    std::vector<Prediction> predictions;
    for (int64_t document = 0; document < values.size(0); ++document)
      predictions.push_back({{"score", values.const_data_ptr<float>()[document]}});
    return predictions;
  }

 private:
  at::Tensor scores(const Batch& batch, const PackedInput& input, const PassContext& pass) const {
    return head_logits(batch, input, pass).squeeze(1);
  }

  const std::string metric_ = "mse";
};

}  // namespace

std::unique_ptr<Task> make_regression(TaskSetup setup) {
  check_score(setup);
  const ModelHeads heads = regression_heads(setup);
  return std::make_unique<Regression>(std::move(setup), heads);
}

}  // namespace broadsheet
