// One job for one submission, whatever sbatch says.
//
// Note [A lying sbatch]: with its controller stopped, sbatch answers "Socket timed out" for a job that was accepted and
// runs (measured). So every submission carries a token in --comment, its intent is on disk before sbatch is called, and
// after anything but a clean answer the token is looked for, in Slurm's queue and in the job's own records, before
// another try. Should a second job start all the same, it finds the lease taken (slurm/job_record.h) and leaves with 0.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "slurm/client.h"
#include "slurm/job_record.h"
#include "slurm/job_script.h"

namespace broadsheet {

struct SubmitPatience {
  int tries = 6;               // of sbatch
  double sbatch_seconds = 90;  // for one
  double first_wait = 1;       // seconds before the second look; doubled each time, at most `longest_wait`
  double longest_wait = 60;
  int looks = 3;  // for the token, after an answer that leaves it open whether the job was accepted
};

struct Submitted {
  std::string id;
  std::vector<std::string> notes;  // what was not as it should be: "sbatch said ..., the job was found all the same"
};

// Writes the job's files and its record, calls sbatch, completes the record. UserError("slurm.refused") with Slurm's
// words when it does not want the job; RunError("slurm.unreachable") when it could not be asked.
Submitted submit_job(const JobSpec& spec, const SlurmClient& slurm, const SubmitPatience& patience = {});

// For a job that still runs: submits the same work again under a new token, to begin when job `from` has ended, on none
// of excluded_nodes(). For changes that a job in the queue or running cannot be given any more.
Submitted move_job(const std::string& folder, const std::string& from, const SlurmClient& slurm,
                   const SubmitPatience& patience = {});

// Whether a job of the queue is the record's: by its token, or by its id.
bool is_job_of(const JobRecord& record, const QueuedJob& job);

// The job that a record means, found by its token when the record has no id yet; "" : there is none (any more).
// Throws slurm.unreachable.
std::string find_job(const JobRecord& record, const std::string& folder, const SlurmClient& slurm);

// "17" or "17;cluster" alone in its line, as sbatch --parsable answers; empty: something else.
std::string id_in_answer(const std::string& out);

}  // namespace broadsheet
