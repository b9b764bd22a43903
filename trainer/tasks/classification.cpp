// Sequence classification: cross-entropy of one class per text.
#include <algorithm>
#include <utility>

#include "core/errors.h"
#include "core/text.h"
#include "trainer/tasks/metrics.h"
#include "trainer/tasks/text_task.h"

namespace broadsheet {
namespace {

// A folder's classifier is taken when its classes are ours in our order; else the head is new.
ModelHeads classification_heads(const TaskSetup& setup) {
  const std::vector<std::string> found = class_names(setup.source_config, "config.json");
  const bool same = found == setup.classes || (are_generic(found) && found.size() == setup.classes.size());
  return {.masked_lm = false, .labels = static_cast<int64_t>(setup.classes.size()), .keep_classifier = same};
}

void check_classes(const TaskSetup& setup) {
  if (setup.task.label.empty()) {
    throw UserError({"task.label", {}, "task.label", "no label field is named", "name a label field of the corpus"});
  }
  if (setup.classes.size() < 2) {
    throw UserError({"task.classes",
                     {},
                     "task.label",
                     cat("field ", setup.task.label, " has ", setup.classes.size(), " classes, wanted at least 2"),
                     "choose another label field"});
  }
}

class Classification : public TextTask {
 public:
  Classification(TaskSetup setup, const ModelHeads& heads) : TextTask(std::move(setup), heads) {}

  const std::string& default_metric() const override { return metric_; }

  Batch make_batch(const ShardSet& corpus, Split split, const std::vector<int64_t>& documents,
                   uint64_t) const override {
    Batch batch = pack_documents(corpus, split, documents);
    const std::vector<int64_t> ids = class_ids(corpus);
    for (const int64_t document : documents) {
      const int32_t label = corpus.label(split, setup_.task.label, document);
      if (label < 0 || static_cast<size_t>(label) >= ids.size()) {
        throw UserError("corpus.label",
                        cat(corpus.folder(), ": document ", document, " of split ", split_name(split), " has class ",
                            label, " of ", ids.size()),
                        "prepare the corpus again");
      }
      batch.labels.push_back(ids[static_cast<size_t>(label)]);
    }
    return batch;
  }

  int64_t label_count(const Batch& batch) const override { return static_cast<int64_t>(batch.labels.size()); }

  std::unique_ptr<Metrics> make_metrics() const override { return std::make_unique<ClassificationMetrics>(classes()); }

  nlohmann::json model_config() const override {
    nlohmann::json config = TextTask::model_config();
    config["architectures"] = {class_with_head(setup_.model, HeadKind::kSequenceClassification)};
    config["problem_type"] = "single_label_classification";
    config["num_labels"] = classes();
    config["id2label"] = nlohmann::json::object();
    config["label2id"] = nlohmann::json::object();
    for (size_t id = 0; id < setup_.classes.size(); ++id) {
      config["id2label"][std::to_string(id)] = setup_.classes[id];
      config["label2id"][setup_.classes[id]] = id;
    }
    return config;
  }

 protected:
  at::Tensor labelled_loss(const Batch& batch, const PackedInput& input, const PassContext& pass) override {
    const at::Tensor labels = at::tensor(at::ArrayRef<int64_t>(batch.labels), at::kLong);
    return at::cross_entropy_loss(head_logits(batch, input, pass), labels, {}, at::Reduction::Sum);
  }

  void measure(const Batch& batch, const PackedInput& input, Metrics& metrics) override {
    const at::Tensor logits = head_logits(batch, input, {});
    const std::vector<int64_t> firsts = first_pieces(batch);
    auto& sums = static_cast<ClassificationMetrics&>(metrics);
    if (static_cast<int64_t>(firsts.size()) == batch.sequences()) {
      sums.add(logits, batch.labels);
      return;
    }
    std::vector<int64_t> labels;
    for (const int64_t first : firsts) labels.push_back(batch.labels[static_cast<size_t>(first)]);
    // The logarithm of a probability is a logit of it.
    sums.add(mean_by_document(at::softmax(logits.to(at::kDouble), 1), firsts).log().to(at::kFloat), labels);
  }

  std::vector<Prediction> answer(const Tokenizer&, const Batch& batch, const PackedInput& input) override {
    const at::Tensor probabilities =
        mean_by_document(at::softmax(head_logits(batch, input, {}).to(at::kDouble), 1), first_pieces(batch))
            .contiguous();
    std::vector<Prediction> predictions;
    for (int64_t document = 0; document < probabilities.size(0); ++document) {
      const double* row = probabilities.const_data_ptr<double>() + document * classes();
      Prediction prediction = {
          {"label", setup_.classes[static_cast<size_t>(std::max_element(row, row + classes()) - row)]}};
      for (int64_t c = 0; c < classes(); ++c)
        prediction["probabilities"][setup_.classes[static_cast<size_t>(c)]] = row[c];
      predictions.push_back(std::move(prediction));
    }
    return predictions;
  }

 private:
  int64_t classes() const { return static_cast<int64_t>(setup_.classes.size()); }

  // Our id of each class of the corpus, by name: another corpus may number them in another order.
  std::vector<int64_t> class_ids(const ShardSet& corpus) const {
    const FieldInfo& field = corpus.field(setup_.task.label);
    const bool by_number = are_generic(setup_.classes) && field.classes.size() == setup_.classes.size();
    std::vector<int64_t> ids;
    for (size_t id = 0; id < field.classes.size(); ++id) {
      const auto found = std::find(setup_.classes.begin(), setup_.classes.end(), field.classes[id]);
      if (found == setup_.classes.end() && !by_number) {
        throw UserError("task.classes",
                        cat(corpus.folder(), ": field ", field.name, " has class \"", field.classes[id],
                            "\", the model knows ", join(setup_.classes, ", ")),
                        "evaluate on a corpus with the model's classes, or train on this one");
      }
      ids.push_back(by_number ? static_cast<int64_t>(id) : found - setup_.classes.begin());
    }
    return ids;
  }

  const std::string metric_ = "macro_f1";
};

}  // namespace

std::unique_ptr<Task> make_classification(TaskSetup setup) {
  check_classes(setup);
  const ModelHeads heads = classification_heads(setup);
  return std::make_unique<Classification>(std::move(setup), heads);
}

}  // namespace broadsheet
