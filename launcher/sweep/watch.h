// A sweep seen from outside: status and cancel.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "experiments/sweep/sweep_view.h"
#include "launcher/run_state.h"

namespace broadsheet {

size_t width_of_terminal(int descriptor);  // 120 when it is none

struct SweepState {
  SweepView view;
  // waiting | starting | running | finished | stopped | failed | cancelled | lost | unknown: the last ones, and the
  // first two, of a driver that is a job.
  std::string state;
  std::string where;  // the driver's host, while it runs
  std::string job;    // Slurm's id of the driver
  std::string why;    // why its job waits, or how it ended
  bool over() const { return state != "running" && state != "waiting" && state != "starting" && state != "unknown"; }
};
SweepState state_of_sweep(const std::string& folder, QueueView& queue);
std::string status_line(const SweepState& state);
nlohmann::json to_json(const SweepState& state);

// The sweeps at `path`: itself, or those in it (one level), by name.
std::vector<std::string> sweeps_at(const std::string& path);

// Shows the table of a sweep until it is over; returns 0 when it finished.
int watch_sweep(const std::string& folder, int64_t seconds);

// Has the driver save all trials and leave; with `now` ends them at once. Without a driver its workers are told.
// Returns what there is to say. RunError("cancel.no_answer").
std::string cancel_sweep(const std::string& folder, bool now, std::chrono::steady_clock::time_point deadline);

}  // namespace broadsheet
