// SweepView: what is known of a sweep, for people: its table, its report, --json and --csv. Made from the journal and
// the trials' own records by experiments/sweep/; the drawing knows nothing else.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "experiments/search/early_termination.h"
#include "experiments/search/space.h"

namespace broadsheet {

struct TrialView {
  int64_t number = 0;         // trials/<nnnn>
  int64_t configuration = 0;  // the same for its repeats
  Assignment parameters;      // those that are active
  // waiting | running | paused | done | pruned (paused when the sweep had ended) | infeasible | failed
  std::string state;
  std::string why;                                // of infeasible and failed, and of a trial that waits for a retry
  int64_t steps = 0;                              // trained so far
  std::optional<double> value;                    // of the sweep's metric on the validation split, best so far
  std::vector<std::pair<int64_t, double>> curve;  // (step, value) of every validation
  double seconds = 0;                             // training time over all its legs
  int64_t cores = 1;                              // ranks x threads
  std::string folder;
};

struct SweepView {
  std::string name, folder, method, metric;
  bool maximize = false;
  bool finished = false;
  int64_t trials_wanted = 0, repeat = 1;
  EarlyTerminationConfig early_terminate;
  std::vector<EarlyTermination::RungCount> rungs;
  std::vector<TrialView> trials;  // by number
  std::optional<int64_t> best;    // number of the best trial (of the best configuration by mean, when repeated)
  // Of every parameter: name, how it was drawn (for axes: "log_uniform_values", "values", ...), as in the sweep file.
  std::vector<SearchParameter> parameters;
};

// {"schema": 1, "name", "method", "metric", "goal", "finished", "trials": [{"number", "configuration", "parameters",
// "state", "steps", "value", "seconds"}], "best": n | null, ...}: what `report DIR --json` prints and results.json
// holds (the latter without seconds: no clock in it).
nlohmann::json to_json(const SweepView& view, bool with_clock);
// One line a trial; a column per parameter. Quoted by RFC 4180; a text that a spreadsheet would run as a formula gets
// an apostrophe in front.
std::string to_csv(const SweepView& view);

// The page: best-so-far curve, parallel coordinates, slices per parameter, importance, survival on rungs, cost per
// trial, a sortable table with links to each run's own report.
std::string sweep_report_html(const SweepView& view);

// How much of the variation in what was reached is due to each parameter, 0 to 1, summing to 1: PED-ANOVA (Watanabe,
// Bansal & Hutter 2023). Empty when fewer than 10 trials have a value.
std::vector<std::pair<std::string, double>> parameter_importance(const SweepView& view);

}  // namespace broadsheet
