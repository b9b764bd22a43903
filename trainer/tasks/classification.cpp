// Sequence classification: one class per text, any number of labels, or one of several classes in order.
#include <algorithm>
#include <optional>
#include <utility>

#include "core/errors.h"
#include "core/text.h"
#include "trainer/tasks/class_losses.h"
#include "trainer/tasks/class_metrics.h"
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

constexpr double kLeastProbability = 1e-12;
constexpr int64_t kUnknown = -1;  // the id of a class that the model does not have

at::Tensor weights_tensor(const TaskSetup& setup) {
  if (setup.class_weights.empty()) return {};
  BROADSHEET_ASSERT(setup.class_weights.size() == setup.classes.size());
  return at::tensor(at::ArrayRef<double>(setup.class_weights), at::kDouble).to(at::kFloat);
}

class Classification : public TextTask {
 public:
  Classification(TaskSetup setup, const ModelHeads& heads)
      : TextTask(std::move(setup), heads),
        multi_label_(setup_.task.problem == "multi_label"),
        ordinal_(setup_.task.problem == "ordinal"),
        options_{weights_tensor(setup_), setup_.task.label_smoothing, setup_.task.focal_gamma},
        metric_(ordinal_ ? "mae" : "macro_f1") {}

  const std::string& default_metric() const override { return metric_; }

  Batch make_batch(const ShardSet& corpus, Split split, const std::vector<int64_t>& documents,
                   uint64_t) const override {
    Batch batch = pack_documents(corpus, split, documents);
    const std::vector<int64_t> ids = class_ids(corpus);
    for (const int64_t document : documents) {
      if (multi_label_) {
        const size_t begin = batch.labels.size();
        batch.labels.resize(begin + setup_.classes.size());
        for (const int32_t label : corpus.labels(split, setup_.task.label, document))
          batch.labels[begin + static_cast<size_t>(id_of(corpus, split, document, label, ids))] = 1;
      } else {
        const int32_t label = corpus.label(split, setup_.task.label, document);
        batch.labels.push_back(id_of(corpus, split, document, label, ids));
      }
    }
    return batch;
  }

  int64_t label_count(const Batch& batch) const override { return static_cast<int64_t>(batch.labels.size()); }

  // PyTorch's weighted mean divides by the weights of the labels, that with pos_weight by their count.
  double loss_weight(const Batch& batch) const override {
    if (setup_.class_weights.empty() || multi_label_) return TextTask::loss_weight(batch);
    double sum = 0;
    for (const int64_t label : batch.labels) sum += setup_.class_weights.at(static_cast<size_t>(label));
    return sum;
  }

  std::unique_ptr<Metrics> make_metrics() const override {
    if (multi_label_) return std::make_unique<MultiLabelMetrics>(setup_.classes.size());
    return std::make_unique<ClassificationMetrics>(setup_.classes, decision());
  }

  bool wants_temperature() const override { return setup_.task.calibration == "temperature"; }

  LogitRows logit_rows(const Batch& batch) override {
    const at::NoGradGuard no_grad;
    return {head_logits(batch, input_of(batch), {}).to(at::kFloat), batch.labels, multi_label_};
  }

  void set_temperature(double temperature) override {
    const at::NoGradGuard no_grad;
    const std::string last = classifier_layer(setup_.model);
    for (Parameter& parameter : parameters()) {
      if (parameter.name == last + ".weight" || parameter.name == last + ".bias") parameter.tensor.div_(temperature);
    }
    temperature_ = temperature;
  }

  nlohmann::json broadsheet_config() const override {
    nlohmann::json config = TextTask::broadsheet_config();
    if (temperature_) config["temperature"] = *temperature_;
    return config;
  }

  nlohmann::json model_config() const override {
    nlohmann::json config = TextTask::model_config();
    config["architectures"] = {class_with_head(setup_.model, HeadKind::kSequenceClassification)};
    config["problem_type"] = multi_label_ ? "multi_label_classification" : "single_label_classification";
    name_classes(setup_.classes, config);
    return config;
  }

 protected:
  at::Tensor labelled_loss(const Batch& batch, const PackedInput& input, const PassContext& pass) override {
    const at::Tensor labels = at::tensor(at::ArrayRef<int64_t>(batch.labels), at::kLong);
    const at::Tensor logits = head_logits(batch, input, pass).to(at::kFloat);
    if (multi_label_) return multi_label_loss(logits, labels.view_as(logits).to(at::kFloat), options_);
    return ordinal_ ? ordinal_loss(logits, labels, options_) : single_label_loss(logits, labels, options_);
  }

  void measure(const Batch& batch, const PackedInput& input, Metrics& metrics) override {
    const at::Tensor logits = head_logits(batch, input, {});
    const std::vector<int64_t> firsts = first_pieces(batch);
    const bool in_pieces = static_cast<int64_t>(firsts.size()) != batch.sequences();
    const std::vector<int64_t> labels = in_pieces ? labels_of(batch, firsts) : batch.labels;
    const at::Tensor joined = in_pieces ? joined_logits(logits, firsts) : logits;
    if (multi_label_) {
      static_cast<MultiLabelMetrics&>(metrics).add(joined, labels);
    } else {
      static_cast<ClassificationMetrics&>(metrics).add(joined, labels);
    }
  }

