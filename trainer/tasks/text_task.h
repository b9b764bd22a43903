// What the tasks on one model share: a model, texts packed into sequences, and the files that describe both.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "trainer/models/language_model.h"
#include "trainer/tasks/task.h"

namespace broadsheet {

// Everything a task is made from, read and checked.
struct TaskSetup {
  TaskConfig task;
  AdapterConfig adapter;
  Architecture model;                  // with the dropout that is used
  nlohmann::json source_config;        // config.json as it was found (or made from scratch); other keys are kept
  std::optional<WeightFiles> weights;  // absent: from scratch
  int64_t max_length = 128;
  LongDocuments long_documents = LongDocuments::kTruncate;
  uint64_t seed = 1;
  std::vector<std::string> classes;
  std::vector<double> class_weights;  // as in TaskRequest
  std::shared_ptr<const Tokenizer> tokenizer;
  bool weights_follow = false;  // as in TaskRequest
  // With an adapter: the folder of its base, and WeightFiles::identity() of that.
  std::string base_folder, base_weights;
};

std::unique_ptr<Task> make_masked_lm(TaskSetup setup);
std::unique_ptr<Task> make_causal_lm(TaskSetup setup);
std::unique_ptr<Task> make_generation(TaskSetup setup);
std::unique_ptr<Task> make_classification(TaskSetup setup);
std::unique_ptr<Task> make_regression(TaskSetup setup);
std::unique_ptr<Task> make_tagging(TaskSetup setup);

// Class names of a config.json by id: id2label, else as transformers: "LABEL_0", ... of num_labels, or two of them.
// UserError("model.config") when it is malformed.
std::vector<std::string> class_names(const nlohmann::json& config, const std::string& source);
// Writes them as transformers has them: num_labels, id2label, label2id.
void name_classes(const std::vector<std::string>& classes, nlohmann::json& config);
// True for names that say nothing ("LABEL_0", "LABEL_1", ...): what transformers writes without id2label.
bool are_generic(const std::vector<std::string>& classes);

// The token that ends a text, -1: none. Of causal models with a tokenizer of GPT-2's kind <|endoftext|>.
int32_t end_of_text(const SpecialTokens& specials, bool causal);

// The first sequence of every document of a batch.
std::vector<int64_t> first_pieces(const Batch& batch);
// The mean of each document's rows: [sequences, width] in, [documents, width] out.
at::Tensor mean_by_document(const at::Tensor& rows, const std::vector<int64_t>& firsts);

class TextTask : public Task {
 public:
  const std::string& kind() const override { return setup_.task.kind; }
  ParameterList& parameters() override { return model_->parameters(); }
  const LoadReport& load_report() const override;
  std::shared_ptr<const ShardSet> examples_of(std::shared_ptr<const ShardSet> corpus) const override;
  int64_t length(const ShardSet& corpus, Split split, int64_t document) const override;
  void read_ahead(const ShardSet& corpus, Split split, const ExampleRange& documents) const override;
  at::Tensor loss_sum(const Batch& batch, const PassContext& pass) override;
  void evaluate(const Batch& batch, Metrics& metrics) override;
  std::vector<Prediction> predict_batch(const Batch& batch) override;
  std::vector<Prediction> predict(const Tokenizer& tokenizer, const std::vector<std::string>& texts,
                                  const std::vector<std::string>& pairs) override;
  std::vector<std::string> text_fields() const override;
  int64_t feature_width() const override;
  nlohmann::json feature_identity() const override;
  at::Tensor compute_features(const Batch& batch) override;
  void use_features(std::shared_ptr<const FeatureStore> store) override { features_ = std::move(store); }
  nlohmann::json model_config() const override;
  nlohmann::json broadsheet_config() const override;
  nlohmann::json adapter_config() const override;

 protected:
  TextTask(TaskSetup setup, const ModelHeads& heads);

  // Whether the head reads one row of each sequence (LanguageModel::head_rows) and nothing else.
  virtual bool reads_one_row() const { return true; }
  // Whether it learns where a document ends: a sequence that stops before has no token for the end.
  virtual bool learns_the_end() const { return false; }
  // Whether the predictions of a document's pieces make one.
  virtual bool joins_pieces() const { return true; }
  // A batch as the model reads it.
  PackedInput input_of(const Batch& batch) const;
  // What that head makes of a batch [sequences, labels], from its features where it has them.
  at::Tensor head_logits(const Batch& batch, const PackedInput& input, const PassContext& pass) const;
  // The packed batch without labels; check_tokens() has looked at it.
  Batch pack_documents(const ShardSet& corpus, Split split, const std::vector<int64_t>& documents) const;
  // UserError("corpus.token") for ids outside the vocabulary.
  void check_tokens(const Batch& batch, const ShardSet& corpus, Split split) const;
  // Summed loss of a batch that has labels.
  virtual at::Tensor labelled_loss(const Batch& batch, const PackedInput& input, const PassContext& pass) = 0;
  // Called without graph or dropout, for a batch with at least one sequence.
  virtual void measure(const Batch& batch, const PackedInput& input, Metrics& metrics) = 0;
  // What a sequence's label is, in the words of answer(). Null: there is no such thing.
  virtual nlohmann::json truth(const Batch& /*batch*/, int64_t /*sequence*/) const { return nullptr; }
  virtual std::vector<Prediction> answer(const Tokenizer& tokenizer, const Batch& batch, const PackedInput& input) = 0;
  // The same where the texts themselves are at hand; `batch` is made of them.
  virtual std::vector<Prediction> answer_texts(const Tokenizer& tokenizer, const std::vector<std::string>& texts,
                                               Batch batch);

  TaskSetup setup_;
  const ModelTraits traits_;
  const std::unique_ptr<LanguageModel> model_;

 private:
  PackSpec pack_spec(Split split) const;

  std::shared_ptr<const FeatureStore> features_;
};

}  // namespace broadsheet
