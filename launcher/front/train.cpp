// train: checks everything that can be checked without computing, opens the run's directory and starts the ranks.
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "core/durable.h"
#include "core/log.h"
#include "core/path.h"
#include "core/text.h"
#include "experiments/run_directory.h"
#include "launcher/answer.h"
#include "launcher/attempts.h"
#include "launcher/front/actions.h"
#include "launcher/local_ranks.h"
#include "launcher/program.h"
#include "launcher/start.h"
#include "slurm/job_record.h"
#include "slurm/job_script.h"

namespace broadsheet {
namespace {

std::string command_text() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> words;
  for (std::string word; std::getline(file, word, '\0');) words.push_back(word);
  return shell_line(words);
}

// What ended the run, for the job that it is in, if it is in one.
int end_train(const Failure& failure, bool json) {
  if (const std::string job = job_start_folder(); !job.empty()) record_failure(job, -1, failure);
  return report_failure(failure, json);
}

const char* state_text(RunState state) {
  switch (state) {
    case RunState::kNew:
      return "starts";
    case RunState::kResumes:
      return "resumes";
    case RunState::kFinished:
      return "is finished";
  }
  return "";
}

int print_run_plan(const Command& command, const RunRequest& request, const RunConfig& config) {
  const RunPlan plan = plan_run(config, request.folder, request.choice);
  if (command.json) {
    print_json({{"dry_run", true},
                {"run_dir", plan.folder},
                {"state", state_text(plan.state)},
                {"ranks", config.launch.ranks},
                {"threads_per_rank", config.launch.threads_per_rank},
                {"config", to_json(config)}});
  } else {
    print_text(cat("the run ", state_text(plan.state), " in ", plan.folder, " on ", config.launch.ranks, " rank(s) of ",
                   config.launch.threads_per_rank, " thread(s)\n", to_yaml(config)));
  }
  return 0;
}

int print_finished(const Command& command, const std::string& folder) {
  if (command.json) {
    nlohmann::json results = nlohmann::json::parse(read_file(folder + "/results.json"));
    results["run_dir"] = folder;
    print_json(results);
  }
  return 0;
}

}  // namespace

int do_train(const Command& command) {
  const StartedAs started = started_as();
  if (started == StartedAs::kTasksWithoutPmix) {
    throw UserError("launch.no_pmix", "this is one of several Slurm tasks that cannot talk to each other",
                    "start them with srun --mpi=pmix, or start one task and use --ranks N");
  }
  RunRequest request = make_request(command);
  if (started == StartedAs::kRank) become_engine(command.original);
  const RunConfig config = load_and_check(request);
  if (command.dry_run) return print_run_plan(command, request, config);

  hold_stop_signals();
  const RunDirectory directory =
      RunDirectory::open(config, request.folder, request.choice, command_text(), job_incarnation());
  if (directory.state() == RunState::kFinished) {
    log_info(cat(directory.folder(), ": this run is finished; --fresh starts anew beside it"));
    return print_finished(command, directory.folder());
  }
  if (job_start_folder().empty()) forget_cancel(directory.folder());
  const Attempts attempts(directory, request.choice.resume);
  RankLaunch launch;
  launch.engine = engine_path();
  launch.arguments = {"train", directory.config_file(), "--run-dir", directory.folder()};
  launch.ranks = static_cast<int>(config.launch.ranks);
  launch.threads_per_rank = static_cast<int>(config.launch.threads_per_rank);
  launch.attempt_folder = directory.attempt_folder();
  launch.limits = {config.watchdog.min_seconds, config.watchdog.max_seconds};
  const RankEnd end = run_ranks(launch);
  if (end.said) {
    Failure failure = end.failure;
    failure.exit_code = end.exit_code;
    return end_train(attempts.died(failure), command.json);
  }
  if (end.exit_code == 0) return print_finished(command, directory.folder());
  if (end.exit_code == static_cast<int>(ExitCode::kStopped)) {
    const std::string message = "stopped with a checkpoint; run the same command again to go on";
    return report_failure({end.exit_code, {"run.stopped", {}, "", message, ""}, message}, command.json);
  }
  const std::string message = "left at once; the last checkpoint is kept";
  return report_failure({end.exit_code, {"run.left", {}, "", message, ""}, message}, command.json);
}

}  // namespace broadsheet
