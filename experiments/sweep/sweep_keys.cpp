#include "experiments/sweep/sweep_keys.h"

#include <algorithm>

#include "core/text.h"

namespace broadsheet {
namespace {

constexpr int64_t kMost = 1'000'000'000;

const Section<SweepMetric>& metric_section() {
  static const Choices goals = {{"minimize", "maximize"},
                                {},
                                {{"min", "minimize"},
                                 {"max", "maximize"},
                                 {"minimise", "minimize"},
                                 {"maximise", "maximize"},
                                 {"minimum", "minimize"},
                                 {"maximum", "maximize"}}};
  static const auto section =
      Section<SweepMetric>()
          .key("name", &SweepMetric::name, text(),
               "By which trials are compared, on the validation split; validation.metric of the run file unless given.")
          .key("goal", &SweepMetric::goal, one_of(goals), "As the metric is, unless given.");
  return section;
}

// What must hold once everything is there; the rules that look at the run file are in sweep_check.cpp.
void check_early_termination(const EarlyTerminationConfig& config, const std::string& prefix, ConfigReader& reader) {
  if (config.type == "none") return;
  if (config.min == 0) {
    reader.fault(join_key(prefix, "min"), "config.required", cat("missing, ", config.type, " needs it"),
                 cat("add min: the ", config.resource, " after which trials are first compared"));
  }
  if (config.max > 0 && config.max <= config.min) {
    reader.fault(join_key(prefix, "max"), "config.range",
                 cat("found ", config.max, ", wanted more than min: ", config.min),
                 "no trial would be stopped before its end; write a larger max");
  }
}

const Section<EarlyTerminationConfig>& early_termination_section() {
  using Config = EarlyTerminationConfig;
  static const Choices types = {{"none", "median", "halving", "hyperband", "asha"},
                                {},
                                {{"median_stopping", "median"},
                                 {"MedianPruner", "median"},
                                 {"MedianStoppingRule", "median"},
                                 {"successive_halving", "halving"},
                                 {"SuccessiveHalvingPruner", "asha"},
                                 {"async_hyperband", "asha"},
                                 {"AsyncHyperBandScheduler", "asha"},
                                 {"ASHAScheduler", "asha"},
                                 {"HyperBandScheduler", "hyperband"},
                                 {"HyperbandPruner", "hyperband"}}};
  static const Choices resources = {
      {"steps", "epochs"}, {}, {{"step", "steps"}, {"epoch", "epochs"}, {"training_iteration", "steps"}}};
  static const auto section =
      Section<Config>()
          .key("type", &Config::type, one_of(types), "How bad trials are told from good ones before their end.")
          .key("resource", &Config::resource, one_of(resources), "What min and max count.")
          .key("min", &Config::min, integer(0, kMost), "After how much trials are first compared.")
          .key("max", &Config::max, integer(0, kMost),
               "Where trials end; 0: where the run file says. Trials are compared at min x reduction_factor^k below.")
          .key("reduction_factor", &Config::reduction_factor, integer(2, 1000),
               "One of so many trials goes on from each comparison to the next.")
          .key("min_trials", &Config::min_trials, integer(1, kMost),
               "median: how many must have come so far before any is stopped.")
          .check(check_early_termination);
  return section;
}

const Section<SweepBudget>& budget_section() {
  static const auto section =
      Section<SweepBudget>()
          .key(
              "hours", &SweepBudget::hours, number({0, 1e6, false, false}),
              "After so much time the trials that run are saved, and none begins any more; pauses of the sweep are not "
              "counted. 0: no limit.")
          .key("core_hours", &SweepBudget::core_hours, number({0, 1e9, false, false}),
               "The same for ranks x threads x time, of all trials together.");
  return section;
}

void note_all(const ConfigNode& node, const std::string& key, ConfigReader& reader) {
  for (const ConfigNode::Entry& entry : node.entries) {
    reader.note(join_key(key, entry.key), entry.value);
    note_all(entry.value, join_key(key, entry.key), reader);
  }
}

ConfigType<nlohmann::json> point() {
  ConfigType<nlohmann::json> type = raw_map("a map from parameters to values");
  type.read = [inner = type.read](const ConfigNode& node, const std::string& key, ConfigReader& reader,
                                  nlohmann::json& value) {
    note_all(node, key, reader);
    return inner(node, key, reader, value);
  };
  return type;
}

void check_whole_sweep(const SweepConfig& config, const std::string&, ConfigReader& reader) {
  if (config.trials > 0 || config.method == "grid" || reader.at_fault("method")) return;
  const std::vector<Fault>& faults = reader.faults().all();
  const bool named_otherwise = std::any_of(
      faults.begin(), faults.end(), [](const Fault& fault) { return starts_with(fault.remedy, "write trials: "); });
  if (named_otherwise) return;
  const ConfigNode* given = reader.given("trials");
  const ConfigNode* node = given != nullptr ? given : reader.given("parameters");
  reader.fault_at(node != nullptr ? node->place : Place{}, "trials", "config.required",
                  cat(given != nullptr ? "found 0" : "missing", ", wanted how many configurations to try"),
                  "write trials: 30");
}

}  // namespace

const Section<SweepConfig>& sweep_section() {
  static const Choices methods = {{"grid", "random", "sobol", "tpe"},
                                  {},
                                  {{"bayes", "tpe"},
                                   {"bayesian", "tpe"},
                                   {"TPESampler", "tpe"},
                                   {"hyperopt", "tpe"},
                                   {"optuna", "tpe"},
                                   {"random_search", "random"},
                                   {"RandomSampler", "random"},
                                   {"grid_search", "grid"},
                                   {"GridSampler", "grid"},
                                   {"QMCSampler", "sobol"},
                                   {"qmc", "sobol"}}};
  static const auto section =
      Section<SweepConfig>()
          .key("schema", &SweepConfig::schema, fixed_integer(1), "Version of the file's format.", Need::kRequired)
          .key("kind", &SweepConfig::kind, one_of({{"sweep"}, {}, {}}), "What the file describes.", Need::kRequired)
          .key("name", &SweepConfig::name, short_name(), "The sweep's name; its folder is <runs_dir>/<name>.",
               Need::kRequired)
          .key("run", &SweepConfig::run, path(), "The run file that trials vary.", Need::kRequired)
          .key("runs_dir", &SweepConfig::runs_dir, path(), "The run file's unless given.")
          .key("seed", &SweepConfig::seed, natural(), "Of the search; trials have the run file's.")
          .key("method", &SweepConfig::method, one_of(methods), "How configurations are chosen.")
          .key("metric", &SweepConfig::metric, nested(metric_section()), "What the best trial is best in.")
          .key("parameters", &SweepConfig::parameters, parameters_type(),
               "What is searched, by its key in the run file.", Need::kRequired)
          .key("where", &SweepConfig::where, list_of(text(), /*one_is_enough=*/true),
               "Conditions that every configuration must meet.")
          .key("points", &SweepConfig::points, list_of(point()), "Configurations that are tried first.")
          .key("warm_start", &SweepConfig::warm_start, list_of(path(), /*one_is_enough=*/true),
               "Folders of past sweeps; what they measured counts as known.")
          .key("early_terminate", &SweepConfig::early_terminate, nested(early_termination_section()),
               "Which trials do not reach their end.")
          .key("trials", &SweepConfig::trials, integer(0, 1'000'000),
               "How many configurations are tried; grid: 0 for all of them.")
          .key("repeat", &SweepConfig::repeat, integer(1, 1000),
               "Runs of each configuration, with seeds that follow each other.")
          .key("concurrency", &SweepConfig::concurrency, integer(1, 10'000), "Trials at a time.")
          .key("on", &SweepConfig::on, one_of({{"local", "slurm"}, {}, {}}), "Where trials run.")
          .key("budget", &SweepConfig::budget, nested(budget_section()), "What ends the sweep before its last trial.")
          .key("keep_best", &SweepConfig::keep_best, integer(0, 1'000'000),
               "Models and checkpoints of so many trials stay when they are over.")
          .key("max_failures", &SweepConfig::max_failures, integer(1, 1000),
               "Attempts at a trial that fails for a reason that may pass.")
          .check(check_whole_sweep);
  return section;
}

ConfigNode to_node(const nlohmann::json& value, const Place& place) {
  ConfigNode node;
  node.place = place;
  if (value.is_object()) {
    node.kind = ConfigNode::Kind::kMap;
    for (const auto& [key, one] : value.items()) node.entries.push_back({key, place, to_node(one, place)});
  } else if (value.is_array()) {
    node.kind = ConfigNode::Kind::kList;
    for (const nlohmann::json& one : value) node.items.push_back(to_node(one, place));
  } else if (!value.is_null()) {
    node.kind = ConfigNode::Kind::kScalar;
    node.text = value.is_string()         ? value.get<std::string>()
                : value.is_number_float() ? shortest(value.get<double>())
                                          : value.dump();
    // A text that could be read as something else stood in quotes.
    const char first = node.text.empty() ? '0' : node.text[0];
    const bool number = (first >= '0' && first <= '9') || first == '.' || first == '-' || first == '+';
    node.quoted = value.is_string() && (number || node.text == "true" || node.text == "false");
  }
  return node;
}

}  // namespace broadsheet
