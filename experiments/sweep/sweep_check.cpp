// Whether a sweep file and the run file that it varies fit each other.
#include "experiments/sweep/sweep_check.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/random.h"
#include "core/text.h"
#include "experiments/search/distribution.h"
#include "experiments/sweep/sweep_keys.h"
#include "trainer/config_tables.h"

namespace broadsheet {
namespace {

using nlohmann::json;
using Kind = Distribution::Kind;

constexpr uint64_t kMostTries = 10'000;
constexpr uint64_t kMostRepeats = 1'000;  // draws in a small space that bring nothing new

class SweepChecker {
 public:
  SweepChecker(Sweep& sweep, ConfigReader& reader, std::vector<Fault>& faults)
      : sweep_(sweep), config_(sweep.config), reader_(reader), faults_(faults) {}

  void check() {
    check_names();
    check_metric();
    check_early_termination();
    for (const SearchParameter& parameter : config_.parameters) check_candidates(parameter);
    for (size_t i = 0; i < config_.points.size(); ++i) check_point(i);
    std::vector<Expression> constraints = read_constraints();
    if (!good()) return;
    make_space(std::move(constraints));
    if (!good()) return;
    check_grid();
    check_whole_points();
    check_draws();
  }

 private:
  bool good() const { return reader_.faults().empty() && faults_.empty(); }
  void fault(const std::string& key, const std::string& code, const std::string& what, const std::string& remedy) {
    reader_.fault(key, code, what, remedy);
  }
  bool is_searched(const std::string& name) const {
    return std::any_of(config_.parameters.begin(), config_.parameters.end(),
                       [&](const SearchParameter& one) { return one.name == name; });
  }

  void check_names() {
    if (config_.runs_dir.empty()) config_.runs_dir = sweep_.base.runs_dir;
    if (config_.sweep_dir() == sweep_.base.run_dir()) {
      fault("name", "config.conflict", "the run file has the same name, so both would have the same folder",
            "choose another name for the sweep");
    }
    if (sweep_.base.train.global_batch_tokens > 0) {
      fault("run", "config.conflict",
            "the run file has train.global_batch_tokens, and a sweep counts the steps of its trials by examples",
            "write train.global_batch_size in it instead");
    }
  }

  void check_metric() {
    SweepMetric& metric = config_.metric;
    if (sweep_.base.data.train_on_validation)
      fault("run", "config.conflict", "the run file trains on the validation split, by which trials are compared",
            "remove data.train_on_validation; `sweep --retrain-best` trains the best one on both in the end");
    if (metric.name.empty()) metric.name = sweep_.base.validation.metric;
    if (is_external(metric.name)) return check_external_metric();
    const std::vector<std::string> known = metrics_of(sweep_.base.task);
    if (std::find(known.begin(), known.end(), metric.name) == known.end()) {
      const std::string near = nearest(metric.name, known);
      fault("metric.name", "config.conflict",
            cat("found ", printable(metric.name), ", which task.kind: ", sweep_.base.task.kind, " does not measure"),
            near.empty() ? "choose one of " + join(known, ", ") : cat("did you mean ", near, "?"));
      return;
    }
    sweep_.maximize = higher_is_better(metric.name);
    const std::string goal = sweep_.maximize ? "maximize" : "minimize";
    if (!metric.goal.empty() && metric.goal != goal) {
      fault("metric.goal", "config.conflict",
            cat("found ", metric.goal, ", but ", sweep_.maximize ? "more" : "less", " of ", metric.name, " is better"),
            cat("write ", goal, ", or remove it"));
    }
    metric.goal = goal;
  }

  void check_external_metric() {
    const SweepMetric& metric = config_.metric;
    if (sweep_.base.validation.external.empty()) {
      fault("metric.name", "config.conflict", cat("found ", metric.name, ", but the run file names no program for it"),
            "add validation.external to the run file");
    }
    if (metric.goal.empty()) {
      fault("metric.goal", "config.required", "missing, wanted maximize | minimize",
            cat("say what is better of ", metric.name));
    }
    sweep_.maximize = metric.goal == "maximize";
  }

  void check_early_termination() {
    const EarlyTerminationConfig& early = config_.early_terminate;
    if (early.type == "none" || reader_.at_fault("early_terminate.min")) return;
    const bool steps = early.resource == "steps";
    const ValidationConfig& validation = sweep_.base.validation;
    const auto every_steps = static_cast<double>(validation.every_steps);
    const double own = steps ? every_steps : validation.every_epochs;
    if ((steps ? validation.every_epochs : every_steps) > 0) {
      fault("early_terminate.resource", "config.conflict",
            cat("counts ", early.resource, ", but the run file validates by ", steps ? "epochs" : "steps"),
            cat("write resource: ", steps ? "epochs" : "steps", ", or remove validation.every_",
                steps ? "epochs" : "steps", " from the run file"));
    } else if (own > 0) {
      const double times = static_cast<double>(early.min) / own;
      if (std::abs(times - std::nearbyint(times)) > 1e-9) {
        fault("early_terminate.min", "config.conflict",
              cat("found ", early.min, ", wanted a multiple of the run file's validation.every_", early.resource, ": ",
                  shortest(own)),
              "trials are compared where they are validated; change one of the two");
      }
    }
    check_end();
  }

