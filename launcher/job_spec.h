// What `submit` and the workers of a sweep have in common: from a run file's sections `launch` and `slurm`, with the
// site's own file beneath, to what a job is.
#pragma once

#include <optional>
#include <string>

#include "experiments/run_config.h"
#include "experiments/site.h"
#include "slurm/job_script.h"

namespace broadsheet {

// Where a key was set, for a Fault; nowhere when it has its default.
Place place_of(const Origins& origins, const std::string& key);

// How many ranks, of how many cores: from `slurm` and `launch`, which must not contradict each other.
void settle_ranks(RunConfig& config, const Origins& origins);

// srun where it can start ranks that find each other, else mpirun; unless the file says which. Asks Slurm.
std::string settled_launcher(const SlurmConfig& slurm);

// A job whose records lie in <place>/job, with a new token, started by this program. What is left: kind, name, config,
// threads, launcher.
JobSpec job_in(const std::string& place, const SlurmConfig& slurm);

// Of a job that trains: the ranks' threads and what starts them. UserError for what cannot be: `origins` name the key.
void take_ranks(JobSpec& spec, const SlurmConfig& slurm, const Origins& origins);

}  // namespace broadsheet
