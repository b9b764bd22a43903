#include "launcher/engine/predictor.h"

#include <utility>

#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

constexpr size_t kTogether = 32;  // lines that go through the model at once

// The reason why `text` cannot be read as a text; empty when it can.
std::string why_not_text(const nlohmann::json& object, const std::string& field) {
  if (!object.contains(field)) return "no field " + field;
  if (!object[field].is_string()) return cat("field ", field, " is ", object[field].type_name(), ", wanted a string");
  if (object[field].get_ref<const std::string&>().find('\0') != std::string::npos)
    return cat("field ", field, " holds NUL");
  return "";
}

std::string line_of(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

// Lines that wait to go through the model together.
class Waiting {
 public:
  explicit Waiting(Predictor& predictor) : predictor_(predictor) {}

  bool full() const { return texts_.size() == kTogether; }
  // Why the line cannot be answered; empty: it waits.
  std::string add(const std::string& line, int64_t number) {
    if (!is_utf8(line)) return "not valid UTF-8";
    const nlohmann::json object = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (object.is_discarded()) return trim(line).empty() ? "empty line" : "not valid JSON";
    if (!object.is_object()) return cat("found ", object.type_name(), ", wanted an object");
    for (const std::string& field : {predictor_.text_field(), predictor_.pair_field()}) {
      const std::string reason = field.empty() ? "" : why_not_text(object, field);
      if (!reason.empty()) return reason;
    }
    texts_.push_back(object[predictor_.text_field()]);
    pairs_.push_back(predictor_.pair_field().empty() ? "" : object[predictor_.pair_field()].get<std::string>());
    const bool named = object.contains("id") && !object["id"].is_structured() && !object["id"].is_null();
    names_.push_back(named ? nlohmann::json{{"id", object["id"]}} : nlohmann::json{{"line", number}});
    return "";
  }
  // How many were answered.
  int64_t answer(const LineSinks& sinks) {
    if (texts_.empty()) return 0;
    const std::vector<Prediction> predictions = predictor_.predict(texts_, pairs_);
    for (size_t i = 0; i < predictions.size(); ++i) {
      nlohmann::json answer = std::move(names_[i]);
      answer.update(predictions[i]);
      sinks.answer(line_of(answer));
    }
    texts_.clear();
    pairs_.clear();
    names_.clear();
    return static_cast<int64_t>(predictions.size());
  }

 private:
  Predictor& predictor_;
  std::vector<std::string> texts_, pairs_;
  std::vector<nlohmann::json> names_;
};

}  // namespace

Predictor::Predictor(const std::string& model)
    : location_(locate_model(model)),
      task_(load_task(location_, nullptr)),
      tokenizer_(load_tokenizer(location_.tokenizer_folder)) {
  const nlohmann::json& ours = location_.broadsheet;
  if (ours.is_object() && ours.contains("task") && ours["task"].is_object()) {
    text_ = ours["task"].value("text", text_);
    pair_ = ours["task"].value("text_pair", pair_);
  }
}

std::vector<Prediction> Predictor::predict(const std::vector<std::string>& texts,
                                           const std::vector<std::string>& pairs) {
  return task_->predict(*tokenizer_, texts, pair_.empty() ? std::vector<std::string>{} : pairs);
}

void PredictCounts::check(const std::string& input, const std::string& text_field) const {
  if (predicted > 0 || rejected == 0) return;
  throw UserError("predict.no_good_line", cat(input, ": no line could be read; ", first_reason),
                  cat("each line is a JSON object with the field ", text_field));
}

PredictCounts answer_lines(Predictor& predictor, LineStream& lines, const std::string& input, const LineSinks& sinks) {
  PredictCounts counts;
  Waiting waiting(predictor);
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

}  // namespace broadsheet
