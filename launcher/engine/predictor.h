// A trained model that answers lines of JSON.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "checkpoints/huggingface.h"
#include "data/tokenizers/tokenizer.h"
#include "launcher/line_pieces.h"
#include "trainer/tasks/task.h"

namespace broadsheet {

class Predictor {
 public:
  // A run, a checkpoint or a Hugging Face folder. Throws as locate_model() and load_task().
  explicit Predictor(const std::string& model);

  const std::string& text_field() const { return text_; }
  const std::string& pair_field() const { return pair_; }  // empty: the task takes one text
  std::vector<Prediction> predict(const std::vector<std::string>& texts, const std::vector<std::string>& pairs);

 private:
  ModelLocation location_;
  std::unique_ptr<Task> task_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::string text_ = "text", pair_;
};

struct LineAnswers {
  std::function<void(const nlohmann::json& answer)> write;  // of good lines, in order
  std::function<void(int64_t line, const std::string& reason)> reject;
};

// Every line is answered or rejected. Memory is bounded by a few dozen lines.
void answer_lines(Predictor& predictor, LineStream& lines, const LineAnswers& answers);

}  // namespace broadsheet
