// submit: run and corpus files as Slurm jobs that need nobody until they are done.
#include <sys/stat.h>

#include <algorithm>
#include <cmath>

#include "core/durable.h"
#include "core/log.h"
#include "core/path.h"
#include "core/text.h"
#include "experiments/check.h"
#include "experiments/check_parts.h"
#include "experiments/own_folder.h"
#include "experiments/run_directory.h"
#include "launcher/answer.h"
#include "launcher/front/actions.h"
#include "launcher/program.h"
#include "launcher/run_state.h"
#include "slurm/submission.h"

namespace broadsheet {
namespace {

constexpr double kSecondsPerHour = 3600;
constexpr int64_t kFollowEvery = 2;
constexpr double kFollowPoll = 30;

std::string hundredths(double number) {
  return shortest(std::round(100 * number) / 100);
}

bool is_given(const Origins& origins, const std::string& key) {
  const auto found = origins.find(key);
  return found != origins.end() && found->second != "default";
}

Place place_of(const Origins& origins, const std::string& key) {
  const auto found = origins.find(key);
  return found == origins.end() || found->second == "default" ? Place{} : Place{found->second, 0, 0};
}

// How many ranks, of how many cores: from `slurm` and `launch`, which must not contradict each other.
void settle_ranks(RunConfig& config, const Origins& origins) {
  SlurmConfig& slurm = config.slurm;
  const bool tasks_given = is_given(origins, "slurm.ntasks_per_node") || is_given(origins, "slurm.gpus_per_node");
  const int64_t ranks = config.launch.ranks;
  if (is_given(origins, "launch.ranks")) {
    if (!tasks_given && ranks % slurm.nodes == 0) slurm.ntasks_per_node = ranks / slurm.nodes;
    if (ranks != world_size(slurm)) {
      throw UserError(Fault{"config.conflict", place_of(origins, "launch.ranks"), "launch.ranks",
                            cat("found ", ranks, " ranks, but slurm asks for ", slurm.nodes, " node(s) with ",
                                tasks_per_node(slurm), " rank(s) on each, ", world_size(slurm), " in all"),
                            "remove launch.ranks, or change slurm.nodes and slurm.ntasks_per_node"});
    }
  }
  config.launch.ranks = world_size(slurm);
  if (config.launch.ranks > config.train.global_batch_size) {
    throw UserError(Fault{
        "config.conflict", place_of(origins, "slurm.nodes"), "slurm.nodes",
        cat("found ", config.launch.ranks, " ranks for train.global_batch_size: ", config.train.global_batch_size),
        "some ranks would never get an example; ask for fewer, or use a larger batch"});
  }
  if (slurm.cpus_per_task == 0) {
    slurm.cpus_per_task = config.launch.threads_per_rank;
  } else if (!is_given(origins, "launch.threads_per_rank")) {
    config.launch.threads_per_rank = slurm.cpus_per_task;
  } else if (slurm.cpus_per_task < config.launch.threads_per_rank) {
    throw UserError(Fault{
        "config.conflict", place_of(origins, "slurm.cpus_per_task"), "slurm.cpus_per_task",
        cat("found ", slurm.cpus_per_task, " core(s) for launch.threads_per_rank: ", config.launch.threads_per_rank),
        "give every thread a core"});
  }
}

std::string settled_launcher(const SlurmConfig& slurm) {
  if (slurm.launcher != "auto") return slurm.launcher;
  const std::vector<std::string> types = SlurmClient().mpi_types();
  const bool pmix =
      std::any_of(types.begin(), types.end(), [](const std::string& type) { return starts_with(type, "pmix"); });
  return pmix ? "srun" : "mpirun";
}

// One file, understood and checked; nothing is written yet.
struct Planned {
  std::string file, kind;
  JobSpec spec;
  RunConfig run;  // kind train
  nlohmann::json plan;
  std::string plan_text;
  bool finished = false;
};

class Submitter {
 public:
  explicit Submitter(const Command& command) : command_(command), site_(find_site()) {
    after_ = command.value("after", "ok");
    if (after_ != "ok" && after_ != "any")
      throw UserError("usage.after", cat("--after ", after_, ": wanted ok or any"),
                      "ok: only when the one before succeeded; any: however it ended");
    if (command.has("run-dir") && command.positionals.size() > 1)
      throw UserError("usage.run_dir", "--run-dir names one run's directory, found several files",
                      "submit that file alone, or set runs_dir in the files");
  }

