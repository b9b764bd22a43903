// What sweep_config.cpp and sweep_check.cpp share.
#pragma once

#include <vector>

#include "core/config_reader.h"
#include "experiments/sweep/sweep_config.h"

namespace broadsheet {

// Fills in what the sweep file leaves to the run file (metric, runs_dir) and the space, once both files are read.
// Records every fault of the two together; `reader` has read the sweep file.
void check_sweep(Sweep& sweep, ConfigReader& reader, std::vector<Fault>& faults);

// The run file with an assignment, as trial_config reads it, but for its name and seed. Faults name the run's keys.
RunConfig read_with(const Sweep& sweep, const Assignment& assignment, std::vector<Fault>& faults);
// A fault of such a reading as one of the sweep file.
Fault in_sweep(const Fault& fault, const Assignment& assignment);

// What is looked at by example, where a whole space would be too many.
inline constexpr size_t kDrawnConfigurations = 64;

// Up to `count` different allowed configurations, drawn evenly; always the same ones.
std::vector<Assignment> draw_configurations(const Sweep& sweep, size_t count);

}  // namespace broadsheet
