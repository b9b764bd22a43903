// What W&B, Optuna, Ray Tune and Hyperopt call the keys of a sweep file.
#include <charconv>

#include "core/text.h"
#include "experiments/foreign_table.h"

namespace broadsheet {
namespace {

using Context = ForeignContext;

// Seconds as hours.
std::string timeout(const Context& context) {
  const std::string text = foreign_value(context.value);
  double seconds = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const bool good = end.ec == std::errc() && end.ptr == text.data() + text.size();
  return cat("write budget: {hours: ", good ? shortest(seconds / 3600) : "...", "}");
}

void add_wholes(ForeignTable& t) {
  add(t, {"run_cap", "n_trials", "num_samples", "max_evals", "max_trials", "num_trials", "count", "n_iter"},
      same("trials"));
  add(t, {"max_concurrent_trials", "max_concurrent", "n_jobs", "parallelism", "max_parallel_trials", "num_parallel"},
      same("concurrency"));
  add(t, {"search_alg", "sampler", "algorithm", "algo", "tuner", "search_algorithm", "strategy"},
      advice("write method: grid, random, sobol or tpe"));
  add(t, {"scheduler", "pruner", "early_stopping", "early_stop", "stopper", "assessor"},
      advice("write early_terminate: {type: asha, min: ..., reduction_factor: 3}"));
  add(t, {"direction", "mode", "optimization_direction"},
      translated("metric.goal", {{"max", "maximize"}, {"min", "minimize"}}));
  add(t, {"objective", "optimize", "target", "monitor"}, same("metric.name"));
  add(t, {"space", "search_space", "param_space", "hyperparameters", "config", "params"},
      advice("list them under parameters, named as in the run file"));
  add(t, {"timeout", "time_budget_s", "max_duration"}, timeout);
  add(t, {"program", "command", "script", "train_file", "base_config"},
      advice("write run: the run file that trials vary"));
  add(t, {"points_to_evaluate", "enqueue_trials", "initial_points"},
      advice("write points: [{train.learning_rate: 1e-4, ...}]"));
  add(t, {"enqueue_trial", "evaluated_rewards"}, advice("write points: [...]; what past sweeps measured: warm_start"));
  add(t, {"constraints", "parameter_constraints", "conditions"}, advice("write where: a condition, or a list of them"));
  add(t, {"storage", "study_name", "sweep_id", "resume", "load_if_exists"},
      advice("remove it: the same command goes on with the sweep in <runs_dir>/<name>"));
  add(t, {"entity", "project", "description", "controller", "imports", "launch_drain_pubsub", "verbose"},
      advice("remove it: there is nothing like it here"));
  add(t, {"random_state", "random_seed"}, same("seed"));
  add(t, {"num_repeats", "repeats", "n_repeats", "executions_per_trial"}, same("repeat"));
  add(t, {"max_retries", "retries", "max_failures_per_trial"}, same("max_failures"));
}

void add_parts(ForeignTable& t) {
  add(t, {"low", "lower", "minimum", "from"}, same("min"));
  add(t, {"high", "upper", "maximum", "to"}, same("max"));
  add(t, {"step", "quantum"}, advice("write q, and distribution: q_uniform or q_log_uniform_values"));
  add(t, {"choices", "options", "categories", "grid_search", "grid"}, same("values"));
  add(t, {"log", "log_scale", "scale"}, advice("write distribution: log_uniform_values"));
  add(t, {"probabilities", "weights", "p"}, advice("remove it: all values are as likely"));
  add(t, {"mean", "loc"}, same("mu"));
  add(t, {"std", "stddev", "sd"}, same("sigma"));
  add(t, {"condition", "conditional", "depends_on", "parent", "active_if"}, advice("write when: \"key == value\""));
  add(t, {"type", "dist"},
      advice("write distribution: uniform, log_uniform_values, int_uniform, ..., or values: [...]"));
  add(t, {"min_iter", "grace_period", "min_resource", "min_t", "warmup", "n_warmup_steps"},
      same("early_terminate.min"));
  add(t, {"max_iter", "max_t", "max_resource", "max_budget"}, same("early_terminate.max"));
  add(t, {"eta", "reduction", "discard_factor"}, same("early_terminate.reduction_factor"));
  add(t, {"n_startup_trials", "min_samples_required"}, same("early_terminate.min_trials"));
  add(t, {"time_attr"}, advice("write early_terminate.resource: steps or epochs"));
  add(t, {"s", "brackets", "strict", "n_min_trials", "interval_steps"},
      advice("remove it: it follows from min, max and reduction_factor"));
}

}  // namespace

ForeignTable foreign_sweep_keys() {
  ForeignTable table;
  add_wholes(table);
  add_parts(table);
  return table;
}

}  // namespace broadsheet