  int run() {
    for (const std::string& file : command_.positionals) plan(file);
    if (command_.dry_run) return show_plan();
    if (!SlurmClient::installed())
      throw UserError("slurm.not_installed", "sbatch: not found in PATH",
                      "work on a login node of the cluster, or try slurm/testcluster");
    for (Planned& planned : all_) refuse_when_busy(planned);
    std::vector<std::string> before;
    nlohmann::json jobs = nlohmann::json::array();
    for (Planned& planned : all_) {
      if (planned.finished) {
        log_info(cat(planned.spec.place, ": this run is finished; --fresh starts anew beside it"));
        continue;
      }
      planned.spec.after = before;
      const std::string id = submit(planned);
      before = {id};
      jobs.push_back(description(planned, id));
      if (!command_.json) print_text(cat("job ", id, ": ", planned.spec.place, "\n"));
    }
    if (command_.json) print_json(answer(jobs));
    return command_.has("follow") ? follow() : 0;
  }

 private:
  void plan(const std::string& file) {
    const std::string kind = file_kind(file);
    if (kind == "run") return plan_run_file(file);
    if (kind == "corpus") return plan_corpus_file(file);
    throw UserError(Fault{
        "config.not_in_this_version", {file, 0, 0}, "kind", "sweep files are not in this version", "submit run files"});
  }

  void plan_run_file(const std::string& file) {
    Planned planned;
    planned.file = file;
    planned.kind = "run";
    Origins origins;
    RunConfig config = load_run_config(file, command_.sets, &origins, site_ ? &*site_ : nullptr);
    settle_ranks(config, origins);
    // A corpus that an earlier file of this line prepares need not be there yet.
    const bool prepared_before = std::find(outputs_.begin(), outputs_.end(), config.data.corpus) != outputs_.end();
    const auto corpus = check_run_parts(config, &origins, !prepared_before);
    const std::string folder =
        command_.has("run-dir") ? absolute_path(command_.value("run-dir")) : absolute_path(config.run_dir());
    check_own_folder(folder);
    planned.run = without_site(file, config);
    const RunPlan where = plan_run(planned.run, folder, {command_.has("fresh"), command_.has("resume")});
    planned.finished = where.state == RunState::kFinished;
    JobSpec& spec = planned.spec;
    spec = common_spec(config.slurm, where.folder);
    spec.kind = "train";
    spec.name = config.name;
    spec.run_dir = where.folder;
    spec.config = spec.folder + "/run.yaml";
    spec.resume = command_.has("resume");
    spec.threads = config.slurm.cpus_per_task;
    spec.launcher = settled_launcher(config.slurm);
    if (spec.launcher == "mpirun" && !config.slurm.container.empty() && config.slurm.nodes > 1)
      throw UserError(Fault{"config.conflict", place_of(origins, "slurm.container"), "slurm.container",
                            "a container on several nodes needs srun to start the ranks in it",
                            "use slurm.launcher: srun, or one node"});
    planned.plan = run_plan(config, corpus.get());
    planned.plan["run_dir"] = where.folder;
    planned.plan["nodes"] = config.slurm.nodes;
    planned.plan["ntasks_per_node"] = tasks_per_node(config.slurm);
    planned.plan["cpus_per_task"] = spec.threads;
    planned.plan["launcher"] = spec.launcher;
    const int64_t seconds = config.slurm.time.empty() ? -1 : time_seconds(config.slurm.time);
    if (seconds > 0) planned.plan["node_hours"] = static_cast<double>(config.slurm.nodes * seconds) / kSecondsPerHour;
    planned.plan_text = run_plan_text(config, planned.plan);
    planned.plan_text += cat("  nodes                  ", config.slurm.nodes, ", ", tasks_per_node(config.slurm),
                             " rank(s) on each, ", spec.threads, " core(s) for each, started by ", spec.launcher, "\n");
    planned.plan_text += seconds > 0
                             ? cat("  asked for              ", hundredths(planned.plan["node_hours"].get<double>()),
                                   " node-hours at a time\n")
                             : "  asked for              the partition's time limit\n";
    if (!slurm_for_corpora_) slurm_for_corpora_ = config.slurm;
    all_.push_back(planned);
  }

  void plan_corpus_file(const std::string& file) {
    const CorpusConfig config = load_corpus_config(file, {});
    Planned planned;
    planned.file = file;
    planned.kind = "corpus";
    JobSpec& spec = planned.spec;
    spec = common_spec(slurm_of_corpus(), config.output + ".job");
    spec.kind = "prepare";
    spec.name = config.name;
    spec.config = absolute_path(file);
    spec.threads = std::max<int64_t>(1, spec.slurm.cpus_per_task);
    spec.launcher = "none";
    planned.plan = {{"corpus", config.output}, {"nodes", 1}};
    planned.plan_text = cat("Plan\n  corpus                 ", config.output, "\n  nodes                  1\n");
    outputs_.push_back(config.output);
    all_.push_back(planned);
  }

  // A corpus file has no section of its own: it asks as the run after it does, of one node.
  SlurmConfig slurm_of_corpus() const {
    if (slurm_for_corpora_) return *slurm_for_corpora_;
    for (const std::string& file : command_.positionals) {
      if (file_kind(file) == "run")
        return load_run_config(file, command_.sets, nullptr, site_ ? &*site_ : nullptr).slurm;
    }
    SlurmConfig config;
    if (site_) config = site_->defaults;
    return config;
  }

