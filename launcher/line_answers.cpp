#include "launcher/line_answers.h"

#include <utility>

#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

std::string line_of(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

// Lines that wait to be answered together.
class Waiting {
 public:
  explicit Waiting(LineAnswerer& answerer) : answerer_(answerer) {}

  bool full() const { return names_.size() == answerer_.together(); }
  // Why the line cannot be answered; empty: it waits.
  std::string add(const std::string& line, int64_t number) {
    if (!is_utf8(line)) return "not valid UTF-8";
    const nlohmann::json object = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (object.is_discarded()) return trim(line).empty() ? "empty line" : "not valid JSON";
    if (!object.is_object()) return cat("found ", object.type_name(), ", wanted an object");
    if (const std::string reason = answerer_.take(object, number); !reason.empty()) return reason;
    const bool named = object.contains("id") && !object["id"].is_structured() && !object["id"].is_null();
    names_.push_back(named ? nlohmann::json{{"id", object["id"]}} : nlohmann::json{{"line", number}});
    return "";
  }
  // How many were answered.
  int64_t answer(const LineSinks& sinks) {
    if (names_.empty()) return 0;
    const std::vector<nlohmann::json> predictions = answerer_.answer();
    for (size_t i = 0; i < predictions.size(); ++i) {
      nlohmann::json answer = std::move(names_[i]);
      answer.update(predictions[i]);
      sinks.answer(line_of(answer));
    }
    names_.clear();
    return static_cast<int64_t>(predictions.size());
  }

 private:
  LineAnswerer& answerer_;
  std::vector<nlohmann::json> names_;
};

}  // namespace

std::string why_not_text(const nlohmann::json& object, const std::string& field) {
  if (!object.contains(field)) return "no field " + field;
  if (!object[field].is_string()) return cat("field ", field, " is ", object[field].type_name(), ", wanted a string");
  if (object[field].get_ref<const std::string&>().find('\0') != std::string::npos)
    return cat("field ", field, " holds NUL");
  return "";
}

void PredictCounts::check(const std::string& input, const std::string& wanted) const {
  if (predicted > 0 || rejected == 0) return;
  throw UserError("predict.no_good_line", cat(input, ": no line could be read; ", first_reason),
                  cat("each line is a JSON object with ", wanted));
}

PredictCounts answer_lines(LineAnswerer& answerer, LineStream& lines, const std::string& input,
                           const LineSinks& sinks) {
  PredictCounts counts;
  Waiting waiting(answerer);
  for (std::string line; lines.next(line);) {
    const std::string reason = lines.too_long() ? cat("longer than ", human_bytes(LineStream::kLongestLine))
                                                : waiting.add(line, lines.number());
    if (!reason.empty()) {
      if (counts.rejected++ == 0) counts.first_reason = cat("line ", lines.number(), ": ", reason);
      sinks.reject(line_of({{"file", input}, {"line", lines.number()}, {"reason", reason}}));
    }
    if (waiting.full()) counts.predicted += waiting.answer(sinks);
  }
  counts.predicted += waiting.answer(sinks);
  return counts;
}

std::string rejects_of(const std::string& input) {
  return (input == "-" ? "stdin" : input) + ".rejected.jsonl";
}

}  // namespace broadsheet
