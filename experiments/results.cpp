#include "experiments/results.h"

#include <cmath>
#include <cstdio>
#include <set>

#include "core/durable.h"
#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

nlohmann::json to_json(const SplitResults& split) {
  nlohmann::json value = {{"before", metrics_json(split.before)}, {"after", metrics_json(split.after)}};
  if (split.details.is_object()) value.update(split.details);
  return value;
}

std::map<std::string, double> metrics_from(const nlohmann::json& values) {
  std::map<std::string, double> metrics;
  for (const auto& [name, value] : values.items()) metrics[name] = value.is_null() ? std::nan("") : value.get<double>();
  return metrics;
}

std::string metric_cell(const std::map<std::string, double>& metrics, const std::string& name) {
  const auto found = metrics.find(name);
  if (found == metrics.end()) return "-";
  if (is_count(name)) return with_thousands(static_cast<int64_t>(found->second));
  char text[32];
  std::snprintf(text, sizeof text, "%.4f", found->second);
  return text;
}

std::string right_aligned(const std::string& text, size_t width) {
  return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

}  // namespace

bool is_count(const std::string& metric) {
  for (const char* count : {"examples", "tokens", "masked_tokens", "predicted_tokens", "target_tokens", "tagged_words",
                            "left_out_words", "support"})
    if (metric == count) return true;
  return false;
}

nlohmann::json metrics_json(const std::map<std::string, double>& metrics) {
  nlohmann::json values = nlohmann::json::object();
  for (const auto& [name, value] : metrics) {
    values[name] = is_count(name) ? nlohmann::json(static_cast<int64_t>(value)) : nlohmann::json(value);
  }
  return values;
}

nlohmann::json to_json(const RunResults& results) {
  nlohmann::json value = {{"schema", 1},
                          {"name", results.name},
                          {"task", results.task},
                          {"metric", results.metric},
                          {"steps", results.steps},
                          {"best_step", results.best_step},
                          {"validation", to_json(results.validation)},
                          {"test", to_json(results.test)}};
  if (results.bits_differ_after >= 0) value["bits_may_differ_after_step"] = results.bits_differ_after;
  if (results.trained_on_validation) value["trained_on"] = {"train", "validation"};
  if (results.tokens_left_out > 0) value["tokens_left_out"] = results.tokens_left_out;
  if (results.temperature) value["temperature"] = *results.temperature;
  return value;
}

RunResults read_results(const std::string& path) {
  try {
    const nlohmann::json value = nlohmann::json::parse(read_file(path, 64 << 20));
    const auto split_of = [&](const char* name) {
      nlohmann::json details = value.at(name);
      for (const char* known : {"before", "after"}) details.erase(known);
      return SplitResults{metrics_from(value.at(name).at("before")), metrics_from(value.at(name).at("after")),
                          details.empty() ? nlohmann::json() : details};
    };
    return {value.at("name"),
            value.at("task"),
            value.at("metric"),
            value.at("steps"),
            value.at("best_step"),
            split_of("validation"),
            split_of("test"),
            value.value("bits_may_differ_after_step", int64_t{-1}),
            value.contains("trained_on"),
            value.value("tokens_left_out", 0.0),
            value.contains("temperature") ? std::optional<double>(value.at("temperature")) : std::nullopt};
  } catch (const nlohmann::json::exception& error) {
    throw UserError("run.results", cat(path, ": not the results of a run: ", error.what()), "train the run again");
  }
}

void publish_results(const std::string& path, const RunResults& results, const Fence& fence) {
  fence.publish_text(path, to_json(results).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

std::string results_table(const RunResults& results) {
  constexpr size_t kName = 18, kCell = 13;
  const std::map<std::string, double>* columns[] = {&results.validation.before, &results.validation.after,
                                                    &results.test.before, &results.test.after};
  std::set<std::string> names;
  for (const auto* column : columns) {
    for (const auto& [name, value] : *column) names.insert(name);
  }
  std::string text = right_aligned("", kName) + right_aligned("validation", 2 * kCell) +
                     right_aligned("test", 2 * kCell) + "\n" + right_aligned("", kName) +
                     right_aligned("before", kCell) + right_aligned("after", kCell) + right_aligned("before", kCell) +
                     right_aligned("after", kCell);
  for (const std::string& name : names) {
    text += "\n" + name + (name.size() < kName ? std::string(kName - name.size(), ' ') : " ");
    for (const auto* column : columns) text += right_aligned(metric_cell(*column, name), kCell);
    if (name == results.metric && results.validation.after.count(name) > 0) text += "  <- chooses the best weights";
  }
  return text;
}

}  // namespace broadsheet