  // Where early termination has all trials end.
  void check_end() {
    const EarlyTerminationConfig& early = config_.early_terminate;
    const TrainConfig& train = sweep_.base.train;
    const bool steps = early.resource == "steps";
    sweep_.max_resource = early.max;
    for (const char* end : {"train.max_steps", "train.num_train_epochs"}) {
      if (!is_searched(end)) continue;
      if (early.max > 0) {
        fault("early_terminate.max", "config.conflict", cat("ends every trial, and so does the parameter ", end),
              "remove one of the two");
      }
      return;
    }
    if (early.max > 0 && !steps && train.max_steps > 0) {
      fault("early_terminate.max", "config.conflict", cat("the run file ends by train.max_steps: ", train.max_steps),
            "remove it there, or write resource: steps");
    }
    if (early.max > 0) return;
    if (steps) sweep_.max_resource = train.max_steps;
    const bool whole = train.max_steps == 0 && train.num_train_epochs == std::floor(train.num_train_epochs);
    if (!steps && whole) sweep_.max_resource = static_cast<int64_t>(train.num_train_epochs);
    if (sweep_.max_resource > 0 && sweep_.max_resource <= early.min) {
      fault("early_terminate.min", "config.conflict",
            cat("found ", early.min, ", but trials end after ", sweep_.max_resource, " ", early.resource),
            "compare them earlier");
    }
  }

  // Whether the run file's key takes `value`; `key` is where it stands in the sweep file.
  void check_value(const std::string& name, const json& value, const std::string& key) {
    std::vector<Fault> found;
    read_with(sweep_, {{name, value}}, found);
    for (const Fault& one : found) {
      const bool own = one.key == name || starts_with(one.key, name + ".") || starts_with(one.key, name + "[");
      // How it fits other keys depends on the other parameters: whole configurations are read below.
      if (!own || one.code == "config.conflict" || one.code == "config.required") continue;
      const std::string below = one.key.substr(name.size());
      fault(key, one.code, below.empty() ? one.what : cat(one.key, ": ", one.what), one.remedy);
    }
  }

  void check_candidates(const SearchParameter& parameter) {
    const Distribution& d = parameter.distribution;
    const std::string key = join_key("parameters", parameter.name);
    if (d.kind == Kind::kTied) return;
    if (d.kind == Kind::kFixed) return check_value(parameter.name, d.values[0], key + ".value");
    if (d.kind == Kind::kValues) {
      for (size_t i = 0; i < d.values.size(); ++i) {
        check_value(parameter.name, d.values[i], cat(key, ".values[", i, "]"));
      }
      return;
    }
    const std::string drawn = distribution_name(d);
    if (RunKeys::table().wants_integer(parameter.name) && !d.integer) {
      fault(key + ".distribution", "sweep.distribution",
            cat("found ", drawn, ", which gives fractions, where the run file wants an integer"),
            drawn == "uniform"              ? "write int_uniform"
            : starts_with(drawn, "q_")      ? "write a whole number for q"
            : drawn == "log_uniform_values" ? "write q_log_uniform_values with q: 1"
                                            : cat("write q_", drawn, " with q: 1"));
      return;
    }
    if (d.kind == Kind::kNormal || d.kind == Kind::kLogNormal) return;
    const bool steps = step_of(d) > 0;
    check_value(parameter.name, steps ? value_of_step(d, steps_of(d).first) : json(d.min), key + ".min");
    check_value(parameter.name, steps ? value_of_step(d, steps_of(d).last) : json(d.max), key + ".max");
  }

  // Dotted names for nested ones, absolute paths; faults for names and values that are none.
  void check_point(size_t index) {
    const std::string key = cat("points[", index, "]");
    json flat = json::object();
    flatten_point(config_.points[index], "", key, flat);
    for (auto& [name, value] : flat.items()) {
      const std::string full = join_key(key, name);
      const ConfigNode* node = reader_.given(full);
      const bool path = RunKeys::table().is_path(name) && value.is_string() && node != nullptr;
      if (path && !starts_with(value.get<std::string>(), "~")) value = reader_.resolve(value.get<std::string>(), *node);
      check_value(name, value, full);
    }
    config_.points[index] = std::move(flat);
  }

