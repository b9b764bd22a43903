#include "trainer/prediction_lines.h"

#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {

PredictionLines::PredictionLines(Task& task, const ShardSet& examples, Split split)
    : task_(task), examples_(examples), split_(split) {
  for (const FieldInfo& field : examples.fields()) {
    if (field.kind == FieldKind::kId) id_field_ = field.name;
  }
}

void PredictionLines::add(const Batch& batch) {
  const std::vector<Prediction> predictions = task_.predict_batch(batch);
  if (predictions.empty() && batch.sequences() > 0) {
    throw UserError("evaluate.no_predictions", cat("a ", task_.kind(), " model says nothing of a document as a whole"),
                    "leave out --predictions or validation.external, or take a classification or a regression");
  }
  size_t next = 0;
  for (size_t s = 0; s < batch.documents.size(); ++s) {
    if (s > 0 && batch.documents[s] == batch.documents[s - 1]) continue;  // another piece of it
    nlohmann::json line = predictions.at(next++);
    line["row"] = batch.documents[s];
    if (!id_field_.empty()) line["id"] = examples_.string(split_, id_field_, batch.examples[s]);
    text_ += line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  }
}

std::string PredictionLines::all(Communicator& ranks) const {
  return join(ranks.all_gather(text_), "");
}

}  // namespace broadsheet
