#include "experiments/sweep/foreign_distribution.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>

#include "core/text.h"

namespace broadsheet {
namespace {

std::optional<double> number_at(const ConfigNode& node, const char* key) {
  const ConfigNode* found = node.find(key);
  if (found == nullptr || !found->is_scalar()) return std::nullopt;
  double number = 0;
  const char* const end = found->text.data() + found->text.size();
  const auto result = std::from_chars(found->text.data(), end, number);
  return result.ec == std::errc() && result.ptr == end ? std::optional(number) : std::nullopt;
}

std::string text_at(const ConfigNode& node, const char* key) {
  const ConfigNode* found = node.find(key);
  return found != nullptr && found->is_scalar() ? printable(found->text, 40) : "...";
}

std::string short_number(double number) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, number, std::chars_format::general, 6);
  return std::string(text, end.ptr);
}

// W&B's log_uniform draws e^x with x between min and max.
std::string exponents(const ConfigNode& node, const std::string& ours) {
  const auto min = number_at(node, "min"), max = number_at(node, "max");
  std::string line = cat("write distribution: ", ours);
  if (min && max && std::abs(*min) < 700 && std::abs(*max) < 700) {
    line += cat(", min: ", short_number(std::exp(*min)), ", max: ", short_number(std::exp(*max)));
  }
  return line + (min && *min > 0 ? " (if the bounds are the values themselves, keep them)" : "");
}

std::string bounds(const ConfigNode& node) {
  const auto bound = [&](const char* ours, const char* optuna, const char* older) {
    for (const char* key : {ours, optuna, older}) {
      if (node.find(key) != nullptr) return text_at(node, key);
    }
    return std::string("...");
  };
  return cat(", min: ", bound("min", "low", "lower"), ", max: ", bound("max", "high", "upper"));
}

}  // namespace

const std::vector<std::string>& distribution_names() {
  static const std::vector<std::string> names = {
      "uniform", "log_uniform_values", "int_uniform", "q_uniform",   "q_log_uniform_values",
      "normal",  "log_normal",         "q_normal",    "q_log_normal"};
  return names;
}

bool foreign_distribution(const ConfigNode& node, const std::string& key, ConfigReader& reader) {
  const ConfigNode* found = node.find("distribution");
  if (found == nullptr || !found->is_scalar()) return false;
  static const std::map<std::string, std::string> numbers = {{"loguniform", "log_uniform_values"},
                                                             {"log-uniform", "log_uniform_values"},
                                                             {"reciprocal", "log_uniform_values"},
                                                             {"suggest_loguniform", "log_uniform_values"},
                                                             {"float", "uniform"},
                                                             {"double", "uniform"},
                                                             {"suggest_float", "uniform"},
                                                             {"suggest_uniform", "uniform"},
                                                             {"int", "int_uniform"},
                                                             {"integer", "int_uniform"},
                                                             {"randint", "int_uniform"},
                                                             {"suggest_int", "int_uniform"},
                                                             {"quniform", "q_uniform"},
                                                             {"qrandint", "q_uniform"},
                                                             {"qloguniform", "q_log_uniform_values"},
                                                             {"lograndint", "q_log_uniform_values"},
                                                             {"discrete_uniform", "q_uniform"},
                                                             {"suggest_discrete_uniform", "q_uniform"},
                                                             {"inv_log_uniform_values", "log_uniform_values"},
                                                             {"inv_log_uniform", "log_uniform_values"}};
  static const std::map<std::string, std::string> others = {{"randn", "normal"},
                                                            {"gaussian", "normal"},
                                                            {"lognormal", "log_normal"},
                                                            {"qrandn", "q_normal"},
                                                            {"qlognormal", "q_log_normal"}};
  static const std::vector<std::string> lists = {"choice", "choices",     "categorical", "suggest_categorical",
                                                 "grid",   "grid_search", "sample_from", "categorical_w_probabilities"};
  std::string name = found->text;
  std::transform(name.begin(), name.end(), name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  if (starts_with(name, "tune.")) name = name.substr(5);
  const auto record = [&](const std::string& code, const std::string& what, const std::string& remedy) {
    reader.fault_at(found->place, join_key(key, "distribution"), code, what, remedy);
    return true;
  };
  if (name == "log_uniform" || name == "q_log_uniform") {
    return record("sweep.log_uniform", cat("the bounds of ", name, " are exponents (e^min to e^max), wanted values"),
                  exponents(node, name + "_values"));
  }
  const std::string what = cat("found ", describe(*found), ", another tool's name");
  const std::string code = "config.foreign_key";
  const auto number = numbers.find(name), other = others.find(name);
  if (number != numbers.end()) {
    const bool steps = starts_with(number->second, "q_");
    return record(code, what, cat("write distribution: ", number->second, bounds(node), steps ? ", q: 1" : ""));
  }
  if (other != others.end())
    return record(code, what, cat("write distribution: ", other->second, ", mu: ..., sigma: ..."));
  if (std::find(lists.begin(), lists.end(), name) != lists.end()) {
    return record(code, what, "write values: [...] without a distribution");
  }
  if (name == "constant") return record(code, what, cat("write value: ", text_at(node, "value")));
  return false;
}

}  // namespace broadsheet
