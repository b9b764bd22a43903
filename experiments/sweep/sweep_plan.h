// What a sweep is going to do, as far as its files and its corpus say.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "data/shards.h"
#include "experiments/sweep/sweep_config.h"

namespace broadsheet {

// {"sweep_dir", "run", "configurations", "at_most", "runs", "concurrency", "space": n | null (a continuum),
//  "searched": n, "steps_per_trial": [least, most], "max_resource", "rungs": [...]}; what depends on the corpus is left
// out when that is null. `at_most`: conditions may leave fewer configurations than the grid has points.
nlohmann::json sweep_plan(const Sweep& sweep, const ShardSet* corpus);
std::string sweep_plan_text(const Sweep& sweep, const nlohmann::json& plan);

}  // namespace broadsheet
