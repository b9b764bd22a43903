// What the end of a job means for its next start. Pure: everything it needs to know is told, so every rule is tested.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "slurm/config.h"
#include "slurm/job_record.h"

namespace broadsheet {

enum class Cause {
  kDone,         // finished
  kUser,         // exit 2: the user must change something
  kDiverged,     // the loss; trying again gives the same
  kCrashLoop,    // died in the same step several times
  kCancelled,    // `broadsheet cancel`
  kPreempted,    // by Slurm; costs no retry
  kTimeLimit,    // the job's time, or a signal: left with a checkpoint
  kOutOfMemory,  // of the machine or the device
  kNodeFailure,  // the node or its hardware
  kFailure,      // another one
};
const char* cause_name(Cause cause);

struct JobEnd {
  int code = 0;             // the run's own, not that of a rank that was killed because of it
  std::string fault;        // code of the first failure: "memory.host", "train.diverged"; empty: it left none
  std::string message;      // of the first failure
  std::string notice;       // the signal that the job's script was sent; "none"
  bool cancelled = false;   // the mark is there
  bool preempted = false;   // Slurm says so, or has put the job back into the queue for another reason
  bool time_is_up = false;  // within signal_before of the job's end
  std::string step_words;   // what srun said last: "oom_kill", "Node failure"
  std::string node;         // where the first failure was, if it was somewhere
  int64_t step = 0;         // last step on disk
};
Cause cause_of(const JobEnd& end);

enum class Action { kStop, kRequeue, kMove };  // kMove: to a new job, without the node
const char* action_name(Action action);

struct Decision {
  Action action = Action::kStop;
  std::string why;  // a sentence: what happened and what follows
  bool halve_micro_batch = false;
  int exit_code = 0;  // of the job's script
};
// `before`: the events of this submission so far.
Decision decide(Cause cause, const JobEnd& end, const std::vector<JobEvent>& before, const SlurmConfig& config);

// How often `cause` ended a start among `events`, at `step` or later.
int64_t times(const std::vector<JobEvent>& events, Cause cause, int64_t step = 0);

}  // namespace broadsheet
