#include "experiments/sweep/sweep_view.h"

#include <cmath>

#include "core/text.h"
#include "experiments/sweep/sweep_summary.h"

namespace broadsheet {
namespace {

using nlohmann::json;

json finite_or_null(std::optional<double> value) {
  return value && std::isfinite(*value) ? json(*value) : json();
}

// What others have written into a trial's record may be no UTF-8, which JSON cannot hold.
std::string as_utf8(const std::string& text) {
  constexpr size_t kLongest = 2000;
  return is_utf8(text) && text.size() <= kLongest ? text : printable(text, kLongest);
}

json trial_json(const TrialView& trial, bool with_clock) {
  json out = {{"number", trial.number},       {"configuration", trial.configuration},
              {"parameters", json::object()}, {"state", trial.state},
              {"steps", trial.steps},         {"value", finite_or_null(trial.value)}};
  for (const auto& [name, value] : trial.parameters) out["parameters"][name] = value;
  if (!trial.why.empty()) out["why"] = as_utf8(trial.why);
  if (with_clock) {
    out["seconds"] = finite_or_null(trial.seconds);
    out["cores"] = trial.cores;
  }
  return out;
}

json configurations_json(const SweepView& view) {
  json out = json::array();
  for (const ConfigurationSummary& summary : configurations_of(view, /*ended_only=*/false)) {
    json numbers = json::array();
    for (const size_t index : summary.trials) numbers.push_back(view.trials[index].number);
    out.push_back({{"configuration", summary.configuration},
                   {"trials", numbers},
                   {"values", summary.values},
                   {"mean", summary.values > 0 ? json(summary.mean) : json()},
                   {"spread", summary.values > 1 ? json(summary.spread) : json()}});
  }
  return out;
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

// Spreadsheets take what begins so for a formula, and run it.
std::string text_cell(const std::string& text) {
  const bool formula = !text.empty() && std::string_view("=+-@\t\r").find(text[0]) != std::string_view::npos;
  return csv_cell(formula ? "'" + text : text);
}

std::string cell(const json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return text_cell(value.get<std::string>());
  if (value.is_number_float()) {
    return std::isfinite(value.get<double>()) ? shortest(value.get<double>()) : std::string();
  }
  return csv_cell(value.dump(-1, ' ', false, json::error_handler_t::replace));
}

}  // namespace

json to_json(const SweepView& view, bool with_clock) {
  json out = {{"schema", 1},
              {"name", view.name},
              {"method", view.method},
              {"metric", view.metric},
              {"goal", view.maximize ? "maximize" : "minimize"},
              {"finished", view.finished},
              {"trials_wanted", view.trials_wanted},
              {"repeat", view.repeat},
              {"best", view.best ? json(*view.best) : json()},
              {"trials", json::array()},
              {"importance", json::object()}};
  for (const TrialView& trial : view.trials) out["trials"].push_back(trial_json(trial, with_clock));
  for (const auto& [name, share] : parameter_importance(view)) out["importance"][name] = share;
  json rungs = json::array();
  for (const EarlyTermination::RungCount& rung : view.rungs) {
    rungs.push_back({{"resource", rung.resource}, {"reported", rung.reported}, {"promoted", rung.promoted}});
  }
  out["early_terminate"] = {
      {"type", view.early_terminate.type}, {"resource", view.early_terminate.resource}, {"rungs", rungs}};
  if (view.repeat > 1) out["configurations"] = configurations_json(view);
  return out;
}

std::string to_csv(const SweepView& view) {
  const std::vector<std::string> names = parameter_names(view);
  std::vector<std::string> line = {"number", "configuration", "state", "steps", "value", "seconds", "cores"};
  for (const std::string& name : names) line.push_back(text_cell(name));
  line.push_back("why");
  std::string out = join(line, ",") + "\r\n";
  for (const TrialView& trial : view.trials) {
    line = {std::to_string(trial.number), std::to_string(trial.configuration), text_cell(trial.state),
            std::to_string(trial.steps),  cell(finite_or_null(trial.value)),   cell(finite_or_null(trial.seconds)),
            std::to_string(trial.cores)};
    for (const std::string& name : names) {
      const auto found = trial.parameters.find(name);
      line.push_back(found == trial.parameters.end() ? "" : cell(found->second));
    }
    line.push_back(text_cell(trial.why));
    out += join(line, ",") + "\r\n";
  }
  return out;
}

}  // namespace broadsheet
