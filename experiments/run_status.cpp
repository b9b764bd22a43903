#include "experiments/run_status.h"

#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/durable.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/path.h"
#include "core/text.h"
#include "experiments/run_config.h"
#include "slurm/job_record.h"
#include "trainer/config_tables.h"

namespace broadsheet {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kTail = 1 << 16;  // bytes: the last lines of a file are in there
constexpr size_t kRateSteps = 20;   // steps
constexpr uint64_t kMostPlan = 1 << 16;

using Json = nlohmann::json;

// Whole lines of JSON in the last `bytes` of a file (all of it when that is less), oldest first.
std::vector<Json> last_records(const std::string& path, int64_t bytes) {
  std::vector<Json> records;
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const int64_t size = file.tellg();
  if (size <= 0) return records;
  file.seekg(std::max<int64_t>(0, size - bytes));
  for (std::string line; std::getline(file, line);) {
    Json record = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (record.is_object()) records.push_back(std::move(record));
  }
  return records;
}

std::optional<double> number_in(const Json& record, const std::string& key) {
  const auto found = record.find(key);
  if (found == record.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

int64_t step_in(const Json& record) {
  return static_cast<int64_t>(number_in(record, "step").value_or(-1));
}

bool has_kind(const Json& record, const char* kind) {
  const auto found = record.find("kind");
  return found != record.end() && *found == kind;
}

int64_t number_after(const std::string& name, const std::string& prefix) {
  if (!starts_with(name, prefix)) return -1;
  const std::string digits = name.substr(prefix.size());
  const bool good = !digits.empty() && digits.size() < 18 && std::all_of(digits.begin(), digits.end(), ::isdigit);
  return good ? std::atoll(digits.c_str()) : -1;
}

// The largest k of folder/<prefix><k>; -1: there is none.
int64_t newest(const std::string& folder, const std::string& prefix) {
  int64_t largest = -1;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator(); entry.increment(error))
    largest = std::max(largest, number_after(entry->path().filename(), prefix));
  return largest;
}

void read_metrics(RunProgress& progress, bool higher) {
  const std::string path = progress.folder + "/metrics.jsonl";
  // Validations are few, but any of them may be the best: the whole file is looked at for them.
  std::ifstream file(path, std::ios::binary);
  std::string last;
  for (std::string line; std::getline(file, line);) {
    if (line.find("\"validation\"") == std::string::npos) {
      if (!line.empty() && line.back() == '}') last = line;
      continue;
    }
    const Json record = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!record.is_object()) continue;
    progress.step = std::max(progress.step, step_in(record));
    const std::optional<double> value = number_in(record, progress.metric);
    if (!value || (progress.best && !(higher ? *value > *progress.best : *value < *progress.best))) continue;
    progress.best = value;
    progress.best_step = step_in(record);
  }
  const Json record = Json::parse(last, nullptr, /*allow_exceptions=*/false);
  if (!record.is_object()) return;
  progress.step = std::max(progress.step, step_in(record));
  progress.loss = number_in(record, "loss");
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0)
    progress.idle_seconds = std::max(0.0, std::difftime(std::time(nullptr), status.st_mtime));
}

void read_rate(RunProgress& progress) {
  double seconds = 0, tokens = 0;
  size_t steps = 0;
  const std::vector<Json> records = last_records(progress.folder + "/timings.jsonl", kTail);
  for (auto record = records.rbegin(); record != records.rend() && steps < kRateSteps; ++record) {
    if (!has_kind(*record, "train")) continue;
    seconds += number_in(*record, "seconds").value_or(0);
    tokens += number_in(*record, "tokens").value_or(0);
    ++steps;
  }
  if (steps == 0 || seconds <= 0) return;
  progress.tokens_per_second = tokens / seconds;
  if (progress.total_steps > 0 && progress.step >= 0 && !progress.finished)
    progress.seconds_left =
        seconds / static_cast<double>(steps) * static_cast<double>(progress.total_steps - progress.step);
}

}  // namespace

void write_attempt_plan(const std::string& attempt_folder, const AttemptPlan& plan) noexcept {
  try {
    const Json value = {
        {"start_step", plan.start_step}, {"total_steps", plan.total_steps}, {"steps_per_epoch", plan.steps_per_epoch}};
    write_file_durably(attempt_folder + "/plan.json", value.dump() + "\n");
  } catch (const std::exception& error) {
    log_warning(error.what());
  }
}

bool is_run_folder(const std::string& folder) {
  if (exists(folder + "/run.yaml")) return true;
  return exists(job_folder(folder) + "/job.json") && !exists(folder + "/sweep.yaml");
}

std::vector<std::string> runs_at(const std::string& path) {
  if (is_run_folder(path)) return {path};
  std::vector<std::string> runs;
  std::error_code error;
  for (fs::directory_iterator entry(path, error); !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (is_run_folder(entry->path())) runs.push_back(entry->path());
  }
  if (runs.empty())
    throw UserError("run.not_found", cat(path, ": neither the directory of a run nor a folder with such"),
                    "name a run's directory, or the folder that runs lie in");
  std::sort(runs.begin(), runs.end());
  return runs;
}

RunProgress read_progress(const std::string& folder) {
  if (!is_run_folder(folder))
    throw UserError("run.not_found", cat(folder, ": not the directory of a run"), "name a run's directory");
  RunProgress progress;
  progress.folder = folder;
  progress.name = file_name(folder);
  progress.finished = exists(folder + "/results.json");
  const int64_t attempt = newest(folder + "/logs", "attempt-");
  progress.begun = attempt >= 0;
  progress.attempts = std::max<int64_t>(0, attempt);
  progress.last_checkpoint = newest(folder + "/checkpoints", "step-");
  bool higher = false;
  const std::string config = exists(folder + "/run.yaml") ? folder + "/run.yaml" : job_folder(folder) + "/run.yaml";
  try {
    const ValidationConfig validation = load_run_config(config, {}).validation;
    progress.metric = validation.metric;
    higher = more_is_better(validation, progress.metric);
  } catch (const Error&) {
    progress.metric = "loss";  // told all the same
  }
  const std::string plan = cat(folder, "/logs/attempt-", attempt, "/plan.json");
  if (exists(plan)) {
    const Json value = Json::parse(read_file(plan, kMostPlan), nullptr, /*allow_exceptions=*/false);
    if (value.is_object()) progress.total_steps = static_cast<int64_t>(number_in(value, "total_steps").value_or(0));
  }
  read_metrics(progress, higher);
  read_rate(progress);
  return progress;
}

int64_t last_recorded_step(const std::string& run_folder) {
  int64_t step = -1;
  for (const Json& record : last_records(run_folder + "/metrics.jsonl", kTail)) step = std::max(step, step_in(record));
  return step;
}

}  // namespace broadsheet
