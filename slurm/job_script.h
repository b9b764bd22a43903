// The script of a job, and what it is told. The script is one constant text: it reads `parameters` beside it line by
// line as data, so nothing from a run file can become shell or an #SBATCH line; what sbatch must know comes as its
// arguments, without a shell in between.
#pragma once

#include <string>
#include <vector>

#include "slurm/config.h"

namespace broadsheet {

struct JobSpec {
  std::string kind;                // the verb that it runs: "train", "prepare", "sweep" or "--worker"
  std::string name;                // of the job; [A-Za-z0-9._-]
  std::string folder;              // <run>/job: the script, its parameters, its records; absolute
  std::string place;               // the job's working directory; its log is below it: <place>/logs/job-<id>.log
  std::string program;             // broadsheet, absolute
  std::string tool;                // broadsheet-job, absolute
  std::string guard;               // broadsheet-term-guard.so, absolute
  std::string config;              // the file that the verb is given
  std::string run_dir;             // of kinds "train" and "sweep"
  bool resume = false;             // the first start is `train --resume`; all are `sweep --resume`
  int64_t threads = 1;             // of each rank
  std::string launcher;            // "srun" or "mpirun"; "none" for what has no ranks
  std::string token;               // goes into --comment
  std::vector<std::string> after;  // job ids
  std::string after_how = "ok";    // ok | any
  std::string exclude;             // beside slurm.exclude: nodes that failed
  SlurmConfig slurm;
};

const std::string& job_script();
// One "key value" per line; keys may repeat (container). UserError("slurm.path") for a path that Slurm or a line cannot
// hold: with a line break, or with a backslash, which Slurm takes as its own.
std::string job_parameters(const JobSpec& spec);
// sbatch and its arguments.
std::vector<std::string> sbatch_command(const JobSpec& spec);
// The same as a line for people.
std::string shell_line(const std::vector<std::string>& command);
// Makes the folder and writes job.sh, parameters and preamble.sh into it.
void write_job(const JobSpec& spec);

std::string log_pattern();  // below JobSpec::place: "logs/job-%j.log"
std::string log_file(const std::string& place, const std::string& job_id);

// "broadsheet:<token>", as --comment carries it.
std::string comment_of(const std::string& token);
std::string new_token();  // 128 random bits

}  // namespace broadsheet
