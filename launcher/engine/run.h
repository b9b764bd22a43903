// One training run, as every rank executes it.
#pragma once

#include "launcher/engine/rank_watchdog.h"
#include "launcher/start.h"
#include "trainer/parallel/communicator.h"

namespace broadsheet {

// Returns the exit code: 0, or 75 when it was stopped with a checkpoint.
int run(RunRequest request, Communicator& ranks, RankWatchdog& watchdog);

}  // namespace broadsheet
