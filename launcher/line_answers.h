// Lines of JSON in, lines of JSON out: every line is answered, or set aside with a reason.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "launcher/line_pieces.h"

namespace broadsheet {

// What answers lines: takes some, then answers them together.
class LineAnswerer {
 public:
  virtual ~LineAnswerer() = default;
  // The object of a line, to be answered; why it cannot be, or empty: it was taken.
  virtual std::string take(const nlohmann::json& object, int64_t line) = 0;
  // Of what was taken since the last call, in order: what belongs beside the line's id.
  virtual std::vector<nlohmann::json> answer() = 0;
  // The fields of a line, in words.
  virtual std::string wanted() const = 0;
  // How many lines are answered at once.
  virtual size_t together() const { return 32; }
};

// The reason why `field` of a line cannot be read as a text; empty when it can.
std::string why_not_text(const nlohmann::json& object, const std::string& field);

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

// Every line is answered or rejected. Memory is bounded by the lines that are answered at once. `input`: the file's
// name, for rejects.
PredictCounts answer_lines(LineAnswerer& answerer, LineStream& lines, const std::string& input, const LineSinks& sinks);

// Where the lines of an input that could not be answered are listed.
std::string rejects_of(const std::string& input);

}  // namespace broadsheet
