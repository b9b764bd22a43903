// Task: what a batch is, what the loss is, and what is measured. The loop knows no task by name; a later task is a new
// file here and a line in make_task().
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/batch.h"
#include "data/feature_store.h"
#include "data/shards.h"
#include "trainer/config.h"
#include "trainer/models/model.h"
#include "trainer/temperature.h"

namespace broadsheet {

// Sufficient statistics of a split, exact over any number of ranks: each rank adds its own examples, the states are
// gathered and merged in rank order, and compute() is called on the whole.
class Metrics {
 public:
  virtual ~Metrics() = default;
  virtual std::vector<double> state() const = 0;  // its length may depend on what was added
  virtual void merge(const std::vector<double>& state) = 0;
  // "loss", "accuracy", "macro_f1", "perplexity", ... and "examples".
  virtual std::map<std::string, double> compute() const = 0;
  // What is no number, as keys of an answer: {"confusion_matrix": {...}}. Null: nothing.
  virtual nlohmann::json details() const { return nullptr; }
};

// One prediction, as `predict` writes it: {"label": ..., "probabilities": {...}} or {"score": ...}.
using Prediction = nlohmann::json;

class Task {
 public:
  virtual ~Task() = default;

  virtual const std::string& kind() const = 0;            // "classification"
  virtual const std::string& default_metric() const = 0;  // "macro_f1"
  // True when a larger value of the metric is better.
  static bool higher_is_better(const std::string& metric);

  virtual ParameterList& parameters() = 0;  // all of them, trained or not, in a fixed order
  virtual const LoadReport& load_report() const = 0;

  // What this task takes for examples of a corpus: its documents, or the pieces of long ones. All below are numbers in
  // that.
  virtual std::shared_ptr<const ShardSet> examples_of(std::shared_ptr<const ShardSet> corpus) const { return corpus; }
  // Packed length of one document of `split` under this task's PackSpec.
  virtual int64_t length(const ShardSet& corpus, Split split, int64_t document) const = 0;
  // The texts of these documents will be read soon (ShardSet::read_ahead).
  virtual void read_ahead(const ShardSet& /*corpus*/, Split /*split*/, const ExampleRange& /*documents*/) const {}
  // The packed batch of these documents with its labels. `step` keys what is drawn (masking); for the validation and
  // test splits the draw is fixed, so that every evaluation scores the same positions.
  virtual Batch make_batch(const ShardSet& corpus, Split split, const std::vector<int64_t>& documents,
                           uint64_t step) const = 0;
  // How many terms the loss of this batch sums (labels or masked tokens).
  virtual int64_t label_count(const Batch& batch) const = 0;
  // What the summed loss is divided by, once, after adding up all ranks: the count of terms, or the sum of their
  // weights. A multiple of 2^-24, so that sums of it are exact in any order.
  virtual double loss_weight(const Batch& batch) const { return static_cast<double>(label_count(batch)); }
  // The loss summed over the batch's labels: a scalar float32 tensor with a graph. An empty batch or one without labels
  // gives a zero that still touches every trained parameter, so that every gradient exists (zeros).
  virtual at::Tensor loss_sum(const Batch& batch, const PassContext& pass) = 0;

  virtual std::unique_ptr<Metrics> make_metrics() const = 0;
  // Forward without gradients or dropout; adds the batch to `metrics`.
  virtual void evaluate(const Batch& batch, Metrics& metrics) = 0;
  // Whether evaluate() lets the model write texts too and measures them, where the task is about that: a pass for every
  // token. It does unless told otherwise.
  virtual void measure_texts(bool /*on*/) {}
  // What the model says of each document of a batch, as predict() gives it, beside its "truth". Empty: this task has
  // nothing to say of a document as a whole.
  virtual std::vector<Prediction> predict_batch(const Batch& /*batch*/) { return {}; }
  // Forward on texts (pairs empty where the task has none).
  virtual std::vector<Prediction> predict(const Tokenizer& tokenizer, const std::vector<std::string>& texts,
                                          const std::vector<std::string>& pairs) = 0;
  // The text fields that it reads of a document; and the same of rows of texts, one for each of these fields.
  virtual std::vector<std::string> text_fields() const { return {"text"}; }
  virtual std::vector<Prediction> predict_rows(const Tokenizer& tokenizer,
                                               const std::vector<std::vector<std::string>>& rows);

