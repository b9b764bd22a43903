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
  int64_t total_steps = 0;                        // of a trial that runs to its end; 0: not known
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
  int64_t trials_wanted = 0;  // configurations, each of which is run `repeat` times; 0: not known
  int64_t repeat = 1;
  EarlyTerminationConfig early_terminate;
  std::vector<EarlyTermination::RungCount> rungs;
  std::vector<TrialView> trials;  // by number
  std::optional<int64_t> best;    // number of the best trial (of the best configuration by mean, when repeated)
  // Of every parameter: name, how it was drawn (for axes: "log_uniform_values", "values", ...), as in the sweep file.
  std::vector<SearchParameter> parameters;
  // For the live table: time in which a driver ran, and a guess at what is left, where there is one.
  std::optional<double> elapsed_seconds, seconds_left;
};

// {"schema": 1, "name", "method", "metric", "goal": "maximize" | "minimize", "finished", "trials_wanted", "repeat",
//  "best": n | null, "importance": {parameter: share},
//  "early_terminate": {"type", "resource", "rungs": [{"resource", "reported", "promoted"}]},
//  "configurations": [{"configuration", "trials": [n], "values", "mean", "spread"}]      best first; with repeat > 1
//  only "trials": [{"number", "configuration", "parameters", "state", "why", "steps", "value": v | null,
//              "seconds", "cores"}]}
// What `report DIR --json` prints and results.json holds: the latter without seconds and cores, no clock in it.
nlohmann::json to_json(const SweepView& view, bool with_clock);
// One line a trial; a column per parameter. Quoted by RFC 4180; a text that a spreadsheet would run as a formula gets
// an apostrophe in front.
std::string to_csv(const SweepView& view);

// The page: best-so-far curve, parallel coordinates, slices per parameter, importance, survival on rungs, cost per
// trial, a sortable table with links to each run's own report. Complete without its script, which only sorts and
// highlights. Below 3 MB however many trials there are: lines are thinned, the best 500 listed.
std::string sweep_report_html(const SweepView& view);

// "12 of 27 done, 2 running, 5 paused, best macro_f1 0.7312, trial 0005".
std::string sweep_line(const SweepView& view);
// "about 12 min left"; empty when it has ended, or there is nothing to go by yet.
std::string time_left(const SweepView& view);

inline constexpr size_t kRunningShown = 12;
// The live table, every line ended and at most `width` columns wide: the head, the first running trials, the best five.
// `colour`: with ANSI colours, for a terminal.
std::string sweep_table(const SweepView& view, size_t width, bool colour);

// Which part each parameter has in that the best trials are where they are, 0 to 1, summing to 1, the largest first:
// PED-ANOVA (Watanabe, Bansal & Hutter 2023) with regimes for parameters that are not always active (Baba, Ozaki &
// Watanabe 2026). Measured are the best tenth of the trials (at least 5, at most half of them) against all trials that
// were made ("local": the sampler's own preference does not count as importance). Trials that have ended or pause
// count, with the mean of a configuration's repeats. Empty when fewer than 10 configurations have a value, or when the
// best do not differ from the rest.
std::vector<std::pair<std::string, double>> parameter_importance(const SweepView& view);

}  // namespace broadsheet
