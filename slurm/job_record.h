// What a job leaves in its folder, so that its state can be told without Slurm, which forgets, and from any machine:
//   job.json        who it is: the token, Slurm's id once it is known, what it runs
//   events.jsonl    one line per start and end, appended by the job itself
//   lease           the one job that may work under this token, made by whoever starts first
//   ../cancelled    the mark of `broadsheet cancel`: no start and no requeue until `submit` or `train` removes it
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace broadsheet {

struct JobRecord {
  std::string token;
  std::string id;                    // Slurm's; empty: sbatch was about to be called, or has not told
  std::string kind;                  // train | prepare | sweep | --worker
  std::string submitted;             // UTC
  std::vector<std::string> command;  // sbatch and its arguments
  std::vector<std::string> after;
};
std::optional<JobRecord> read_job_record(const std::string& folder);
void write_job_record(const std::string& folder, const JobRecord& record);

struct JobEvent {
  std::string event;  // "start" | "end" | "lost": the start before it ended without a word
  std::string token, job;
  int64_t restart = 0;
  std::string nodes, time;
  // Of an end.
  int code = 0;
  std::string cause;   // cause_name() of slurm/retry.h
  std::string action;  // "stop" | "requeue" | "move"
  std::string detail;  // a sentence
  int64_t step = 0;    // last step on disk
};
// Oldest first; a line that was cut off is passed over.
std::vector<JobEvent> read_job_events(const std::string& folder);
int64_t count_starts(const std::vector<JobEvent>& events);
void append_job_event(const std::string& folder, const JobEvent& event);

// Takes the lease for `job`, or finds that it is its already. Returns the holder: `job`, or another.
std::string take_lease(const std::string& folder, const std::string& token, const std::string& job);

std::string job_folder(const std::string& run_dir);   // <run>/job
std::string cancel_mark(const std::string& run_dir);  // <run>/cancelled

// Nodes that failed under this run, kept for its next jobs: "excluded", one name a line.
std::vector<std::string> excluded_nodes(const std::string& folder);
void exclude_node(const std::string& folder, const std::string& node);

}  // namespace broadsheet
