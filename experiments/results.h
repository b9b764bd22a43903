// results.json: what a finished run has reached. No clock, host or rate in it: a repeat gives the same bytes.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "core/fence.h"

namespace broadsheet {

struct SplitResults {
  std::map<std::string, double> before,
      after;                         // "examples", "loss", "accuracy", ...; empty: the split has no documents
  nlohmann::json details = nullptr;  // beside them, what is no number: {"confusion_matrix": {...}} of after; or null
};

struct RunResults {
  std::string name, task, metric;
  int64_t steps = 0;
  int64_t best_step = 0;  // whose weights model/ holds
  SplitResults validation, test;
  int64_t bits_differ_after = -1;      // step from which bits may differ from an undisturbed run; -1: they do not
  bool trained_on_validation = false;  // and nothing was held out: model/ holds the last weights
  double tokens_left_out = 0;          // share of the training texts' tokens that max_length left out
  std::optional<double> temperature = std::nullopt;  // of task.calibration, which "after" and model/ have
};

// {"schema": 1, "name", "task", "metric", "steps", "best_step", "validation": {"before", "after"}, "test": {...}}.
// And "bits_may_differ_after_step", only where other hardware, ranks or threads came in between; "trained_on":
// ["train", "validation"], only where that was so; "tokens_left_out": where max_length left some out; "temperature":
// where the classifier was calibrated. Of a classification each split has "confusion_matrix" too, as `evaluate` has it.
// Whole numbers are written as such; what is not finite is null.
nlohmann::json to_json(const RunResults& results);
// Whether a metric is how many there are of something.
bool is_count(const std::string& metric);
nlohmann::json metrics_json(const std::map<std::string, double>& metrics);
// UserError("run.results") when `path` is not such a file.
RunResults read_results(const std::string& path);
void publish_results(const std::string& path, const RunResults& results, const Fence& fence);

// The table at a run's end: a row per metric, before and after of validation and test.
std::string results_table(const RunResults& results);

}  // namespace broadsheet
