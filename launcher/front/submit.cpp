// submit: run, corpus and sweep files as Slurm jobs that need nobody until they are done.
#include <sys/stat.h>

#include <algorithm>

#include "core/durable.h"
#include "core/log.h"
#include "core/text.h"
#include "experiments/own_folder.h"
#include "experiments/sweep/sweep_directory.h"
#include "launcher/answer.h"
#include "launcher/front/actions.h"
#include "launcher/front/submit_plan.h"
#include "launcher/sweep/watch.h"
#include "slurm/submission.h"

namespace broadsheet {
namespace {

constexpr int64_t kFollowEvery = 2;
constexpr double kFollowPoll = 30;

class Submitter {
 public:
  explicit Submitter(const Command& command) : command_(command), all_(SubmitPlanner(command).plan()) {}

  int run() {
    if (command_.dry_run) return show_plan();
    if (!SlurmClient::installed())
      throw UserError("slurm.not_installed", "sbatch: not found in PATH",
                      "work on a login node of the cluster, or try slurm/testcluster");
    for (PlannedJob& planned : all_) refuse_when_busy(planned);
    std::vector<std::string> before;
    nlohmann::json jobs = nlohmann::json::array();
    for (PlannedJob& planned : all_) {
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
  // Two jobs in one directory are a mistake, and one that lives must not lose its lease.
  void refuse_when_busy(PlannedJob& planned) const {
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

  std::string submit(PlannedJob& planned) const {
    const JobSpec& spec = planned.spec;
    make_own_folder(spec.place);
    make_folders(spec.folder);
    ::chmod(spec.folder.c_str(), 0700);
    const FolderLock lock = FolderLock::acquire(spec.folder + "/submit.lock");
    write_slurm_config(spec.folder + "/slurm.yaml", spec.slurm);
    if (planned.run) write_file_durably(spec.config, to_yaml(*planned.run));
    if (planned.sweep) write_sweep(*planned.sweep, spec);
    forget_cancel(spec.place);
    const Submitted submitted = submit_job(spec, SlurmClient());
    for (const std::string& note : submitted.notes) log_warning(note);
    return submitted.id;
  }

  // As it is now, whatever becomes of the user's files; and the sweep's directory, for `status` to find.
  static void write_sweep(Sweep sweep, const JobSpec& spec) {
    const std::string base = spec.folder + "/base.yaml";
    write_file_durably(base, to_yaml(sweep.base));
    sweep.config.run = base;
    write_file_durably(spec.config, to_yaml(sweep.config));
    if (is_sweep_folder(spec.place)) return;
    make_folders(SweepDirectory::open(sweep, spec.place, {}).journal());
  }

  nlohmann::json description(const PlannedJob& planned, const std::string& id) const {
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
    for (const PlannedJob& planned : all_) {
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
    std::vector<std::string> runs, sweeps;
    for (const PlannedJob& planned : all_) {
      if (!planned.finished) (planned.sweep ? sweeps : runs).push_back(planned.spec.place);
    }
    if (runs.empty() && sweeps.empty()) return 0;
    log_info("following; Ctrl-C leaves, the jobs go on");
    int code = runs.empty() ? 0 : watch_runs(runs, kFollowEvery, kFollowPoll);
    for (const std::string& sweep : sweeps) code = std::max(code, watch_sweep(sweep, kFollowEvery));
    return code;
  }

  const Command& command_;
  std::vector<PlannedJob> all_;
};

}  // namespace

int do_submit(const Command& command) {
  return Submitter(command).run();
}

}  // namespace broadsheet
