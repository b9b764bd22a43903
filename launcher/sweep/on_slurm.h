// A sweep whose workers are jobs of Slurm.
#pragma once

#include <memory>
#include <string>

#include "experiments/sweep/sweep_config.h"
#include "launcher/sweep/plan.h"
#include "launcher/sweep/workers.h"
#include "slurm/job_script.h"

namespace broadsheet {

struct SlurmLaunch {
  std::string sweep;  // its name, for the jobs'
  JobSpec job;        // of a worker, but for what differs: name, folder, place, config, token
  LaunchConfig ranks;
};

// From the run file with the site's own beneath. Settles the ranks of the sweep's trials as `submit` does for a run
// (launcher/job_spec.h), in `sweep.base` too. What starts the ranks is still to be asked for (settled_launcher).
SlurmLaunch settle_on_slurm(Sweep& sweep);

// The job of a worker, but for what only its submission decides: token and nodes to stay away from.
JobSpec worker_job(const std::string& sweep_folder, const SlurmLaunch& launch, const std::string& worker);

// One job for each worker. What cannot be reached is not taken for gone. In a job itself (that `submit` made), its
// workers stay when the driver is told to leave.
std::unique_ptr<WorkerPool> make_slurm_workers(const std::string& sweep_folder, const SlurmLaunch& launch,
                                               double silence);

// For somebody who drives nothing. Nothing when the worker is no job, or has ended. RunError("slurm.unreachable").
void stop_slurm_worker(const std::string& sweep_folder, const std::string& name, bool now);

// What to say to somebody who starts a sweep of this machine on a cluster's login node; empty: nothing.
std::string advice_for_login_node(const Sweep& sweep, int64_t examples, const std::string& file);

}  // namespace broadsheet
