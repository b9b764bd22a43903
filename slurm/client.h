// What Slurm is asked and told, through its own commands (sbatch, squeue, scontrol, scancel, sinfo): no library of one
// version, no daemon's protocol. Every command has a time limit; what cannot be reached is said to be unreachable,
// which is not the same as a job that is gone. Slurm forgets finished jobs after MinJobAge: results come from a run's
// own records, never from here.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/errors.h"

namespace broadsheet {

// RunError("slurm.unreachable"): the controller did not answer; nothing is known about any job.
bool is_unreachable(const Error& error);

struct QueuedJob {
  std::string id;       // "17", or "17_3" of an array
  std::string state;    // "PENDING", "RUNNING", "COMPLETING", ...
  std::string reason;   // why it waits: "Resources", "Dependency", "BeginTime", ...
  std::string nodes;    // "n[1-2]"; empty: none yet
  std::string start;    // expected or real, "2026-11-26T18:00:00", or "N/A"
  std::string comment;  // our token, for jobs of ours
  bool waits() const {
    return state == "PENDING" || state == "CONFIGURING" || state == "REQUEUED" || state == "SUSPENDED";
  }
  bool lives() const;  // it runs or will run
};

class SlurmClient {
 public:
  // `patience`: seconds that one command may take; Slurm's own are about ten when the controller is down.
  explicit SlurmClient(double patience = 30) : patience_(patience) {}

  static bool installed();  // sbatch is in PATH

  // All jobs of this user, of any state that Slurm still knows: one squeue. Throws slurm.unreachable.
  std::vector<QueuedJob> queue() const;
  // The fields of `scontrol show job`: {"JobState": "RUNNING", "PreemptTime": "None", ...}. nullopt: Slurm does not
  // know the job (any more). Throws slurm.unreachable.
  std::optional<std::map<std::string, std::string>> job(const std::string& id) const;
  // {"n1": "idle", "n2": "down*"} of a node list.
  std::map<std::string, std::string> node_states(const std::string& nodes) const;
  std::vector<std::string> node_names(const std::string& nodes) const;  // "n[1-2]" -> n1, n2

  bool has_node(const std::string& host) const;  // whether this machine, by its short name, is one of the cluster's

  // A job that is gone already is no error. Throw slurm.unreachable, or RunError("slurm.refused") with Slurm's words.
  void cancel(const std::string& id) const;
  void signal_batch(const std::string& id, const std::string& signal) const;  // to its script alone

  std::vector<std::string> mpi_types() const;           // of `srun --mpi=list`; empty: no srun
  std::map<std::string, std::string> settings() const;  // `scontrol show config`; throws slurm.unreachable
  std::string version() const;                          // "slurm-wlm 22.05.8"; empty: not installed

 private:
  double patience_;
};

// Whether Slurm's words on stderr mean that its controller (or munge) did not answer, so that nothing is known and a
// later try may succeed.
bool means_unreachable(const std::string& words);

// Reads `squeue -o kQueueFormat`; lines that are no rows are passed over.
extern const char kQueueFormat[];
std::vector<QueuedJob> parse_queue(const std::string& text);
// "Key=value Key=value" of `scontrol -o`; values may hold blanks and "=".
std::map<std::string, std::string> parse_fields(const std::string& text);

}  // namespace broadsheet
