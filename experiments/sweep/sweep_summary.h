// What the table, the page, --json and --csv all ask of a SweepView: order, means, words. Inside experiments/sweep/.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "experiments/sweep/sweep_view.h"

namespace broadsheet {

// Indices into view.trials of those with a finite value, best first; equals by number.
std::vector<size_t> ranking(const SweepView& view);

struct ConfigurationSummary {
  int64_t configuration = 0;
  std::vector<size_t> trials;   // indices into view.trials, by number
  int64_t values = 0;           // how many of them have a finite value
  double mean = 0, spread = 0;  // of those; the spread is the sample's standard deviation, 0 of fewer than two
};
// Best mean first, those first whose repeats all have a value; those without any last. `ended_only`: trials that wait
// or run are left out.
std::vector<ConfigurationSummary> configurations_of(const SweepView& view, bool ended_only);

const TrialView* trial_numbered(const SweepView& view, std::optional<int64_t> number);  // nullptr: none
int64_t count_state(const SweepView& view, const std::string& state);
bool has_ended(const TrialView& trial);  // or pauses: neither waits nor runs
bool has_value(const TrialView& trial);  // a finite one
double core_hours(const TrialView& trial);

// "0.7312", or "0.7312 +- 0.01 (mean of 3)" of its configuration where runs are repeated.
std::string best_value(const SweepView& view, const TrialView& best);

std::string trial_name(const TrialView& trial);  // "0017": its folder under trials/
// "learning_rate" for "train.learning_rate", where no other parameter ends so.
std::string short_name(const SweepView& view, const std::string& parameter);
// A parameter's value for people, at most about `longest` bytes: 3.2e-05, lora, [query, value].
std::string short_value(const nlohmann::json& value, size_t longest = 40);
// "learning_rate 3.2e-05, kind lora": the active ones, in the sweep file's order.
std::string short_parameters(const SweepView& view, const TrialView& trial);
// The names of view.parameters, then any other that a trial has.
std::vector<std::string> parameter_names(const SweepView& view);

}  // namespace broadsheet
