// sweep --retrain-best: the best configuration once more, on train and validation together.
#pragma once

#include <string>

#include "experiments/sweep/sweep_config.h"
#include "launcher/command_line.h"

namespace broadsheet {

// The run that trains the best configuration of the finished sweep in `folder`: as many passes over the data as its
// best trial had made when it was best, in <folder>/retrained. UserError("sweep.no_best").
RunConfig retrained_config(const Sweep& sweep, const std::string& folder);

// Trains it, or submits it where the sweep's trials are jobs. Returns the exit code.
int retrain_best(const Command& command, const Sweep& sweep, const std::string& folder);

}  // namespace broadsheet
