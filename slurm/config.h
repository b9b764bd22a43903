// The section `slurm:` of a run file, and of the site's own file beneath it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/config.h"

namespace broadsheet {

// How often each cause of an end is tried again (slurm/retry.h); 0: never.
struct RetryConfig {
  int64_t out_of_memory = 3;  // each time with half the micro-batch
  int64_t node_failure = 3;   // each time without the node
  int64_t failure = 2;        // anything else that a retry may help
};

struct SlurmConfig {
  std::string partition, account, qos, constraint;  // empty: the site's default
  int64_t nodes = 1;
  int64_t ntasks_per_node = 0;  // ranks on each node; 0: one per GPU, else one
  int64_t cpus_per_task = 0;    // 0: launch.threads_per_rank
  int64_t gpus_per_node = 0;
  std::string mem;                            // per node, as sbatch has it: "16G"; empty: the site's default
  std::string time;                           // "04:00:00"; empty: the partition's default
  std::string exclude;                        // a node list: "n[3-4],n7"
  std::vector<std::string> extra;             // further words for sbatch, one argument each
  std::vector<std::string> export_variables;  // names that travel with the job beside kTravelling
  std::string preamble;                // shell lines of the user's, read by the job's script before it starts anything
  std::vector<std::string> container;  // a command line in front of the program on every rank: [apptainer, exec, image]
  std::string scratch;                 // a folder of every node's own: TMPDIR of the ranks
  std::string launcher = "auto";       // srun | mpirun | auto
  int64_t signal_before = 120;         // seconds before the time limit at which the job is told
  int64_t max_requeues = 20;  // that the job asks for itself: time limits and signals; preemptions do not count
  RetryConfig retries;
};

const Section<SlurmConfig>& slurm_section();

// Ceilings of a site: section `limits` of its file. 0 or empty: none.
struct SlurmLimits {
  int64_t nodes = 0, ntasks_per_node = 0, gpus_per_node = 0, max_requeues = 0;
  std::string time;
};
const Section<SlurmLimits>& slurm_limits_section();
// A fault for each key that is above its ceiling; `site` is the file that sets it.
void check_limits(const SlurmConfig& config, const SlurmLimits& limits, const std::string& site, ConfigReader& reader);

// Ranks that the job starts.
int64_t tasks_per_node(const SlurmConfig& config);
int64_t world_size(const SlurmConfig& config);
// Seconds that sbatch's --time means ("minutes", "minutes:seconds", "h:m:s", "days-hours[:m[:s]]"); -1: it is none.
// 0: no limit ("UNLIMITED", "INFINITE", "0").
int64_t time_seconds(const std::string& text);

// Variables that travel with every job. Nothing else does, so a secret in the submitter's shell stays there.
const std::vector<std::string>& travelling_variables();

}  // namespace broadsheet
