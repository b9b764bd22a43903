#include "launcher/engine/predictor.h"

#include <utility>

#include "core/text.h"

namespace broadsheet {

Predictor::Predictor(const std::string& model)
    : location_(locate_model(model)),
      task_(load_task(location_, nullptr)),
      tokenizer_(load_tokenizer(location_.tokenizer_folder)),
      fields_(task_->text_fields()) {}

Prediction Predictor::predict(const std::vector<std::string>& row) {
  return task_->predict_rows(*tokenizer_, {row}).at(0);
}

std::string Predictor::take(const nlohmann::json& object, int64_t) {
  std::vector<std::string> row;
  for (const std::string& field : fields_) {
    if (const std::string reason = why_not_text(object, field); !reason.empty()) return reason;
    row.push_back(object[field]);
  }
  rows_.push_back(std::move(row));
  return "";
}

std::vector<Prediction> Predictor::answer() {
  return task_->predict_rows(*tokenizer_, std::exchange(rows_, {}));
}

std::string Predictor::wanted() const {
  return cat(fields_.size() > 1 ? "the fields " : "the field ", join(fields_, " and "));
}

}  // namespace broadsheet
