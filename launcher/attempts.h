// How the attempts of a run ended, so that one which dies at the same step for ever does not go on dying for ever.
//
// logs/attempt-<k>/end.json: {"step", "code", "message"} of an attempt that died after it had trained. Deaths are alike
// when step and code are. After two in a row the next start warns; the third ends with exit 1 whatever its own code is,
// and so does every start after it, at once, until --resume asks for another try.
#pragma once

#include <cstdint>
#include <string>

#include "experiments/run_directory.h"
#include "launcher/answer.h"

namespace broadsheet {

class Attempts {
 public:
  // Looks back, before the ranks start. RunError("run.crash_loop") when three deaths were alike and !forced.
  Attempts(const RunDirectory& directory, bool forced);
  // Records that this attempt died; returns what to tell the user: `failure`, or run.crash_loop. Never throws.
  Failure died(const Failure& failure) const noexcept;

 private:
  std::string metrics_, attempt_folder_;
  int64_t attempt_ = 0;
  std::string metrics_before_;  // identity and size of the file: it changes when a step is done or records are cut
};

}  // namespace broadsheet
