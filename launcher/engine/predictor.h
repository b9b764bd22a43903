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

// What answers lines: takes some, then answers them together.
class LineAnswerer {
 public:
  virtual ~LineAnswerer() = default;
  // The object of a line, to be answered; why it cannot be, or empty: it was taken.
  virtual std::string take(const nlohmann::json& object, int64_t line) = 0;
  // Of what was taken since the last call, in order.
  virtual std::vector<Prediction> answer() = 0;
  // The fields of a line, in words.
  virtual std::string wanted() const = 0;
};

// The reason why `field` of a line cannot be read as a text; empty when it can.
std::string why_not_text(const nlohmann::json& object, const std::string& field);

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

struct PredictCounts {
  int64_t predicted = 0, rejected = 0;
  std::string first_reason;  // of a rejection: "line 3: not valid JSON"

  // UserError("predict.no_good_line") when lines were rejected and none was answered.
  // `wanted`: LineAnswerer::wanted().
  void check(const std::string& input, const std::string& wanted) const;
};

// Lines of text, each with its newline.
struct LineSinks {
  std::function<void(const std::string& answer)> answer;  // of good lines, in order
  std::function<void(const std::string& reject)> reject;  // {"file", "line", "reason"} of the others
};

// Every line is answered or rejected. Memory is bounded by a few dozen lines. `input`: the file's name, for rejects.
PredictCounts answer_lines(LineAnswerer& answerer, LineStream& lines, const std::string& input, const LineSinks& sinks);

}  // namespace broadsheet
