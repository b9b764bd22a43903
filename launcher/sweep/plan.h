// What a sweep would do, before it does anything.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "experiments/sweep/sweep_config.h"

namespace broadsheet {

struct SweepPlan {
  struct Planned {
    Assignment parameters;
    int64_t total_steps = 0;
    std::vector<int64_t> gate_steps;
    std::string fault;  // the run file does not take it
  };
  int64_t max_resource = 0;  // of early termination
  std::vector<int64_t> rungs;
  std::vector<Planned> first;     // the first configurations, as the sampler would give them if nothing were known
  int64_t configurations = 0;     // 0: all of the grid, which is `first`
  int64_t trials = 0;             // configurations x repeat
  int64_t examples_at_most = 0;   // that all trials together train on, if none were stopped
  uint64_t checkpoint_bytes = 0;  // of one checkpoint
  uint64_t disk_bytes = 0;        // at the most, while the sweep runs
  int64_t files_per_trial = 0;    // that an ended trial leaves
  // At the most. From the rate of the newest run of the same model and corpus under runs_dir; none: there is no such
  // run.
  std::optional<double> core_hours;
  std::string measured_in;
};
// Where a trial of the base configuration ends, in early termination's resource.
int64_t max_resource_of(const Sweep& sweep, int64_t examples);
// Makes the first configurations, of a grid without `trials` all of them, and looks through earlier runs.
SweepPlan plan_sweep(const Sweep& sweep, int64_t examples);
std::string to_text(const SweepPlan& plan, const std::string& folder);
nlohmann::json to_json(const SweepPlan& plan, const std::string& folder);

}  // namespace broadsheet
