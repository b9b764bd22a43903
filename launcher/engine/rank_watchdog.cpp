#include "launcher/engine/rank_watchdog.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "core/log.h"
#include "core/text.h"
#include "launcher/hang_watch.h"
#include "launcher/local_ranks.h"

namespace broadsheet {
namespace {

int number_in(const char* variable, int otherwise) {
  const char* value = std::getenv(variable);
  return value == nullptr ? otherwise : std::atoi(value);
}

// The launcher reads the hang's file and tells the user; without one this rank must.
void end_job(const std::string& attempt_folder, int rank, const HangReport& report) {
  const Failure failure = hang_failure(report.sentence);
  record_failure(attempt_folder, rank, failure);
  if (const std::string job = job_start_folder(); !job.empty()) record_failure(job, rank, failure);
  if (std::getenv(kAttemptVariable) == nullptr) {
    const std::string text = cat(report.table, "broadsheet: ", failure.message, "\n");
    if (::write(STDERR_FILENO, text.data(), text.size()) < 0) {
      // It is in the attempt's folder.
    }
  }
  abort_all_ranks(failure.exit_code);
}

WatchdogOptions options_for(const std::string& attempt_folder, int rank, int ranks, const HangLimits& limits) {
  WatchdogOptions options;
  options.folder = attempt_folder;
  options.rank = rank;
  options.ranks = ranks;
  options.log_file = RunDirectory::join("", attempt_folder).rank_log(rank);
  options.limits = limits;
  options.find_process = [attempt_folder](int other) { return find_rank_process(attempt_folder, other); };
  options.end_job = [attempt_folder, rank](const HangReport& report) { end_job(attempt_folder, rank, report); };
  return options;
}

}  // namespace

RankWatchdog::RankWatchdog() {
  const char *folder = std::getenv(kAttemptVariable), *text = std::getenv(kWatchdogVariable);
  const std::optional<HangLimits> limits = limits_from_text(text == nullptr ? "" : text);
  if (folder == nullptr || !limits) return;
  watchdog_.emplace(
      options_for(folder, number_in("OMPI_COMM_WORLD_RANK", 0), number_in("OMPI_COMM_WORLD_SIZE", 1), *limits));
}

void RankWatchdog::start(const RankDirectory& directory, const WatchdogConfig& limits, const Communicator& ranks) {
  if (watchdog_) return;
  watchdog_.emplace(
      options_for(directory.attempt_folder(), ranks.rank(), ranks.size(), {limits.min_seconds, limits.max_seconds}));
}

}  // namespace broadsheet
