#include "trainer/tasks/class_weights.h"

#include <cmath>

#include "core/errors.h"

namespace broadsheet {
namespace {

std::vector<double> documents_by_class(const TaskConfig& task, const ShardSet& corpus, size_t classes) {
  std::vector<double> counts(classes);
  for (int64_t document = 0; document < corpus.size(Split::kTrain); ++document) {
    if (task.problem == "multi_label") {
      for (const int32_t label : corpus.labels(Split::kTrain, task.label, document))
        ++counts.at(static_cast<size_t>(label));
    } else {
      const int32_t label = corpus.label(Split::kTrain, task.label, document);
      if (label >= 0) ++counts.at(static_cast<size_t>(label));
    }
  }
  return counts;
}

double rounded(double weight) {
  constexpr double kUnit = 1 << 24;
  return std::round(weight * kUnit) / kUnit;
}

}  // namespace

std::vector<double> class_weights(const TaskConfig& task, const ShardSet& corpus) {
  if (task.class_weights.none()) return {};
  const std::vector<std::string>& classes = corpus.field(task.label).classes;
  std::vector<double> weights(classes.size(), 1.0);
  if (!task.class_weights.balanced) {
    for (size_t id = 0; id < classes.size(); ++id) {
      const auto found = task.class_weights.by_name.find(classes[id]);
      if (found != task.class_weights.by_name.end()) weights[id] = rounded(found->second);
    }
    return weights;
  }
  const auto documents = static_cast<double>(corpus.size(Split::kTrain));
  const std::vector<double> counts = documents_by_class(task, corpus, classes.size());
  for (size_t id = 0; id < classes.size(); ++id) {
    const double count = counts[id];
    if (task.problem == "multi_label") {
      if (count > 0) weights[id] = rounded((documents - count) / count);
    } else {
      weights[id] = count > 0 ? rounded(documents / (static_cast<double>(classes.size()) * count)) : 0;
    }
  }
  return weights;
}

}  // namespace broadsheet
