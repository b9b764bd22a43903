// sweep: reads the sweep file, opens the sweep's directory, and drives its trials.
#include <algorithm>
#include <cstdlib>
#include <optional>

#include "core/durable.h"
#include "core/log.h"
#include "core/path.h"
#include "core/text.h"
#include "data/shards.h"
#include "experiments/check.h"
#include "experiments/sweep/sweep_results.h"
#include "launcher/answer.h"
#include "launcher/front/actions.h"
#include "launcher/front/retrain.h"
#include "launcher/job_spec.h"
#include "launcher/local_ranks.h"
#include "launcher/program.h"
#include "launcher/sweep/driver.h"
#include "launcher/sweep/on_slurm.h"
#include "launcher/sweep/plan.h"
#include "slurm/client.h"

namespace broadsheet {
namespace {

std::vector<Override> sets_of(const Command& command) {
  std::vector<Override> sets = command.sets;
  if (command.has("on")) sets.push_back({"on", command.value("on")});
  if (const auto concurrency = command.number("concurrency", 1, 100'000))
    sets.push_back({"concurrency", cat(*concurrency)});
  return sets;
}

int print_outcome(const Command& command, const SweepView& view) {
  if (command.json) {
    nlohmann::json answer = to_json(view, /*with_clock=*/true);
    answer["run_dir"] = view.folder;
    print_json(answer);
  } else {
    print_text(sweep_table(view, 120, false));
  }
  return 0;
}

// What past sweeps have found, for the sampler; once, at the very beginning.
std::vector<nlohmann::json> known_from(const Sweep& sweep) {
  std::vector<nlohmann::json> events;
  for (const std::string& folder : sweep.config.warm_start) {
    const SweepView past = read_sweep_view(folder, /*with_curves=*/false);
    if (past.metric != sweep.config.metric.name)
      throw UserError("sweep.warm_start",
                      cat(folder, ": its metric is ", past.metric, ", wanted ", sweep.config.metric.name),
                      "name sweeps of the same metric");
    for (const TrialView& trial : past.trials) {
      if (trial.state != "done" || !trial.value) continue;
      events.push_back(
          {{"event", "known"}, {"parameters", trial.parameters}, {"value", *trial.value}, {"from", folder}});
    }
  }
  return events;
}

// `slurm`: of a sweep that is on: slurm.
std::unique_ptr<WorkerPool> make_pool(const Sweep& sweep, const std::string& folder, std::optional<SlurmLaunch> slurm) {
  // A worker's beat has nothing to do with what it computes: the shortest limit of the watchdog will do.
  if (slurm) {
    slurm->job.launcher = settled_launcher(slurm->job.slurm);
    return make_slurm_workers(folder, *slurm, sweep.base.watchdog.min_seconds);
  }
  return make_local_workers(folder, sweep.base.launch, sweep.config.concurrency, sweep.base.watchdog.min_seconds);
}

int end_of(const Command& command, const SweepOutcome& outcome, const SweepView& view) {
  if (!outcome.fault.empty()) {
    const std::string message = cat("the first trials failed alike, and none has worked: ", outcome.fault);
    return report_failure({static_cast<int>(ExitCode::kUser), {"sweep.all_fail", {}, "", message, ""}, message},
                          command.json);
  }
  if (outcome.end == SweepEnd::kDone) return command.has("retrain-best") ? 0 : print_outcome(command, view);
  const bool saved = outcome.end == SweepEnd::kStopped;
  const std::string message = outcome.workers_stay ? "the driver has left; its workers go on, and its next start too"
                              : saved ? "stopped, the trials are saved; run the same command again to go on"
                                      : "left at once; the same command goes on from the trials' checkpoints";
  const int code = saved ? static_cast<int>(ExitCode::kStopped) : 128 + outcome.signal;
  return report_failure({code, {saved ? "sweep.stopped" : "sweep.left", {}, "", message, ""}, message}, command.json);
}

// With the job of a worker, where trials run in jobs: all of them are alike but for the worker's name.
void print_sweep_plan(const Command& command, const SweepPlan& plan, const std::string& folder,
                      const std::optional<SlurmLaunch>& slurm) {
  nlohmann::json json = to_json(plan, folder);
  std::string text = to_text(plan, folder);
  if (slurm) {
    JobSpec job = worker_job(folder, *slurm, "w0001");
    job.launcher = slurm->job.slurm.launcher;
    if (job.launcher == "auto" && SlurmClient::installed()) job.launcher = settled_launcher(job.slurm);
    const std::vector<std::string> sbatch = sbatch_command(job);
    json["job"] = {{"command", sbatch}, {"parameters", job_parameters(job)}, {"script_text", job_script()}};
    text += cat("\n--- the job of a worker; at most one for each trial at once\n", shell_line(sbatch), "\n\n--- ",
                job.folder, "/parameters\n", job_parameters(job), "\n--- the script\n", job_script());
  }
  if (command.json) {
    print_json(json);
  } else {
    print_text(text);
  }
}

}  // namespace

int do_sweep(const Command& command) {
  if (started_as() != StartedAs::kAlone)
    throw UserError("sweep.rank", "a sweep was started as a rank of mpirun or srun",
                    "start it alone: it starts its trials");
  Sweep sweep = load_sweep(command.positionals.at(0), sets_of(command));
  std::optional<SlurmLaunch> slurm;
  if (sweep.config.on == "slurm") slurm = settle_on_slurm(sweep);
  check_run(sweep.base);
  const std::string wanted =
      command.has("run-dir") ? absolute_path(command.value("run-dir")) : sweep.config.sweep_dir();
  const int64_t examples =
      examples_of(ShardSet::open(sweep.base.data.corpus), sweep.base.data, sweep.base.task)->size(Split::kTrain);
  if (command.dry_run) {
    const SweepPlan plan = plan_sweep(sweep, examples);
    print_sweep_plan(command, plan, wanted, slurm);
    return 0;
  }

  if (slurm && !SlurmClient::installed())
    throw UserError("slurm.not_installed", "on: slurm, but sbatch is not in PATH",
                    "work on a login node of the cluster, or write on: local");
  if (const std::string advice = advice_for_login_node(sweep, examples, command.positionals.at(0)); !advice.empty())
    log_warning(advice);
  hold_stop_signals();
  const SweepDirectory directory =
      SweepDirectory::open(sweep, wanted, {command.has("fresh"), command.has("resume")}, job_incarnation());
  const std::string& folder = directory.folder();
  Study study(sweep);
  Journal journal = Journal::open(directory.journal(), [&](const nlohmann::json& event) { study.apply(event); });
  // results.json comes last: a driver that died before it has something left to do.
  const bool complete = study.finished() && exists(folder + "/results.json");
  if (complete && !directory.changed() && study.finish_reason() != "budget") {
    log_info(cat(folder, ": this sweep is finished; --fresh starts anew beside it"));
    return command.has("retrain-best") ? retrain_best(command, sweep, folder)
                                       : print_outcome(command, read_sweep_view(folder, false));
  }
  if (!study.begun()) {
    std::vector<nlohmann::json> events = known_from(sweep);
    const nlohmann::json begin = {{"event", "begin"}, {"max_resource", max_resource_of(sweep, examples)}};
    events.insert(events.begin(), begin);
    journal.append(events);
    for (const nlohmann::json& event : events) study.apply(event);
  }
  if (complete) {
    const nlohmann::json event = {{"event", "continued"}};
    journal.append({event});
    study.apply(event);
  }
  // In a job the mark has just been looked for: if it is there now, it is new.
  if (::getenv(kJobVariable) == nullptr) forget_cancel(folder);
  log_info(cat("sweep: ", folder, ", ", sweep.config.method, ", ", sweep.config.concurrency, " trial(s) at once on ",
               sweep.config.on));
  const std::unique_ptr<WorkerPool> workers = make_pool(sweep, folder, slurm);
  SweepDriver driver(sweep, directory, study, journal, *workers, examples);
  const SweepOutcome outcome = driver.run();
  if (outcome.end == SweepEnd::kDone) write_sweep_results(folder, study.view(folder));
  const int code = end_of(command, outcome, study.view(folder));
  return code == 0 && command.has("retrain-best") ? retrain_best(command, sweep, folder) : code;
}

}  // namespace broadsheet
