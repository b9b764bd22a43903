// Where a sweep's workers run. The driver starts them, looks at them and stops them through this; everything else
// goes through their mailboxes (experiments/sweep/mailbox.h).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "experiments/sweep/sweep_config.h"

namespace broadsheet {

struct WorkerLife {
  enum class State {
    kStarting,  // not heard of yet
    kLives,
    kSilent,  // it lives, but has said nothing for too long
    kGone,
  };
  State state = State::kGone;
  std::string why;  // of kGone and kSilent: a sentence
  // Of kGone: it has put down the end of whatever it had begun. What it was given after that is nobody's failure.
  bool left = false;
};

class WorkerPool {
 public:
  virtual ~WorkerPool() = default;
  // Starts the worker `name`; may return long before it lives. `slot`: 0 .. concurrency - 1, no other living worker has
  // it. RunError when it cannot be started now, UserError when it cannot be started as it is asked for; it is given up
  // then, and leaves at once should it come all the same.
  virtual void start(const std::string& name, int64_t slot) = 0;
  // Of a worker that this or an earlier start of the driver has started.
  virtual WorkerLife look(const std::string& name) = 0;
  // Asks it to save and leave; with `now` ends it.
  virtual void stop(const std::string& name, bool now) = 0;
  // Seconds between two looks at files where nothing tells of new ones.
  virtual double look_every() const = 0;
  // Whether they go on when the driver is told to leave, because it comes back: a job of its own, that is requeued.
  virtual bool stay_without_driver() const { return false; }
};

// On this machine: processes of their own sessions, which outlive a driver that dies, each slot on cores of its own
// when there are enough. `silence`: seconds without a beat after which one counts as silent.
std::unique_ptr<WorkerPool> make_local_workers(const std::string& sweep_folder, const LaunchConfig& launch,
                                               int64_t slots, double silence);

// The same for somebody who drives nothing: a worker of this machine; nothing when it is elsewhere or gone.
void stop_local_worker(const std::string& sweep_folder, const std::string& name, bool now);

// broadsheet --worker FOLDER: starts the engine's ranks for a worker, and tells of their end in the trial's place when
// they cannot. Returns the exit code.
int supervise_worker(const std::string& folder);

// Names of environment variables that belong to the job step or the MPI world around this process, and must not reach
// processes that are none of it.
bool is_step_variable(const std::string& name);

}  // namespace broadsheet
