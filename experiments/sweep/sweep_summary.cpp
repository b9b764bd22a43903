#include "experiments/sweep/sweep_summary.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>

#include "core/text.h"
#include "experiments/report_chart.h"

namespace broadsheet {
namespace {

using nlohmann::json;

// Not in the middle of a character.
std::string cut(const std::string& text, size_t longest) {
  if (text.size() <= longest) return text;
  size_t end = longest;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

void measure(const SweepView& view, ConfigurationSummary& summary) {
  double sum = 0, square = 0;
  for (const size_t index : summary.trials) {
    if (!has_value(view.trials[index])) continue;
    sum += *view.trials[index].value;
    ++summary.values;
  }
  if (summary.values == 0) return;
  summary.mean = sum / static_cast<double>(summary.values);
  for (const size_t index : summary.trials) {
    if (!has_value(view.trials[index])) continue;
    const double from_mean = *view.trials[index].value - summary.mean;
    square += from_mean * from_mean;
  }
  if (summary.values > 1) summary.spread = std::sqrt(square / static_cast<double>(summary.values - 1));
}

}  // namespace

bool has_ended(const TrialView& trial) {
  return trial.state != "waiting" && trial.state != "running";
}

bool has_value(const TrialView& trial) {
  return trial.value && std::isfinite(*trial.value);
}

std::vector<size_t> ranking(const SweepView& view) {
  std::vector<size_t> order;
  for (size_t i = 0; i < view.trials.size(); ++i) {
    if (has_value(view.trials[i])) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    const double x = *view.trials[a].value, y = *view.trials[b].value;
    return view.maximize ? x > y : x < y;
  });
  return order;
}

std::vector<ConfigurationSummary> configurations_of(const SweepView& view, bool ended_only) {
  std::map<int64_t, ConfigurationSummary> by_number;
  for (size_t i = 0; i < view.trials.size(); ++i) {
    if (ended_only && !has_ended(view.trials[i])) continue;
    ConfigurationSummary& summary = by_number[view.trials[i].configuration];
    summary.configuration = view.trials[i].configuration;
    summary.trials.push_back(i);
  }
  std::vector<ConfigurationSummary> out;
  for (auto& [number, summary] : by_number) {
    measure(view, summary);
    out.push_back(std::move(summary));
  }
  const auto group = [&](const ConfigurationSummary& summary) {
    return summary.values >= view.repeat ? 0 : summary.values > 0 ? 1 : 2;
  };
  std::stable_sort(out.begin(), out.end(), [&](const ConfigurationSummary& a, const ConfigurationSummary& b) {
    if (group(a) != group(b)) return group(a) < group(b);
    return view.maximize ? a.mean > b.mean : a.mean < b.mean;
  });
  return out;
}

const TrialView* trial_numbered(const SweepView& view, std::optional<int64_t> number) {
  if (!number) return nullptr;
  const auto found = std::find_if(view.trials.begin(), view.trials.end(),
                                  [&](const TrialView& trial) { return trial.number == *number; });
  return found == view.trials.end() ? nullptr : &*found;
}

int64_t count_state(const SweepView& view, const std::string& state) {
  return std::count_if(view.trials.begin(), view.trials.end(),
                       [&](const TrialView& trial) { return trial.state == state; });
}

double core_hours(const TrialView& trial) {
  return std::isfinite(trial.seconds) ? trial.seconds * static_cast<double>(trial.cores) / 3600 : 0;
}

std::string best_value(const SweepView& view, const TrialView& best) {
  ConfigurationSummary summary;
  for (size_t i = 0; i < view.trials.size(); ++i) {
    if (view.trials[i].configuration == best.configuration) summary.trials.push_back(i);
  }
  measure(view, summary);
  if (summary.values == 0) return for_people(std::nan(""));
  if (summary.values == 1) return for_people(summary.mean);
  return cat(for_people(summary.mean), " +- ", for_people(summary.spread), " (mean of ", summary.values, ")");
}

std::string trial_name(const TrialView& trial) {
  char text[32];
  std::snprintf(text, sizeof text, "%04lld", static_cast<long long>(trial.number));
  return text;
}

std::string short_name(const SweepView& view, const std::string& parameter) {
  const auto last = [](const std::string& name) { return split(name, '.').back(); };
  const std::string word = last(parameter);
  for (const SearchParameter& other : view.parameters) {
    if (other.name != parameter && last(other.name) == word) return parameter;
  }
  return word;
}

std::string short_value(const json& value, size_t longest) {
  if (value.is_string()) return cut(value.get<std::string>(), longest);
  if (value.is_number_float()) return for_people(value.get<double>());
  if (value.is_array()) {
    std::vector<std::string> parts;
    for (const json& part : value) parts.push_back(short_value(part, longest));
    return cut("[" + join(parts, ", ") + "]", longest);
  }
  return cut(value.dump(-1, ' ', false, json::error_handler_t::replace), longest);
}

std::string short_parameters(const SweepView& view, const TrialView& trial) {
  std::vector<std::string> parts;
  std::set<std::string> told;
  const auto tell = [&](const std::string& name, const json& value) {
    if (told.insert(name).second) parts.push_back(cat(short_name(view, name), " ", short_value(value)));
  };
  for (const SearchParameter& parameter : view.parameters) {
    const auto found = trial.parameters.find(parameter.name);
    if (found != trial.parameters.end()) tell(found->first, found->second);
  }
  for (const auto& [name, value] : trial.parameters) tell(name, value);
  return join(parts, ", ");
}

std::vector<std::string> parameter_names(const SweepView& view) {
  std::vector<std::string> names;
  std::set<std::string> known;
  for (const SearchParameter& parameter : view.parameters) {
    if (known.insert(parameter.name).second) names.push_back(parameter.name);
  }
  for (const TrialView& trial : view.trials) {
    for (const auto& [name, value] : trial.parameters) {
      if (known.insert(name).second) names.push_back(name);
    }
  }
  return names;
}

}  // namespace broadsheet
