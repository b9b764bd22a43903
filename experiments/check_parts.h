// What check.cpp and check_run.cpp share.
#pragma once

#include <memory>

#include "data/shards.h"
#include "experiments/run_config.h"

namespace broadsheet {

// check_run(); returns the opened corpus, or null when it is not there and not required.
std::shared_ptr<const ShardSet> check_run_parts(const RunConfig& config, const Origins* origins, bool corpus_required);

}  // namespace broadsheet
