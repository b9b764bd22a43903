// A sweep's worker: trial after trial in one process, or in one set of ranks, without starting anything anew.
#pragma once

#include <string>

namespace broadsheet {

// broadsheet-engine --worker FOLDER, where FOLDER is <sweep>/workers/<name> (experiments/sweep/mailbox.h). Serves until
// it is told to leave, is given up, is asked to stop by a signal (75), or has had nothing to do for five minutes.
int serve_trials(const std::string& folder);

}  // namespace broadsheet
