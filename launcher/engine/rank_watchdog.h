// The watchdog of an engine that is a rank. Under the launcher it starts before MPI does, because MPI's own start may
// hang; otherwise as soon as the run's folder is known.
#pragma once

#include <optional>

#include "core/watchdog.h"
#include "launcher/engine/rank_directory.h"

namespace broadsheet {

class RankWatchdog {
 public:
  RankWatchdog();  // starts when the launcher has told the attempt's folder and the limits
  void start(const RankDirectory& directory, const WatchdogConfig& limits, const Communicator& ranks);

 private:
  std::optional<Watchdog> watchdog_;
};

}  // namespace broadsheet
