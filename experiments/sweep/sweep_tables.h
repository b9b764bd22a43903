// The tables of a sweep's page, as HTML, or "" where there is nothing to tell. Inside experiments/sweep/.
#pragma once

#include <string>

#include "experiments/sweep/sweep_view.h"

namespace broadsheet {

inline constexpr size_t kMostRows = 500;

// The best trial's parameters beside the full names of their keys, with a link to its run.
std::string best_trial_html(const SweepView& view);
// With repeats: every configuration's mean and spread, the best first.
std::string configurations_html(const SweepView& view);
// What went wrong: cause, how often, one of the trials. Causes that differ in their numbers only are one.
std::string failures_html(const SweepView& view);
// All trials, the best first, those without a value last; at most kMostRows.
std::string trials_html(const SweepView& view);

}  // namespace broadsheet
