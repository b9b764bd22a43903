#include "launcher/front/submit_plan.h"

#include <algorithm>
#include <cmath>

#include "core/path.h"
#include "core/text.h"
#include "experiments/check.h"
#include "experiments/check_parts.h"
#include "experiments/own_folder.h"
#include "experiments/run_directory.h"
#include "experiments/sweep/sweep_directory.h"
#include "launcher/job_spec.h"
#include "launcher/sweep/on_slurm.h"
#include "launcher/sweep/plan.h"

namespace broadsheet {
namespace {

constexpr double kSecondsPerHour = 3600;

std::string hundredths(double number) {
  return shortest(std::round(100 * number) / 100);
}

std::string asked_time(const SlurmConfig& slurm, int64_t nodes, nlohmann::json& plan) {
  const int64_t seconds = slurm.time.empty() ? -1 : time_seconds(slurm.time);
  if (seconds <= 0) return "  asked for              the partition's time limit\n";
  plan["node_hours"] = static_cast<double>(nodes * seconds) / kSecondsPerHour;
  return cat("  asked for              ", hundredths(plan["node_hours"].get<double>()), " node-hours at a time\n");
}

}  // namespace

SubmitPlanner::SubmitPlanner(const Command& command) : command_(command), site_(find_site()) {
  after_ = command.value("after", "ok");
  if (after_ != "ok" && after_ != "any")
    throw UserError("usage.after", cat("--after ", after_, ": wanted ok or any"),
                    "ok: only when the one before succeeded; any: however it ended");
  if (command.has("run-dir") && command.positionals.size() > 1)
    throw UserError("usage.run_dir", "--run-dir names one run's directory, found several files",
                    "submit that file alone, or set runs_dir in the files");
}

std::vector<PlannedJob> SubmitPlanner::plan() {
  std::vector<PlannedJob> all;
  for (const std::string& file : command_.positionals) {
    const std::string kind = file_kind(file);
    all.push_back(kind == "run"      ? plan_run_file(file)
                  : kind == "corpus" ? plan_corpus_file(file)
                                     : plan_sweep_file(file));
  }
  return all;
}

JobSpec SubmitPlanner::job(const std::string& place, const SlurmConfig& slurm) const {
  JobSpec spec = job_in(place, slurm);
  spec.after_how = after_;
  return spec;
}

std::string SubmitPlanner::wanted_folder(const std::string& usual) const {
  return absolute_path(command_.has("run-dir") ? command_.value("run-dir") : usual);
}

// --set is about the run files of the line; without any, about the sweep.
bool SubmitPlanner::has_run_file() const {
  return std::any_of(command_.positionals.begin(), command_.positionals.end(),
                     [](const std::string& file) { return file_kind(file) == "run"; });
}

// A corpus that an earlier file of this line prepares need not be there yet.
bool SubmitPlanner::is_prepared_before(const std::string& corpus) const {
  return std::find(outputs_.begin(), outputs_.end(), corpus) != outputs_.end();
}

PlannedJob SubmitPlanner::plan_run_file(const std::string& file) {
  PlannedJob planned;
  planned.file = file;
  planned.kind = "run";
  Origins origins;
  RunConfig config = load_run_config(file, command_.sets, &origins, site());
  settle_ranks(config, origins);
  const auto corpus = check_run_parts(config, &origins, !is_prepared_before(config.data.corpus));
  const std::string folder = wanted_folder(config.run_dir());
  check_own_folder(folder);
  planned.run = without_site(file, config);
  const RunPlan where = plan_run(*planned.run, folder, {command_.has("fresh"), command_.has("resume")});
  planned.finished = where.state == RunState::kFinished;
  JobSpec& spec = planned.spec;
  spec = job(where.folder, config.slurm);
  spec.kind = "train";
  spec.name = config.name;
  spec.run_dir = where.folder;
  spec.config = spec.folder + "/run.yaml";
  spec.resume = command_.has("resume");
  take_ranks(spec, config.slurm, origins);
  planned.plan = run_plan(config, corpus.get());
  planned.plan["run_dir"] = where.folder;
  planned.plan["nodes"] = config.slurm.nodes;
  planned.plan["ntasks_per_node"] = tasks_per_node(config.slurm);
  planned.plan["cpus_per_task"] = spec.threads;
  planned.plan["launcher"] = spec.launcher;
  const std::string time = asked_time(config.slurm, config.slurm.nodes, planned.plan);
  planned.plan_text = cat(run_plan_text(config, planned.plan), "  nodes                  ", config.slurm.nodes, ", ",
                          tasks_per_node(config.slurm), " rank(s) on each, ", spec.threads,
                          " core(s) for each, started by ", spec.launcher, "\n", time);
  if (!slurm_for_corpora_) slurm_for_corpora_ = config.slurm;
  return planned;
}

PlannedJob SubmitPlanner::plan_corpus_file(const std::string& file) {
  const CorpusConfig config = load_corpus_config(file, {});
  PlannedJob planned;
  planned.file = file;
  planned.kind = "corpus";
  JobSpec& spec = planned.spec;
  spec = job(config.output + ".job", slurm_of_corpus());
  spec.kind = "prepare";
  spec.name = config.name;
  spec.config = absolute_path(file);
  spec.threads = std::max<int64_t>(1, spec.slurm.cpus_per_task);
  spec.launcher = "none";
  planned.plan = {{"corpus", config.output}, {"nodes", 1}};
  planned.plan_text = cat("Plan\n  corpus                 ", config.output, "\n  nodes                  1\n");
  outputs_.push_back(config.output);
  return planned;
}

// The driver: one node, asked for as its run file asks. Its trials are jobs of their own, or run inside this one.
PlannedJob SubmitPlanner::plan_sweep_file(const std::string& file) {
  PlannedJob planned;
  planned.file = file;
  planned.kind = "sweep";
  planned.sweep = load_sweep(file, has_run_file() ? std::vector<Override>{} : command_.sets);
  Sweep& sweep = *planned.sweep;
  const bool local = sweep.config.on == "local";
  const SlurmConfig slurm =
      local ? load_run_config(sweep.config.run, {}, nullptr, site()).slurm : settle_on_slurm(sweep).job.slurm;
  const auto corpus = check_run_parts(sweep.base, nullptr, !is_prepared_before(sweep.base.data.corpus));
  const RunChoice choice{command_.has("fresh"), command_.has("resume")};
  const std::string folder = SweepDirectory::place_of(sweep, wanted_folder(sweep.config.sweep_dir()), choice);
  JobSpec& spec = planned.spec;
  spec = job(folder, slurm);
  spec.kind = "sweep";
  spec.name = sweep.config.name;
  spec.run_dir = folder;
  spec.config = spec.folder + "/sweep.yaml";
  spec.resume = choice.resume;
  spec.launcher = "none";
  spec.slurm.nodes = 1;
  if (local) {
    const LaunchConfig& launch = sweep.base.launch;
    spec.threads = sweep.config.concurrency * launch.ranks * launch.threads_per_rank;
    if (spec.slurm.gpus_per_node > 0) spec.slurm.extra.push_back(cat("--gpus-per-node=", spec.slurm.gpus_per_node));
  } else {
    spec.slurm.container.clear();  // sbatch is not in it
    spec.slurm.mem.clear();
  }
  if (corpus) {
    const SweepPlan plan = plan_sweep(sweep, corpus->size(Split::kTrain));
    planned.plan = to_json(plan, folder);
    planned.plan_text = to_text(plan, folder);
  } else {
    planned.plan = nlohmann::json::object();
    planned.plan_text = cat("Plan\n  sweep                  ", folder, "\n");
  }
  planned.plan["run_dir"] = folder;
  planned.plan["on"] = sweep.config.on;
  planned.plan["nodes"] = 1;
  planned.plan["cpus_per_task"] = spec.threads;
  planned.plan_text += cat("  nodes                  1, ", spec.threads, " core(s), for the sweep's driver",
                           local ? " and its trials" : "; its workers are jobs of their own", "\n",
                           asked_time(spec.slurm, 1, planned.plan));
  if (!slurm_for_corpora_) slurm_for_corpora_ = slurm;
  return planned;
}

// A corpus file has no section of its own: it asks as the run after it does, of one node.
SlurmConfig SubmitPlanner::slurm_of_corpus() const {
  if (slurm_for_corpora_) return *slurm_for_corpora_;
  for (const std::string& file : command_.positionals) {
    const std::string kind = file_kind(file);
    if (kind == "run") return load_run_config(file, command_.sets, nullptr, site()).slurm;
    if (kind == "sweep") return load_run_config(load_sweep(file, {}).config.run, {}, nullptr, site()).slurm;
  }
  return site_ ? site_->defaults : SlurmConfig{};
}

// What the run itself is: the site is no part of it.
RunConfig SubmitPlanner::without_site(const std::string& file, const RunConfig& config) const {
  RunConfig bare = load_run_config(file, command_.sets);
  bare.launch = config.launch;
  return bare;
}

}  // namespace broadsheet
