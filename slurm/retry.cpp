#include "slurm/retry.h"

#include <algorithm>
#include <array>

#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

constexpr int kBusError = 128 + 7;

bool holds(const std::string& text, std::initializer_list<const char*> parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](const char* part) { return text.find(part) != std::string::npos; });
}

bool is_memory(const JobEnd& end) {
  return starts_with(end.fault, "memory") ||
         holds(end.step_words, {"oom_kill", "oom-kill", "OOM Killed", "Out Of Memory"});
}

// What a machine does, not a program: memory or a card that is broken, a node that Slurm lost.
bool is_hardware(const JobEnd& end) {
  if (starts_with(end.fault, "device.hardware") || end.code == kBusError) return true;
  return holds(end.step_words, {"Node failure", "node failure", "NODE_FAIL", "Bus error", "uncorrectable ECC"}) ||
         holds(end.message, {"Bus error", "uncorrectable ECC", "GPU has fallen off the bus"});
}

std::string counted(int64_t now, int64_t most) {
  return cat(" (", now, " of at most ", most, ")");
}

std::string said_by(const JobEnd& end) {
  const std::string first = end.message.substr(0, end.message.find('\n'));
  return first.empty() ? cat("it ended with code ", end.code) : first;
}

}  // namespace

const char* cause_name(Cause cause) {
  static const std::array kNames = {"done",      "user",       "diverged",      "crash_loop",   "cancelled",
                                    "preempted", "time_limit", "out_of_memory", "node_failure", "failure"};
  return kNames.at(static_cast<size_t>(cause));
}

const char* action_name(Action action) {
  static const std::array kNames = {"stop", "requeue", "move"};
  return kNames.at(static_cast<size_t>(action));
}

int64_t times(const std::vector<JobEvent>& events, Cause cause, int64_t step) {
  return std::count_if(events.begin(), events.end(), [&](const JobEvent& event) {
    return event.event != "start" && event.cause == cause_name(cause) && event.step >= step;
  });
}

Cause cause_of(const JobEnd& end) {
  const bool told = end.notice != "none" && !end.notice.empty();
  if (end.code == 0) return Cause::kDone;
  if (end.cancelled) return Cause::kCancelled;
  if (end.code == static_cast<int>(ExitCode::kUser)) return Cause::kUser;
  if (end.fault == "run.crash_loop") return Cause::kCrashLoop;
  if (starts_with(end.fault, "train.diverged")) return Cause::kDiverged;
  // Told to leave, or taken away, and gone: with a checkpoint (75), or killed before it had one. Nobody's fault.
  const bool left = end.code == static_cast<int>(ExitCode::kStopped) ||
                    (end.fault.empty() && (end.preempted || (told && end.code > 128)));
  if (left && end.preempted && is_hardware(end)) return Cause::kNodeFailure;
  if (left && end.preempted) return Cause::kPreempted;
  if (left) return Cause::kTimeLimit;
  if (is_memory(end)) return Cause::kOutOfMemory;
  if (is_hardware(end)) return Cause::kNodeFailure;
  return Cause::kFailure;
}

Decision decide(Cause cause, const JobEnd& end, const std::vector<JobEvent>& before, const SlurmConfig& config) {
  // A failure counts until the run has come further than it: one a day must not end a run of a month.
  const int64_t now = times(before, cause, cause == Cause::kFailure ? end.step : 0) + 1;
  const auto limited = [&](int64_t most, Action action, const std::string& what, const std::string& then,
                           const char* key) {
    Decision decision;
    decision.exit_code = end.code;
    if (now > most) {
      decision.why = cat(what, ": not tried again, ", most == 0 ? "as" : cat("after ", most, " times:"), " slurm.", key,
                         " allows ", most);
      return decision;
    }
    decision.action = action;
    decision.why = cat(what, ": ", then, counted(now, most));
    return decision;
  };
  const auto stop = [&](const std::string& why) {
    Decision decision;
    decision.exit_code = end.code;
    decision.why = why;
    return decision;
  };
  switch (cause) {
    case Cause::kDone:
      return stop("finished");
    case Cause::kUser:
      return stop(cat("something must be changed first: ", said_by(end)));
    case Cause::kDiverged:
      return stop(cat("not tried again, it would give the same: ", said_by(end)));
    case Cause::kCrashLoop:
      return stop(said_by(end));
    case Cause::kCancelled:
      return stop("cancelled; `broadsheet submit` starts it again");
    case Cause::kPreempted: {
      Decision decision = stop("preempted: goes back into the queue; this costs no retry");
      decision.action = Action::kRequeue;
      return decision;
    }
    case Cause::kTimeLimit: {
      const std::string what = end.time_is_up                                ? "the job's time is up"
                               : end.notice != "none" && !end.notice.empty() ? cat("told to leave by ", end.notice)
                                                                             : "it left with a checkpoint";
      return limited(config.max_requeues, Action::kRequeue, what, "goes back into the queue", "max_requeues");
    }
    case Cause::kOutOfMemory: {
      Decision decision = limited(config.retries.out_of_memory, Action::kRequeue, cat("out of memory: ", said_by(end)),
                                  "goes on with half the micro-batch", "retries.out_of_memory");
      decision.halve_micro_batch = decision.action == Action::kRequeue;
      return decision;
    }
    case Cause::kNodeFailure:
      // Where Slurm has requeued the job already, its next start looks at its nodes.
      return limited(config.retries.node_failure, end.node.empty() || end.preempted ? Action::kRequeue : Action::kMove,
                     cat("node ", end.node, " failed: ", said_by(end)), "goes on without it", "retries.node_failure");
    case Cause::kFailure:
      return limited(config.retries.failure, Action::kRequeue, said_by(end), "tried again", "retries.failure");
  }
  return stop(said_by(end));
}

}  // namespace broadsheet
