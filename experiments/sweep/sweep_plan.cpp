#include "experiments/sweep/sweep_plan.h"

#include <algorithm>

#include "core/text.h"
#include "experiments/sweep/sweep_check.h"

namespace broadsheet {
namespace {

using nlohmann::json;

constexpr int64_t kCountless = 1'000'000'000'000;

// Points of the space; 0: a continuum.
int64_t grid_points(const SearchSpace& space) {
  int64_t points = 1;
  for (size_t i = 0; i < space.size(); ++i) {
    const int64_t one = space.cardinality(i);
    if (one == 0) return 0;
    points = one > kCountless / points ? kCountless : points * one;
  }
  return points;
}

bool has_conditions(const Sweep& sweep) {
  return !sweep.config.where.empty() || std::any_of(sweep.config.parameters.begin(), sweep.config.parameters.end(),
                                                    [](const SearchParameter& one) { return !one.when.empty(); });
}

// Of some configurations, when parameters change how long trials are.
std::pair<int64_t, int64_t> steps_of_trials(const Sweep& sweep, int64_t examples) {
  int64_t least = 0, most = 0;
  for (const Assignment& assignment : draw_configurations(sweep, kDrawnConfigurations)) {
    std::vector<Fault> faults;
    const RunConfig config = read_with(sweep, assignment, faults);
    const int64_t steps = count_steps(examples, config.train, config.validation).total_steps;
    least = least == 0 ? steps : std::min(least, steps);
    most = std::max(most, steps);
  }
  return {least, most};
}

std::string count_text(const json& value) {
  return with_thousands(value.get<int64_t>());
}

}  // namespace

json sweep_plan(const Sweep& sweep, const ShardSet* corpus) {
  const SweepConfig& config = sweep.config;
  const int64_t points = grid_points(sweep.space);
  int64_t searched = 0;
  for (size_t i = 0; i < sweep.space.size(); ++i) searched += sweep.space.is_searched(i) ? 1 : 0;
  const bool whole_grid = config.trials == 0 || (points > 0 && points < config.trials);
  const int64_t configurations = whole_grid ? points : config.trials;
  json plan = {{"sweep_dir", config.sweep_dir()},
               {"run", config.run},
               {"searched", searched},
               {"space", points == 0 ? json() : json(points)},
               {"configurations", configurations},
               {"at_most", whole_grid && has_conditions(sweep)},
               {"runs", configurations * config.repeat},
               {"concurrency", config.concurrency},
               {"corpus_prepared", corpus != nullptr}};
  int64_t max = sweep.max_resource;
  if (corpus != nullptr) {
    const auto [least, most] = steps_of_trials(sweep, corpus->size(Split::kTrain));
    plan["steps_per_trial"] = {least, most};
    if (max == 0 && config.early_terminate.resource == "steps") max = most;
  }
  if (config.early_terminate.type != "none" && max > 0) {
    plan["max_resource"] = max;
    plan["rungs"] = rungs_of(config.early_terminate, max);
  }
  return plan;
}

std::string sweep_plan_text(const Sweep& sweep, const json& plan) {
  const SweepConfig& config = sweep.config;
  std::string text = cat("Plan\n  sweep directory        ", config.sweep_dir(), "\n");
  text += cat("  search                 ", config.method, " over ", plan["searched"].get<int64_t>(),
              plan["searched"] == 1 ? " parameter, " : " parameters, ",
              plan["space"].is_null() ? "a continuum" : count_text(plan["space"]) + " points", "\n");
  text += cat("  configurations         ", plan["at_most"].get<bool>() ? "at most " : "",
              count_text(plan["configurations"]));
  if (config.repeat > 1) text += cat(", ", config.repeat, " runs of each: ", count_text(plan["runs"]), " trials");
  text += cat(", ", config.concurrency, " at a time\n");
  text +=
      cat("  best                   by ", config.metric.name, " on the validation split (", config.metric.goal, ")\n");
  if (plan.contains("steps_per_trial")) {
    const json& steps = plan["steps_per_trial"];
    text += cat("  steps per trial        ", count_text(steps[0]));
    text += steps[0] == steps[1] ? "\n" : cat(" to ", count_text(steps[1]), "\n");
  } else {
    text += cat("  corpus                 ", sweep.base.data.corpus,
                " is not prepared yet (`broadsheet prepare corpus.yaml`):\n",
                "                         the steps are known when it is\n");
  }
  if (config.early_terminate.type == "none") return text;
  text += cat("  early termination      ", config.early_terminate.type);
  if (!plan.contains("rungs"))
    return text + cat(", from ", config.early_terminate.min, " ", config.early_terminate.resource, " on\n");
  std::vector<std::string> rungs;
  for (const json& rung : plan["rungs"]) rungs.push_back(count_text(rung));
  if (rungs.empty()) return text + ": none, trials end before it\n";
  return text + cat(" after ", join(rungs, ", "), " of ", count_text(plan["max_resource"]), " ",
                    config.early_terminate.resource, "\n");
}

}  // namespace broadsheet
