// How a sweep's driver and its workers talk: files, so that either may die, start again or run on another machine.
//
//   <sweep>/workers/<name>/      lock            held by the worker for as long as it lives
//                                task.json       what to do next; replaced by the driver
//                                answer.json     to the trial that waits at a rung; replaced by the driver
//                                beat            touched by the worker every two seconds
//                                retired         the driver has given it up: it takes no more tasks
//   <sweep>/trials/<nnnn>/       the trial's run directory, and in it
//                                leg-<k>.json    how far its k-th start has come, replaced by the worker
//
// Every file is put in place by a rename. A *leg* is one start of a trial: from the beginning or a checkpoint to the
// trial's end, a pause, or whatever ended it. Each has its own file, so an old worker that comes back to life cannot
// overwrite what a newer leg says.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace broadsheet {

std::string trial_folder(const std::string& sweep_folder, int64_t trial);  // <sweep>/trials/0007
std::string worker_folder(const std::string& sweep_folder, const std::string& worker);

struct TrialTask {
  int64_t sequence = 0;         // a worker does tasks in rising order, and none twice
  int64_t driver = 0;           // which start of the driver gave it; lower ones than seen before are not listened to
  bool leave = false;           // nothing more to do: end
  int64_t trial = -1, leg = 1;  // -1: none for now
  std::string folder;           // of the trial
  std::string config;           // its run file, as YAML
  std::vector<int64_t> gate_steps;  // rungs at which it must ask whether to go on
  // model/ is written only when the trial's value is better than this; none: always.
  std::optional<double> model_above;
  bool maximize = false;
  std::string token;  // the trial's name for the fence: the same in all its legs
};
void write_task(const std::string& worker_folder, const TrialTask& task);
// nullopt: there is none, or it is being replaced.
std::optional<TrialTask> read_task(const std::string& worker_folder);

struct GateReply {
  int64_t trial = 0, leg = 0, step = 0;
  bool go_on = false;
};
void write_reply(const std::string& worker_folder, const GateReply& reply);
std::optional<GateReply> read_reply(const std::string& worker_folder);

// at_rung: it waits for an answer. The others are ends: of the trial (done, failed), or of this leg only (paused: told
// to at a rung; stopped: saved and left, because it was asked to or nobody answered).
struct LegRecord {
  enum class State { kAtRung, kDone, kFailed, kPaused, kStopped };
  State state = State::kFailed;
  int64_t step = 0;
  std::optional<double> value;  // best so far
  double seconds = 0;           // of this leg
  std::string worker;
  int64_t cores = 1;
  bool worker_leaves = false;  // it takes no more tasks: it was told to stop, or cannot go on after this failure
  nlohmann::json failure;      // of kFailed: {"error": {...}, "exit_code"}
  bool ended() const { return state != State::kAtRung; }
};
const char* state_name(LegRecord::State state);  // "at_rung", "done", ...
void write_leg(const std::string& trial_folder, int64_t leg, const LegRecord& record);
std::optional<LegRecord> read_leg(const std::string& trial_folder, int64_t leg);
// For whoever sees a worker end: puts `record` down for the leg that its task names, unless that has ended.
void end_open_leg(const std::string& worker_folder, LegRecord record);
std::string leg_file(const std::string& trial_folder, int64_t leg);

// Marks `worker` as given up. It may have started nothing yet, and will not then.
void retire(const std::string& worker_folder);
bool is_retired(const std::string& worker_folder);

}  // namespace broadsheet
