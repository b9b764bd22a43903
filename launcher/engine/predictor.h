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

struct PredictCounts {
  int64_t predicted = 0, rejected = 0;
  std::string first_reason;  // of a rejection: "line 3: not valid JSON"

  // UserError("predict.no_good_line") when lines were rejected and none was answered.
  void check(const std::string& input, const std::string& text_field) const;
};

// Lines of text, each with its newline.
struct LineSinks {
  std::function<void(const std::string& answer)> answer;  // of good lines, in order
  std::function<void(const std::string& reject)> reject;  // {"file", "line", "reason"} of the others
};

// Every line is answered or rejected. Memory is bounded by a few dozen lines. `input`: the file's name, for rejects.
PredictCounts answer_lines(Predictor& predictor, LineStream& lines, const std::string& input, const LineSinks& sinks);

}  // namespace broadsheet
