// What became of a run: its own records first, then Slurm, which forgets. The same for a run on this machine, on
// another, and in the queue.
#pragma once

#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "experiments/run_status.h"
#include "slurm/client.h"
#include "slurm/job_record.h"

namespace broadsheet {

struct JobState {
  RunProgress progress;
  // waiting | starting | running | finished | stopped | failed | cancelled | lost | unknown
  std::string state;
  std::string why;    // why it waits, or how it ended; empty: nothing to say
  std::string job;    // Slurm's id, of the newest submission
  std::string where;  // nodes, or host
  int64_t restarts = 0;
  bool over() const {
    return state == "finished" || state == "stopped" || state == "failed" || state == "cancelled" || state == "lost";
  }
};

// One squeue for all runs, and none while the answer is fresh: `every` seconds, and longer while nothing changes.
class QueueView {
 public:
  explicit QueueView(double every_seconds = 30);
  // Asks Slurm when it is time. Not when no run that is looked at has a job.
  void refresh();
  // Asks now.
  void ask();
  double age() const;                                      // seconds since Slurm was asked; infinite: never
  bool known() const { return known_; }                    // the last answer is there
  const std::string& trouble() const { return trouble_; }  // why not: "Slurm cannot be reached: ..."
  const QueuedJob* find(const JobRecord& record) const;    // nullptr: not in the queue
  double interval() const { return interval_; }

 private:
  double every_, interval_;
  std::chrono::steady_clock::time_point asked_{};
  bool asked_once_ = false, known_ = false;
  std::vector<QueuedJob> jobs_;
  std::string trouble_;
};

// The newest submission that was made in <folder>/job; `progress` is left alone. nullopt: there was none.
std::optional<JobState> state_of_job(const std::string& folder, QueueView& queue);
// The end of the newest start of a job with this token; nullptr: it has not ended, or not started.
const JobEvent* last_end(const std::vector<JobEvent>& events, const std::string& token);

JobState state_of_run(const std::string& folder, QueueView& queue);

// "  editorials  running   step 120/450 (27 %)  loss 0.5123  macro_f1 0.7312 at 100  2,345 tokens/s  12 min left"
std::string status_line(const JobState& state, size_t name_width = 0);
nlohmann::json to_json(const JobState& state);

}  // namespace broadsheet
