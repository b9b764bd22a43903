#include "experiments/sweep/sweep_config.h"

#include "core/path.h"
#include "core/text.h"
#include "experiments/load_config.h"
#include "experiments/sweep/sweep_check.h"
#include "experiments/sweep/sweep_keys.h"
#include "experiments/yaml.h"
#include "trainer/config_tables.h"

namespace broadsheet {
namespace {

using nlohmann::json;

// Every value of the run file by its dotted key, sections included.
void flatten_values(const json& value, const std::string& key, std::map<std::string, json>& values) {
  values[key] = value;
  if (!value.is_object()) return;
  for (const auto& [name, one] : value.items()) flatten_values(one, join_key(key, name), values);
}

SearchSpace::Base lookup_in(const RunConfig& base) {
  auto values = std::make_shared<std::map<std::string, json>>();
  flatten_values(to_json(base), "", *values);
  return [values](const std::string& key) {
    const auto found = values->find(key);
    return found == values->end() ? json() : found->second;
  };
}

// False: it could not be read, and `faults` says why.
bool read_base(Sweep& sweep, const ConfigReader& sweep_reader, std::vector<Fault>& faults) {
  const std::string& path = sweep.config.run;
  std::vector<Fault> found;
  try {
    Faults of_text;
    auto tree = std::make_shared<ConfigNode>(read_config_tree(path, "run", of_text));
    ConfigReader reader = config_reader(*tree, path, "run");
    sweep.base = read_run_tree(*tree, path, reader);
    sweep.run_tree = std::move(tree);
    found = of_text.all();
    for (const Fault& fault : reader.faults().all()) found.push_back(fault);
  } catch (const UserError& error) {
    found = error.faults();
    if (found.front().code == "config.no_file") {
      found.front().place = sweep_reader.given("run")->place;
      found.front().key = "run";
    }
  }
  const bool good = found.empty();
  for (Fault& fault : in_order(std::move(found), path)) faults.push_back(std::move(fault));
  return good;
}

// What a sweep's trials have in common.
void lay_common(const Sweep& sweep, ConfigNode& tree) {
  const Place place{sweep.file, 0, 0};
  set_node(tree, "validation.metric", to_node(sweep.config.metric.name, place));
  if (is_external(sweep.config.metric.name) || !sweep.base.validation.goal.empty())
    set_node(tree, "validation.goal", to_node(sweep.config.metric.goal, place));
  const EarlyTerminationConfig& early = sweep.config.early_terminate;
  if (early.type == "none") return;
  const ValidationConfig& own = sweep.base.validation;
  const bool steps = early.resource == "steps";
  if (steps && own.every_steps == 0) set_node(tree, "validation.every_steps", to_node(early.min, place));
  if (!steps && own.every_epochs == 0) set_node(tree, "validation.every_epochs", to_node(early.min, place));
  if (early.max > 0) {
    set_node(tree, steps ? "train.max_steps" : "train.num_train_epochs", to_node(early.max, place));
  }
}

}  // namespace

std::string describe(const Assignment& assignment) {
  std::vector<std::string> parts;
  for (const auto& [name, value] : assignment) {
    const std::string text = value.is_string()         ? value.get<std::string>()
                             : value.is_number_float() ? shortest(value.get<double>())
                                                       : value.dump();
    parts.push_back(cat(name, " ", printable(text, 60)));
  }
  return join(parts, ", ");
}

RunConfig read_with(const Sweep& sweep, const Assignment& assignment, std::vector<Fault>& faults) {
  ConfigNode tree = *sweep.run_tree;
  for (const auto& [name, value] : assignment) set_node(tree, name, to_node(value, {sweep.file, 0, 0}));
  lay_common(sweep, tree);
  ConfigReader reader = config_reader(tree, sweep.config.run, "run");
  RunConfig config = read_run_tree(tree, sweep.config.run, reader);
  faults = reader.faults().all();
  return config;
}

Fault in_sweep(const Fault& fault, const Assignment& assignment) {
  std::string key = "parameters";
  for (const auto& [name, value] : assignment) {
    if (fault.key == name || starts_with(fault.key, name + ".")) key = join_key("parameters", name);
  }
  return {fault.code, {}, key, cat("with ", describe(assignment), ": ", fault.key, ": ", fault.what), fault.remedy};
}

Sweep load_sweep(const std::string& path, const std::vector<Override>& sets, Origins* origins) {
  Faults of_text;
  ConfigNode root = read_config_tree(path, "sweep", of_text);
  nest_parameters(root, of_text);
  for (const Override& set : sets) set_value(root, set.key, set.value);
  ConfigReader reader = config_reader(root, path, "sweep");
  Sweep sweep;
  sweep.file = path;
  sweep_section().read(root, "", reader, sweep.config);
  std::vector<Fault> of_sweep = of_text.all(), of_run;
  const bool run_is_known = !sweep.config.run.empty() && !reader.at_fault("run");
  if (run_is_known && read_base(sweep, reader, of_run)) {
    sweep.space = SearchSpace({}, {}, lookup_in(sweep.base));
    check_sweep(sweep, reader, of_sweep);
  }
  for (const Fault& fault : reader.faults().all()) of_sweep.push_back(fault);
  std::vector<Fault> all = in_order(std::move(of_sweep), path);
  for (Fault& fault : of_run) all.push_back(std::move(fault));
  if (!all.empty()) throw UserError(std::move(all));
  if (origins != nullptr) fill_origins(reader, sweep_section().write(sweep.config), *origins);
  return sweep;
}

RunConfig trial_config(const Sweep& sweep, const Assignment& assignment, int64_t repeat, const std::string& folder) {
  std::vector<Fault> faults;
  RunConfig config = read_with(sweep, assignment, faults);
  if (!faults.empty()) {
    for (Fault& fault : faults) {
      fault = in_sweep(fault, assignment);
      fault.place.file = sweep.file;
    }
    throw UserError(std::move(faults));
  }
  config.seed += static_cast<uint64_t>(repeat);
  const std::string whole = absolute_path(folder);
  config.name = file_name(whole);
  config.runs_dir = parent_folder(whole);
  config.launch = sweep.base.launch;  // Slurm's ranks may have been settled since the file was read
  return config;
}

std::string to_yaml(const SweepConfig& config) {
  return emit_yaml(sweep_section().write(config));
}

json to_json(const SweepConfig& config) {
  return json::parse(sweep_section().write(config).dump());
}

}  // namespace broadsheet