  nlohmann::json truth(const Batch& batch, int64_t sequence) const override {
    const std::vector<int64_t> labels = labels_of(batch, {sequence});
    if (!multi_label_) return setup_.classes[static_cast<size_t>(labels[0])];
    nlohmann::json names = nlohmann::json::array();
    for (size_t c = 0; c < labels.size(); ++c) {
      if (labels[c] == 1) names.push_back(setup_.classes[c]);
    }
    return names;
  }

  std::vector<Prediction> answer(const Tokenizer&, const Batch& batch, const PackedInput& input) override {
    const at::Tensor p =
        mean_by_document(probabilities(head_logits(batch, input, {})), first_pieces(batch)).contiguous();
    std::vector<Prediction> predictions;
    for (int64_t document = 0; document < p.size(0); ++document) {
      const double* row = p.const_data_ptr<double>() + document * classes();
      Prediction prediction = decided(row);
      for (size_t c = 0; c < setup_.classes.size(); ++c) prediction["probabilities"][setup_.classes[c]] = row[c];
      predictions.push_back(std::move(prediction));
    }
    return predictions;
  }

 private:
  int64_t classes() const { return static_cast<int64_t>(setup_.classes.size()); }
  ClassificationMetrics::Decision decision() const {
    return ordinal_ ? ClassificationMetrics::Decision::kMedian : ClassificationMetrics::Decision::kMostLikely;
  }

  at::Tensor probabilities(const at::Tensor& logits) const {
    const at::Tensor wide = logits.to(at::kDouble);
    return multi_label_ ? at::sigmoid(wide) : at::softmax(wide, 1);
  }

  // Logits that give the mean of the pieces' probabilities; finite where several labels are certain.
  at::Tensor joined_logits(const at::Tensor& logits, const std::vector<int64_t>& firsts) const {
    const at::Tensor p = mean_by_document(probabilities(logits), firsts);
    return (multi_label_ ? at::logit(p, kLeastProbability) : p.log()).to(at::kFloat);
  }

  std::vector<int64_t> labels_of(const Batch& batch, const std::vector<int64_t>& sequences) const {
    const int64_t width = multi_label_ ? classes() : 1;
    std::vector<int64_t> labels;
    for (const int64_t sequence : sequences) {
      const auto begin = batch.labels.begin() + sequence * width;
      labels.insert(labels.end(), begin, begin + width);
    }
    return labels;
  }

  Prediction decided(const double* row) const {
    if (!multi_label_)
      return {{"label", setup_.classes[ClassificationMetrics::decide(row, setup_.classes.size(), decision())]}};
    nlohmann::json labels = nlohmann::json::array();
    for (size_t c = 0; c < setup_.classes.size(); ++c) {
      if (row[c] >= 0.5) labels.push_back(setup_.classes[c]);
    }
    return {{"labels", labels}};
  }

  int64_t id_of(const ShardSet& corpus, Split split, int64_t document, int32_t label,
                const std::vector<int64_t>& ids) const {
    const bool there = label >= 0 && static_cast<size_t>(label) < ids.size();
    if (there && ids[static_cast<size_t>(label)] != kUnknown) return ids[static_cast<size_t>(label)];
    if (there) {
      const FieldInfo& field = corpus.field(setup_.task.label);
      throw UserError(
          {"corpus.unknown_label",
           {},
           "task.label",
           cat(corpus.folder(), ": document ", document, " of split ", split_name(split), " has ", field.name, " \"",
               printable(field.classes[static_cast<size_t>(label)]), "\", which the model has not learned; it knows ",
               printable(join(setup_.classes, ", "), 400)),
           "leave such documents out (filter: {keep: {COLUMN: [...]}} of the source in corpus.yaml), or train on a "
           "corpus that has it"});
    }
    throw UserError("corpus.label",
                    cat(corpus.folder(), ": document ", document, " of split ", split_name(split), " has class ", label,
                        " of ", ids.size()),
                    "prepare the corpus again");
  }

  // Our id of each class of the corpus, by name: another corpus may number them in another order, and have others.
  std::vector<int64_t> class_ids(const ShardSet& corpus) const {
    const FieldInfo& field = corpus.field(setup_.task.label);
    const FieldKind wanted = multi_label_ ? FieldKind::kLabels : FieldKind::kLabel;
    if (field.kind != wanted) {
      throw UserError(
          {"corpus.field_kind",
           {},
           "task.label",
           cat(corpus.folder(), ": field ", field.name, " is not of kind ", multi_label_ ? "labels" : "label"),
           cat("name a field of kind ", multi_label_ ? "labels" : "label", " of this corpus")});
    }
    const bool by_number = are_generic(setup_.classes) && field.classes.size() == setup_.classes.size();
    std::vector<int64_t> ids;
    for (size_t id = 0; id < field.classes.size(); ++id) {
      const auto found = std::find(setup_.classes.begin(), setup_.classes.end(), field.classes[id]);
      const int64_t by_name = found == setup_.classes.end() ? kUnknown : found - setup_.classes.begin();
      ids.push_back(by_number ? static_cast<int64_t>(id) : by_name);
    }
    return ids;
  }

  bool multi_label_, ordinal_;
  std::optional<double> temperature_;  // that the weights hold already
  ClassLossOptions options_;
  std::string metric_;
};

}  // namespace

std::unique_ptr<Task> make_classification(TaskSetup setup) {
  check_classes(setup);
  const ModelHeads heads = classification_heads(setup);
  return std::make_unique<Classification>(std::move(setup), heads);
}

}  // namespace broadsheet
