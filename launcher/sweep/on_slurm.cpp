#include "launcher/sweep/on_slurm.h"

#include <cstdlib>

#include "core/text.h"
#include "launcher/job_spec.h"
#include "launcher/local_ranks.h"
#include "launcher/program.h"
#include "slurm/client.h"

namespace broadsheet {
namespace {

constexpr double kLittleWork = 0.05;  // core-hours
constexpr int64_t kFewTrials = 4;     // when nothing is known of their cost
constexpr double kPatience = 5;       // seconds for one question to Slurm

}  // namespace

SlurmLaunch settle_on_slurm(Sweep& sweep) {
  Origins origins;
  const std::optional<Site> site = find_site();
  RunConfig asked = load_run_config(sweep.config.run, {}, &origins, site ? &*site : nullptr);
  settle_ranks(asked, origins);
  // So that the resolved run file, in which every key is given, settles to the same.
  sweep.base.launch = asked.launch;
  sweep.base.slurm.ntasks_per_node = asked.slurm.ntasks_per_node;
  sweep.base.slurm.cpus_per_task = asked.slurm.cpus_per_task;
  SlurmLaunch launch{sweep.config.name, job_in("", asked.slurm), asked.launch};
  launch.job.kind = kWorkerFlag;
  launch.job.threads = asked.slurm.cpus_per_task;
  return launch;
}

std::string advice_for_login_node(const Sweep& sweep, int64_t examples, const std::string& file) {
  if (sweep.config.on != "local" || ::getenv("SLURM_JOB_ID") != nullptr || !SlurmClient::installed()) return "";
  try {
    if (SlurmClient(kPatience).has_node(host_name())) return "";
  } catch (const Error&) {
    return "";  // no cluster that answers
  }
  const SweepPlan plan = plan_sweep(sweep, examples);
  if (plan.core_hours ? *plan.core_hours < kLittleWork : plan.trials > 0 && plan.trials <= kFewTrials) return "";
  return cat(host_name(), " is no node of its cluster, and others may need it: `broadsheet submit ", file,
             "` gives the sweep to Slurm, `on: slurm` its trials");
}

}  // namespace broadsheet