  void flatten_point(const json& point, const std::string& prefix, const std::string& key, json& flat) {
    for (const auto& [name, value] : point.items()) {
      const std::string full = join_key(prefix, name);
      const bool section = value.is_object() &&
                           std::any_of(config_.parameters.begin(), config_.parameters.end(),
                                       [&](const SearchParameter& one) { return starts_with(one.name, full + "."); });
      if (is_searched(full)) {
        flat[full] = value;
      } else if (section) {
        flatten_point(value, full, key, flat);
      } else if (!reader_.at_fault("parameters")) {
        std::vector<std::string> names;
        for (const SearchParameter& one : config_.parameters) names.push_back(one.name);
        const std::string near = nearest(full, names);
        fault(join_key(key, full), "sweep.point", "this is no parameter of the sweep",
              near.empty() ? "the parameters are " + printable(join(names, ", ")) : cat("did you mean ", near, "?"));
      }
    }
  }

  std::vector<Expression> read_constraints() {
    const RunKeys& keys = RunKeys::table();
    std::vector<Expression> constraints;
    for (size_t i = 0; i < config_.where.size(); ++i) {
      const std::string key = cat("where[", i, "]");
      try {
        constraints.push_back(Expression::parse(
            config_.where[i], [&](const std::string& word) { return keys.has_value(word); }, keys.names()));
      } catch (const UserError& error) {
        const Fault& found = error.faults().front();
        fault(reader_.given(key) != nullptr ? key : "where", found.code, found.what, found.remedy);
      }
    }
    return constraints;
  }

  void make_space(std::vector<Expression> constraints) {
    try {
      sweep_.space = SearchSpace(config_.parameters, std::move(constraints), sweep_.space.base());
    } catch (const UserError& error) {
      at_parameters(error.faults().front());
    }
  }

  void check_grid() {
    if (config_.method != "grid") return;
    for (size_t i = 0; i < sweep_.space.size(); ++i) {
      const SearchParameter& parameter = sweep_.space.parameters()[i];
      if (sweep_.space.cardinality(i) > 0) continue;
      fault(cat("parameters.", parameter.name, ".distribution"), "sweep.grid",
            cat("found ", distribution_name(parameter.distribution), ", of which a grid has no end"),
            "list values, give bounds and a step (q_uniform, int_uniform), or choose another method");
    }
  }

  void check_whole_points() {
    for (size_t i = 0; i < config_.points.size(); ++i) {
      const std::string key = cat("points[", i, "]");
      try {
        const Assignment given = config_.points[i].get<Assignment>();
        const Assignment whole = sweep_.space.complete(given);
        if (!sweep_.space.allowed(whole)) {
          fault(key, "sweep.point", "does not meet the conditions of where", "change the point or the conditions");
          continue;
        }
        std::vector<Fault> found;
        read_with(sweep_, whole, found);
        for (const Fault& one : found) fault(key, one.code, cat(one.key, ": ", one.what), one.remedy);
      } catch (const UserError& error) {
        const Fault& found = error.faults().front();
        fault(key, found.code, found.what, found.remedy);
      }
    }
  }

  void at_parameters(Fault found) {
    found.place = reader_.given("parameters")->place;
    if (found.key.empty()) found.key = "parameters";
    faults_.push_back(std::move(found));
  }

  void check_draws() {
    try {
      const std::vector<Assignment> drawn = draw_configurations(sweep_, kDrawnConfigurations);
      if (drawn.empty()) {
        fault("where", "sweep.where", cat("none of ", kMostTries, " configurations met the conditions"),
              "loosen them, or narrow the parameters so that they hold more often");
      }
      std::set<std::pair<std::string, std::string>> known;
      for (const Assignment& assignment : drawn) {
        std::vector<Fault> found;
        read_with(sweep_, assignment, found);
        for (const Fault& one : found) {
          if (known.emplace(one.code, one.key).second) at_parameters(in_sweep(one, assignment));
        }
      }
    } catch (const UserError& error) {
      at_parameters(error.faults().front());
    }
  }

  Sweep& sweep_;
  SweepConfig& config_;
  ConfigReader& reader_;
  std::vector<Fault>& faults_;
};

}  // namespace

void check_sweep(Sweep& sweep, ConfigReader& reader, std::vector<Fault>& faults) {
  SweepChecker(sweep, reader, faults).check();
}

std::vector<Assignment> draw_configurations(const Sweep& sweep, size_t count) {
  const SearchSpace& space = sweep.space;
  const RandomStream stream(mix(sweep.config.seed, 0x6472617773));
  std::vector<Assignment> drawn;
  std::set<std::string> known;
  uint64_t repeats = 0;
  for (uint64_t draw = 0; draw < kMostTries && drawn.size() < count && repeats < kMostRepeats; ++draw) {
    UnitPoint units;
    for (size_t i = 0; i < space.size(); ++i) units.push_back(stream.uniform(draw * space.size() + i));
    Assignment assignment = space.at(units);
    if (!space.allowed(assignment)) continue;
    if (known.insert(canonical(assignment)).second) {
      drawn.push_back(std::move(assignment));
    } else {
      ++repeats;
    }
  }
  return drawn;
}

}  // namespace broadsheet
