// What masked and causal language modelling share: a loss over chosen rows, each with the id that it should foresee.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "trainer/tasks/metrics.h"
#include "trainer/tasks/text_task.h"

namespace broadsheet {

class LanguageModelTask : public TextTask {
 public:
  const std::string& default_metric() const override { return metric_; }
  int64_t label_count(const Batch& batch) const override { return static_cast<int64_t>(batch.loss_rows.size()); }
  std::unique_ptr<Metrics> make_metrics() const override {
    return std::make_unique<LanguageModelMetrics>(new_metrics());
  }
  nlohmann::json model_config() const override {
    nlohmann::json config = TextTask::model_config();
    config["architectures"] = {class_with_head(setup_.model, HeadKind::kLanguageModel)};
    config.erase("problem_type");
    return config;
  }

 protected:
  // `counted`: what the metrics call the labels.
  LanguageModelTask(TaskSetup setup, const ModelHeads& heads, std::string counted)
      : TextTask(std::move(setup), heads), counted_(std::move(counted)) {}

  bool reads_one_row() const override { return false; }

  // Causal models with a tokenizer that keeps every byte measure by the bytes that they foresee.
  bool counts_bytes() const { return traits_.causal && setup_.tokenizer->byte_count(0) >= 0; }
  LanguageModelMetrics new_metrics() const { return LanguageModelMetrics(counted_, counts_bytes()); }
  // Of tokens to be foreseen; 0 where bytes are not counted.
  int64_t bytes_of(std::span<const int64_t> labels) const {
    if (!counts_bytes()) return 0;
    int64_t bytes = 0;
    for (const int64_t label : labels) bytes += setup_.tokenizer->byte_count(static_cast<int32_t>(label));
    return bytes;
  }

  const std::string counted_;

 private:
  const std::string metric_ = "loss";
};

}  // namespace broadsheet
