// check: everything that can be said about a file without computing: its faults, the resolved values, the plan.
// Starts nothing, writes nothing, needs no LibTorch.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "experiments/run_config.h"

namespace broadsheet {

struct CheckReport {
  // {"schema": 1, "kind", "file", "config": {...}, "origins": {"train.optim": "run.yaml:12:10", ...}, "plan": {...}}
  nlohmann::json json;
  std::string text;  // the same for people
};

// For run.yaml, corpus.yaml and sweep.yaml, by the file's own `kind`. UserError with every fault. A corpus that is not
// prepared yet is no fault: the plan says so and leaves out what depends on it. See docs/configuration.md.
CheckReport check_file(const std::string& path, const std::vector<Override>& sets);

// The plan of a run: ranks, batches, steps (when there is a corpus), bytes per checkpoint.
class ShardSet;
nlohmann::json run_plan(const RunConfig& config, const ShardSet* corpus);
std::string run_plan_text(const RunConfig& config, const nlohmann::json& plan);

// What `train` asks before it starts anything: the model's folder, the corpus, and whether they and the file fit each
// other (fields and their kinds, lengths, layers, tokenizers). UserError with every fault; here a missing corpus is
// one.
void check_run(const RunConfig& config, const Origins* origins = nullptr);

}  // namespace broadsheet
