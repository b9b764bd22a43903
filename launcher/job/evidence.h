// What became of a job, from Slurm's words and from its log.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace broadsheet {

inline constexpr double kSlurmPatience = 15;  // seconds: the job's own time is running out

using JobFields = std::optional<std::map<std::string, std::string>>;  // of SlurmClient::job()

// "n[1-2]" -> n1, n2; the list itself when Slurm does not answer.
std::vector<std::string> names_of(const std::string& nodes);
// Of a node list, those that Slurm has given up or hears nothing from.
std::vector<std::string> failed_nodes(const std::string& nodes);

// What the log of job `id` below `place` says of its last start.
std::string last_words(const std::string& place, const std::string& id);
// "srun: error: Node failure on n1"; or "*** JOB 1 ON n1 CANCELLED AT ... DUE TO NODE FAILURE" of a job of one node.
std::vector<std::string> nodes_said_to_fail(const std::string& words, const std::string& nodes);
// "srun: error: n2: task 1: Bus error"
std::string node_in(const std::string& words);

// scancel is the user's word too. Slurm says COMPLETING of a job that it ends for whatever reason, and only its message
// in the log names the reason; for scancel it names none.
bool is_cancelled_by_slurm(const JobFields& job, const std::string& words);
// Preempted, or put back into the queue by somebody: not the run's own doing. `restart`: of this start.
bool is_taken_by_slurm(const JobFields& job, int64_t restart);

}  // namespace broadsheet