  // Where nothing below the head is trained and the head reads one row of numbers for each document, that row never
  // changes: it may be computed once and kept (Note [A frozen trunk is computed once] in trainer/features.h).
  // The numbers in a row; 0: the trunk is trained, or this task's head reads more than a row.
  virtual int64_t feature_width() const { return 0; }
  // What the rows depend on besides the corpus: weights, shapes, fields, length, tokenizer, code.
  virtual nlohmann::json feature_identity() const { return {}; }
  // The rows of a batch, float32 [sequences, width], contiguous.
  virtual at::Tensor compute_features(const Batch& /*batch*/) { return {}; }
  // From now on make_batch() of the corpus that `store` belongs to adds its rows, and passes begin with them. The trunk
  // must keep its weights.
  virtual void use_features(std::shared_ptr<const FeatureStore> /*store*/) {}

  // Whether the run wants a temperature (trainer/temperature.h), which logit_rows() are for.
  virtual bool wants_temperature() const { return false; }
  // Without graph or dropout.
  virtual LogitRows logit_rows(const Batch& /*batch*/) { return {}; }
  // Divides all logits by it from now on, by changing the weights of the head's last layer.
  virtual void set_temperature(double /*temperature*/) {}

  // config.json of the model folder that this task writes ("architectures": ["BertForSequenceClassification"], ...).
  virtual nlohmann::json model_config() const = 0;
  // broadsheet.json beside it: {"task": {...}, "max_length": ..., "tokenizer_fingerprint": ...}: what evaluate and
  // predict need to go on from a folder.
  virtual nlohmann::json broadsheet_config() const = 0;
  // adapter_config.json in the place of config.json, where an adapter is trained (trainer/adapters/lora.h; then
  // broadsheet.json holds "config" and "base": {"folder", "weights"}); else null.
  virtual nlohmann::json adapter_config() const { return nullptr; }
};

// What a model folder or a checkpoint of this task holds, under its names there: all parameters, or where an adapter is
// trained what is trained. Handles to the same tensors, in the order of parameters().
ParameterList saved_parameters(Task& task);

struct TaskRequest {
  ModelConfig model;
  TaskConfig task;
  AdapterConfig adapter;
  int64_t max_length = 128;
  LongDocuments long_documents = LongDocuments::kTruncate;
  uint64_t seed = 1;                  // initialises new heads and models from scratch
  std::optional<double> dropout;      // overrides the model's own
  std::vector<std::string> classes;   // classification, tagging: names by id
  std::vector<double> class_weights;  // classification: by id (tasks/class_weights.h); empty: all 1
  std::shared_ptr<const Tokenizer> tokenizer;
  // The weights are read from a checkpoint later: shapes and names are checked here, values are neither read nor drawn.
  bool weights_follow = false;
};
// Builds the model (from a folder or from scratch) and its head. Throws UserError ("model.*", "task.*").
std::unique_ptr<Task> make_task(const TaskRequest& request);
// From a folder that a run of ours wrote: task, fields and classes come from its broadsheet.json and config.json.
// A plain Hugging Face folder with a classification head works too (id2label); `task` may then name the fields.
std::unique_ptr<Task> load_task(const ModelLocation& location, const TaskConfig* task);

// Sets requires_grad as `freeze` says. A trunk of which nothing is trained runs without dropout. UserError when nothing
// would be trained or layers exceed the model's.
void apply_freeze(ParameterList& parameters, const FreezeConfig& freeze);

}  // namespace broadsheet
