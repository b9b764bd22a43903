// What masked and causal language modelling share: a loss over chosen rows, each with the id that it should foresee.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "trainer/tasks/metrics.h"
#include "trainer/tasks/text_task.h"

namespace broadsheet {

class LanguageModelTask : public TextTask {
 public:
  const std::string& default_metric() const override { return metric_; }
  int64_t label_count(const Batch& batch) const override { return static_cast<int64_t>(batch.loss_rows.size()); }
  std::unique_ptr<Metrics> make_metrics() const override { return std::make_unique<LanguageModelMetrics>(counted_); }
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

  const std::string counted_;

 private:
  const std::string metric_ = "loss";
};

}  // namespace broadsheet
