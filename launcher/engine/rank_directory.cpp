#include "launcher/engine/rank_directory.h"

#include <torch/version.h>
#include <unistd.h>

#include <cstdlib>

#include "checkpoints/snapshot.h"
#include "core/log.h"
#include "core/text.h"
#include "launcher/answer.h"
#include "launcher/local_ranks.h"
#include "launcher/program.h"
#include "trainer/parallel/library_version.h"

namespace broadsheet {
namespace {

nlohmann::json attempt_record(const RunConfig& config, const std::string& attempt_folder, const nlohmann::json& ranks) {
  return {{"attempt", attempt_folder.substr(attempt_folder.rfind('-') + 1)},
          {"started", utc_now()},
          {"broadsheet", program_version()},
          {"build", program_build_id()},
          {"libtorch", TORCH_VERSION},
          {"mpi", mpi_library_version()},
          {"cpu", cpu_model()},
          {"ranks", ranks},
          {"threads_per_rank", config.launch.threads_per_rank},
          {"slurm", slurm_ids()}};
}

// Equal bits are promised for the same build, CPU type, ranks and threads. The trainer watches the last two.
void warn_of_changes(const nlohmann::json& before, const nlohmann::json& now) {
  for (const char* key : {"broadsheet", "build", "libtorch", "mpi", "cpu"}) {
    const nlohmann::json old = before.is_object() ? before.value(key, nlohmann::json()) : nlohmann::json();
    if (!old.is_null() && old != now.at(key)) {
      log_warning(cat("bits may differ from an undisturbed run from here on: ", key, " was ", old.dump(), " and is ",
                      now.at(key).dump()));
    }
  }
}

}  // namespace

RankDirectory::RankDirectory(const RunConfig& config, const RunRequest& request, Communicator& ranks)
    : first_(ranks.first()), json_(ranks.first() && request.json) {
  open(config, request, ranks);
  if (finished()) {
    if (first_) log_info(cat(folder(), ": this run is finished; --fresh starts anew beside it"));
    return;
  }
  install_stop_signals();
  start_log(request, ranks);
  announce(config, ranks);
}

bool RankDirectory::has_checkpoints(Communicator& ranks) const {
  std::vector<std::string> told_later;  // by the one who chooses among them
  const bool mine = first_ && !list_checkpoints(checkpoints(), &told_later).empty();
  return ranks.broadcast(mine ? "yes" : "no", 0) == "yes";
}

int64_t RankDirectory::micro_batch_divisor(Communicator& ranks) const {
  const int64_t mine = first_ ? read_micro_batch_divisor(folder()) : 1;
  return std::stoll(ranks.broadcast(cat(mine), 0));
}

void RankDirectory::open(const RunConfig& config, const RunRequest& request, Communicator& ranks) {
  if (const char* attempt = std::getenv(kAttemptVariable)) {
    directory_ = RunDirectory::join(request.folder, attempt);
    return;
  }
  if (first_)
    directory_ = RunDirectory::open(config, request.folder, request.choice, join(request.command, " "),
                                    request.incarnation.job.empty() ? job_incarnation() : request.incarnation);
  const nlohmann::json opened =
      nlohmann::json::parse(ranks.broadcast(first_ ? nlohmann::json{{"folder", directory_->folder()},
                                                                    {"attempt", directory_->attempt_folder()},
                                                                    {"finished", finished()}}
                                                         .dump()
                                                   : "",
                                            0));
  if (first_) return;
  const RunState state = opened.at("finished").get<bool>() ? RunState::kFinished : RunState::kResumes;
  directory_ = RunDirectory::join(opened.at("folder"), opened.at("attempt"), state);
}

void RankDirectory::start_log(const RunRequest& request, Communicator& ranks) const {
  LogOptions log;
  log.rank = ranks.rank();
  log.console = first_ && !request.quiet;
  log.file = directory_->rank_log(ranks.rank());
  init_logging(log);
}

void RankDirectory::announce(const RunConfig& config, Communicator& ranks) {
  const nlohmann::json mine = {{"rank", ranks.rank()}, {"host", host_name()}, {"pid", getpid()}};
  nlohmann::json all = nlohmann::json::array();
  for (const std::string& text : ranks.all_gather(mine.dump())) all.push_back(nlohmann::json::parse(text));
  if (!first_) return;
  // Every rank has its signal handlers by now: the launcher may pass a stop on when it sees this file.
  write_file_durably(attempt_folder() + "/ranks.json", nlohmann::json{{"ranks", all}}.dump(2) + "\n");
  if (const std::string start = job_start_folder(); !start.empty()) write_file_durably(start + "/ready", "");
  const nlohmann::json record = attempt_record(config, attempt_folder(), all);
  warn_of_changes(directory_->record_attempt(record), record);
}

}  // namespace broadsheet
