// SweepConfig: sweep.yaml, read and checked against the run file that it varies.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/config_node.h"
#include "experiments/run_config.h"
#include "experiments/search/early_termination.h"
#include "experiments/search/space.h"

namespace broadsheet {

struct SweepMetric {
  std::string name;  // of the task's validation metrics; empty: the run's validation.metric
  std::string goal;  // minimize | maximize; empty: as the metric is
};

// Where the sweep stops although trials are left: 0: no ceiling.
struct SweepBudget {
  double hours = 0;       // since its first start, the time in which no driver ran not counted
  double core_hours = 0;  // of all trials together: ranks x threads x time
};

struct SweepConfig {
  int schema = 1;
  std::string kind = "sweep";
  std::string name;
  std::string run;             // the run file, resolved
  std::string runs_dir;        // where <name> goes; the run file's own unless given
  uint64_t seed = 1;           // of the search
  std::string method = "tpe";  // grid | random | sobol | tpe
  SweepMetric metric;
  std::vector<SearchParameter> parameters;
  std::vector<std::string> where;       // constraints, as text
  std::vector<nlohmann::json> points;   // maps from parameters to values, tried first
  std::vector<std::string> warm_start;  // directories of past sweeps whose trials count as known
  EarlyTerminationConfig early_terminate;
  int64_t trials = 0;        // configurations; 0: grid: all of them
  int64_t repeat = 1;        // runs of each configuration, with seeds seed, seed + 1, ... of the run file
  int64_t concurrency = 1;   // trials at once
  std::string on = "local";  // local | slurm
  SweepBudget budget;
  int64_t keep_best = 1;     // trials whose models and checkpoints stay
  int64_t max_failures = 3;  // attempts of one trial, for causes that a retry may help

  std::string sweep_dir() const { return runs_dir + "/" + name; }
};

// What has been read and fits together.
struct Sweep {
  SweepConfig config;
  SearchSpace space;  // looks up what is no parameter in the run file
  RunConfig base;     // the run file without any parameter
  bool maximize = false;
  // Of early termination, in its resource: its max, else where the run file ends all trials; 0: where each ends is
  // known when its corpus is.
  int64_t max_resource = 0;
  std::string file;                            // the sweep file
  std::shared_ptr<const ConfigNode> run_tree;  // the run file; trials are read from copies of it
};

// Reads sweep.yaml and the run file it names; every fault of the two at once, with file, line and column (UserError): a
// parameter that is no key of the run file or may not be searched (name, runs_dir, launch, slurm, tracking,
// checkpoints, watchdog, validation.metric, validation.every_*), a value or bound that the key does not take, an
// unknown distribution or one of another tool's (log_uniform takes exponents: says what to write), a bad condition.
// `sets` are --set a.b=value of the sweep file.
// A few configurations are drawn and read whole, so that values that do not fit each other are found here.
// `origins`, when given, is filled with one entry per key of the sweep file.
Sweep load_sweep(const std::string& path, const std::vector<Override>& sets, Origins* origins = nullptr);

// The run file's configuration with an assignment laid over it, and what the sweep itself sets: the metric, the end and
// the validations of early termination, the seed (its own + repeat). `folder` is the trial's directory. UserError when
// the values do not fit each other; it names the sweep file and the parameter. Well below a millisecond.
RunConfig trial_config(const Sweep& sweep, const Assignment& assignment, int64_t repeat, const std::string& folder);

// The resolved sweep file: loads to the same sweep again (paths absolute).
std::string to_yaml(const SweepConfig& config);
nlohmann::json to_json(const SweepConfig& config);
// "train.learning_rate 0.0003, train.optim sgd", for messages.
std::string describe(const Assignment& assignment);

}  // namespace broadsheet
