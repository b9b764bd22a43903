// A corpus in memory and a task with two linear layers: small enough to train in milliseconds, with everything that the
// loop must get right (dropout keyed by example, uneven lengths, an empty batch, named parameters, a metric).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "data/shards.h"
#include "trainer/tasks/task.h"

namespace broadsheet {

// Documents of 1..16 token ids below 100, a class of three that depends on them, and a number.
class MemoryCorpus : public ShardSet {
 public:
  MemoryCorpus(int64_t train, int64_t validation, int64_t test, uint64_t seed = 1);
  const std::string& folder() const override { return name_; }
  const std::string& name() const override { return name_; }
  const std::string& fingerprint() const override { return fingerprint_; }
  const std::string& tokenizer_fingerprint() const override { return name_; }
  const std::vector<FieldInfo>& fields() const override { return fields_; }
  int64_t size(Split split) const override;
  int64_t total_tokens(Split split, const std::string& field) const override;
  TokenIds tokens(Split split, const std::string& field, int64_t document) const override;
  int32_t label(Split split, const std::string& field, int64_t document) const override;
  std::vector<int32_t> labels(Split, const std::string&, int64_t) const override { return {}; }
  std::vector<std::string> list(Split, const std::string&, int64_t) const override { return {}; }
  double number(Split split, const std::string& field, int64_t document) const override;
  std::string string(Split split, const std::string& field, int64_t document) const override;

 private:
  struct Document {
    std::vector<int32_t> tokens;
    int32_t label = 0;
  };
  const Document& document(Split split, int64_t number) const;
  std::string name_ = "memory", fingerprint_;
  std::vector<FieldInfo> fields_;
  std::map<Split, std::vector<Document>> documents_;
};

struct TwoLayerOptions {
  int64_t hidden = 16;
  double dropout = 0.2;
  uint64_t seed = 3;
  int64_t not_finite_at = -1;    // the loss of this step (0..) is infinite
  int64_t not_finite_steps = 1;  // and of so many in all
};

class TwoLayerTask : public Task {
 public:
  explicit TwoLayerTask(TwoLayerOptions options = {});
  const std::string& kind() const override { return kind_; }
  const std::string& default_metric() const override { return metric_; }
  ParameterList& parameters() override { return parameters_; }
  const LoadReport& load_report() const override { return report_; }
  int64_t length(const ShardSet& corpus, Split split, int64_t document) const override;
  Batch make_batch(const ShardSet& corpus, Split split, const std::vector<int64_t>& documents,
                   uint64_t step) const override;
  int64_t label_count(const Batch& batch) const override { return batch.sequences(); }
  at::Tensor loss_sum(const Batch& batch, const PassContext& pass) override;
  std::unique_ptr<Metrics> make_metrics() const override;
  void evaluate(const Batch& batch, Metrics& metrics) override;
  std::vector<Prediction> predict(const Tokenizer&, const std::vector<std::string>&,
                                  const std::vector<std::string>&) override {
    return {};
  }
  nlohmann::json model_config() const override { return {{"model_type", "two_layer"}}; }
  nlohmann::json broadsheet_config() const override { return {{"task", kind_}}; }

 private:
  at::Tensor logits(const Batch& batch, const PassContext& pass) const;
  TwoLayerOptions options_;
  std::string kind_ = "two_layer", metric_ = "accuracy";
  ParameterList parameters_;
  LoadReport report_;
};

}  // namespace broadsheet