  JobSpec common_spec(const SlurmConfig& slurm, const std::string& place) const {
    JobSpec spec;
    spec.place = place;
    spec.folder = job_folder(place);
    spec.program = program_path();
    spec.tool = job_tool_path();
    spec.guard = term_guard_path();
    spec.slurm = slurm;
    spec.after_how = after_;
    spec.token = new_token();
    spec.exclude = join(excluded_nodes(spec.folder), ",");
    return spec;
  }

  // What the run itself is: the site is no part of it.
  RunConfig without_site(const std::string& file, const RunConfig& config) const {
    RunConfig bare = load_run_config(file, command_.sets);
    bare.launch = config.launch;
    return bare;
  }

  // Two jobs in one directory are a mistake, and one that lives must not lose its lease.
  void refuse_when_busy(Planned& planned) const {
    const std::string& place = planned.spec.place;
    if (const auto holder = look_at_lock(place + "/lock"); holder && !holder->gone && holder->job.empty())
      throw UserError(
          "lock.held",
          cat(place, " is in use by process ", holder->process, " on ", holder->host, " (", holder->command, ")"),
          "wait for it or cancel it, then submit again");
    const std::optional<JobRecord> record = read_job_record(planned.spec.folder);
    if (!record) return;
    const SlurmClient slurm;
    for (const QueuedJob& job : slurm.queue()) {
      if (is_job_of(*record, job) && job.lives())
        throw UserError("slurm.submitted", cat(place, ": job ", job.id, " is ", job.state, " for it already"),
                        cat("`broadsheet status ", place, "` shows it, `broadsheet cancel ", place, "` ends it"));
    }
  }

  std::string submit(Planned& planned) const {
    const JobSpec& spec = planned.spec;
    make_own_folder(spec.place);
    make_folders(spec.folder);
    ::chmod(spec.folder.c_str(), 0700);
    const FolderLock lock = FolderLock::acquire(spec.folder + "/submit.lock");
    write_slurm_config(spec.folder + "/slurm.yaml", spec.slurm);
    if (planned.kind == "run") write_file_durably(spec.config, to_yaml(planned.run));
    forget_cancel(spec.place);
    const Submitted submitted = submit_job(spec, SlurmClient());
    for (const std::string& note : submitted.notes) log_warning(note);
    return submitted.id;
  }

  nlohmann::json description(const Planned& planned, const std::string& id) const {
    nlohmann::json one = {
        {"kind", planned.kind},
        {"file", planned.file},
        {"run_dir", planned.spec.place},
        {"script", planned.spec.folder + "/job.sh"},
        {"log", id.empty() ? planned.spec.place + "/" + log_pattern() : log_file(planned.spec.place, id)},
        {"command", sbatch_command(planned.spec)},
        {"plan", planned.plan}};
    one["job_id"] = id.empty() ? nlohmann::json() : nlohmann::json(id);
    return one;
  }

  static nlohmann::json answer(const nlohmann::json& jobs) {
    nlohmann::json value = jobs.size() == 1 ? jobs[0] : nlohmann::json::object();
    value["jobs"] = jobs;
    return value;
  }

  int show_plan() {
    nlohmann::json jobs = nlohmann::json::array();
    std::string text;
    for (const Planned& planned : all_) {
      nlohmann::json one = description(planned, "");
      one["parameters"] = job_parameters(planned.spec);
      one["script_text"] = job_script();
      one["dry_run"] = true;
      jobs.push_back(one);
      text += cat("--- ", planned.file, "\n", planned.plan_text, "\n--- the command\n",
                  shell_line(sbatch_command(planned.spec)), "\n\n--- ", planned.spec.folder, "/parameters\n",
                  job_parameters(planned.spec), "\n");
    }
    text += cat("--- the script\n", job_script());
    if (command_.json) {
      nlohmann::json value = answer(jobs);
      value["dry_run"] = true;
      print_json(value);
    } else {
      print_text(text);
    }
    return 0;
  }

  int follow() const {
    std::vector<std::string> places;
    for (const Planned& planned : all_) {
      if (!planned.finished) places.push_back(planned.spec.place);
    }
    if (places.empty()) return 0;
    log_info("following; Ctrl-C leaves, the jobs go on");
    return watch_runs(places, kFollowEvery, kFollowPoll);
  }

  const Command& command_;
  std::optional<Site> site_;
  std::string after_;
  std::vector<Planned> all_;
  std::vector<std::string> outputs_;  // of corpus files so far
  std::optional<SlurmConfig> slurm_for_corpora_;
};

}  // namespace

int do_submit(const Command& command) {
  return Submitter(command).run();
}

}  // namespace broadsheet
