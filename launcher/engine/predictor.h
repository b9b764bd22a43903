// A trained model that answers lines of JSON.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "checkpoints/huggingface.h"
#include "data/tokenizers/tokenizer.h"
#include "launcher/line_answers.h"
#include "trainer/tasks/task.h"

namespace broadsheet {

class Predictor : public LineAnswerer {
 public:
  // A run, a checkpoint or a Hugging Face folder. Throws as locate_model() and load_task().
  explicit Predictor(const std::string& model);

  const std::vector<std::string>& fields() const { return fields_; }  // that it reads of a line, each a text
  Prediction predict(const std::vector<std::string>& row);            // one text for each of them

  std::string take(const nlohmann::json& object, int64_t line) override;
  std::vector<Prediction> answer() override;
  std::string wanted() const override;

 private:
  ModelLocation location_;
  std::unique_ptr<Task> task_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::vector<std::string> fields_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace broadsheet
