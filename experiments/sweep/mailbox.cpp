#include "experiments/sweep/mailbox.h"

#include <algorithm>
#include <cstdio>

#include "core/durable.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/path.h"
#include "core/text.h"

namespace broadsheet {
namespace {

constexpr uint64_t kMostMailBytes = 1 << 20;
constexpr char kStates[][8] = {"at_rung", "done", "failed", "paused", "stopped"};

std::string task_file(const std::string& folder) {
  return folder + "/task.json";
}
std::string reply_file(const std::string& folder) {
  return folder + "/answer.json";
}

void write(const std::string& path, const nlohmann::json& value) {
  write_file_durably(path, value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

// Of a file of our own: what cannot be read is as good as absent, and said.
template <class Read>
auto read(const std::string& path, const Read& from_json) -> std::optional<decltype(from_json(nlohmann::json()))> {
  if (!exists(path)) return std::nullopt;
  try {
    return from_json(nlohmann::json::parse(read_file(path, kMostMailBytes)));
  } catch (const nlohmann::json::exception& error) {
    log_warning(cat(path, ": ", error.what()));
  } catch (const RunError&) {
    // Taken away between the two looks.
  }
  return std::nullopt;
}

nlohmann::json or_null(const std::optional<double>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json();
}

std::optional<double> number_or_none(const nlohmann::json& value) {
  if (value.is_null()) return std::nullopt;
  return value.get<double>();
}

LegRecord::State state_of(const std::string& name) {
  for (size_t i = 0; i < std::size(kStates); ++i)
    if (name == kStates[i]) return static_cast<LegRecord::State>(i);
  throw nlohmann::json::other_error::create(501, cat("unknown state ", name), nullptr);
}

}  // namespace

std::string trial_folder(const std::string& sweep_folder, int64_t trial) {
  char number[32];
  std::snprintf(number, sizeof number, "%04lld", static_cast<long long>(trial));
  return cat(sweep_folder, "/trials/", number);
}

std::string worker_folder(const std::string& sweep_folder, const std::string& worker) {
  return cat(sweep_folder, "/workers/", worker);
}

void write_task(const std::string& worker_folder, const TrialTask& task) {
  write(task_file(worker_folder), {{"sequence", task.sequence},
                                   {"driver", task.driver},
                                   {"leave", task.leave},
                                   {"trial", task.trial},
                                   {"leg", task.leg},
                                   {"folder", task.folder},
                                   {"config", task.config},
                                   {"gate_steps", task.gate_steps},
                                   {"model_above", or_null(task.model_above)},
                                   {"maximize", task.maximize},
                                   {"token", task.token}});
}

std::optional<TrialTask> read_task(const std::string& worker_folder) {
  return read(task_file(worker_folder), [](const nlohmann::json& json) {
    TrialTask task;
    task.sequence = json.at("sequence").get<int64_t>();
    task.driver = json.at("driver").get<int64_t>();
    task.leave = json.at("leave").get<bool>();
    task.trial = json.at("trial").get<int64_t>();
    task.leg = json.at("leg").get<int64_t>();
    task.folder = json.at("folder").get<std::string>();
    task.config = json.at("config").get<std::string>();
    task.gate_steps = json.at("gate_steps").get<std::vector<int64_t>>();
    task.model_above = number_or_none(json.at("model_above"));
    task.maximize = json.at("maximize").get<bool>();
    task.token = json.at("token").get<std::string>();
    return task;
  });
}

void write_reply(const std::string& worker_folder, const GateReply& reply) {
  write(reply_file(worker_folder),
        {{"trial", reply.trial}, {"leg", reply.leg}, {"step", reply.step}, {"go_on", reply.go_on}});
}

std::optional<GateReply> read_reply(const std::string& worker_folder) {
  return read(reply_file(worker_folder), [](const nlohmann::json& json) {
    return GateReply{json.at("trial").get<int64_t>(), json.at("leg").get<int64_t>(), json.at("step").get<int64_t>(),
                     json.at("go_on").get<bool>()};
  });
}

std::string leg_file(const std::string& trial_folder, int64_t leg) {
  return cat(trial_folder, "/leg-", leg, ".json");
}

const char* state_name(LegRecord::State state) {
  return kStates[static_cast<size_t>(state)];
}

void write_leg(const std::string& trial_folder, int64_t leg, const LegRecord& record) {
  write(leg_file(trial_folder, leg), {{"state", state_name(record.state)},
                                      {"step", record.step},
                                      {"value", or_null(record.value)},
                                      {"seconds", record.seconds},
                                      {"worker", record.worker},
                                      {"cores", record.cores},
                                      {"worker_leaves", record.worker_leaves},
                                      {"failure", record.failure}});
}

std::optional<LegRecord> read_leg(const std::string& trial_folder, int64_t leg) {
  return read(leg_file(trial_folder, leg), [](const nlohmann::json& json) {
    LegRecord record;
    record.state = state_of(json.at("state").get<std::string>());
    record.step = json.at("step").get<int64_t>();
    record.value = number_or_none(json.at("value"));
    record.seconds = json.at("seconds").get<double>();
    record.worker = json.at("worker").get<std::string>();
    record.cores = json.at("cores").get<int64_t>();
    record.worker_leaves = json.at("worker_leaves").get<bool>();
    record.failure = json.at("failure");
    return record;
  });
}

void end_open_leg(const std::string& worker_folder, LegRecord record) {
  const std::optional<TrialTask> task = read_task(worker_folder);
  if (!task || task->leave) return;
  const std::optional<LegRecord> leg = read_leg(task->folder, task->leg);
  if (leg && leg->ended()) return;
  if (leg) {
    record.step = std::max(record.step, leg->step);
    record.value = leg->value;
  }
  record.worker = file_name(worker_folder);
  write_leg(task->folder, task->leg, record);
}

void retire(const std::string& worker_folder) {
  make_folders(worker_folder);
  write_file_durably(worker_folder + "/retired", "");
}

bool is_retired(const std::string& worker_folder) {
  return exists(worker_folder + "/retired");
}

}  // namespace broadsheet
