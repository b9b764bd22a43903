#include "launcher/attempts.h"

#include <sys/stat.h>

#include <algorithm>
#include <optional>

#include "core/durable.h"
#include "core/log.h"
#include "core/path.h"
#include "core/text.h"
#include "experiments/run_status.h"

namespace broadsheet {
namespace {

constexpr int kAlike = 3;

struct End {
  int64_t step = 0;
  std::string code, message;
  bool is_like(const End& other) const { return step == other.step && code == other.code; }
};

std::string file_of(const std::string& logs, int64_t attempt) {
  return cat(logs, "/attempt-", attempt, "/end.json");
}

std::optional<End> read_end(const std::string& path) {
  if (!exists(path)) return std::nullopt;
  const auto json = nlohmann::json::parse(read_file(path, 1 << 20), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::nullopt;
  return End{json.value("step", int64_t{-1}), json.value("code", ""), json.value("message", "")};
}

void write_end(const std::string& path, const End& end) {
  const nlohmann::json json = {{"step", end.step}, {"code", end.code}, {"message", end.message}};
  write_file_durably(path, json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

// The ends of the attempts before `attempt`, newest first, as long as they are alike.
std::vector<End> alike_before(const std::string& logs, int64_t attempt) {
  std::vector<End> ends;
  for (int64_t number = attempt - 1; number > 0 && ends.size() < kAlike; --number) {
    const std::optional<End> end = read_end(file_of(logs, number));
    if (!end || (!ends.empty() && !end->is_like(ends.front()))) break;
    ends.push_back(*end);
  }
  return ends;
}

std::string identity_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return "";
  return cat(status.st_ino, " ", status.st_size);
}

std::string times(size_t count) {
  return count >= kAlike ? "three times in a row" : "twice in a row";
}

}  // namespace

Attempts::Attempts(const RunDirectory& directory, bool forced)
    : metrics_(directory.folder() + "/metrics.jsonl"),
      attempt_folder_(directory.attempt_folder()),
      attempt_(directory.attempt()),
      metrics_before_(identity_of(metrics_)) {
  const std::string logs = directory.folder() + "/logs";
  const std::vector<End> ends = alike_before(logs, attempt_);
  if (ends.size() < kAlike - 1) return;
  const std::string what = cat("this run died ", times(ends.size()), " in step ", ends[0].step, ": ", ends[0].message);
  if (ends.size() < kAlike || forced) {
    log_warning(what + (forced ? "" : "\nonce more, and it will not be started again by itself"));
    return;
  }
  write_end(file_of(logs, attempt_), ends[0]);  // so that the next start says the same
  throw RunError("run.crash_loop", what, "look at the cause; then --resume tries once more");
}

Failure Attempts::died(const Failure& failure) const noexcept {
  try {
    if (failure.fault.code == "run.fenced") return failure;  // the run lives, elsewhere
    const std::string logs = attempt_folder_.substr(0, attempt_folder_.rfind('/'));
    const bool trained = identity_of(metrics_) != metrics_before_;
    if (!trained || failure.exit_code == static_cast<int>(ExitCode::kUser)) return failure;
    const End end{last_recorded_step(parent_folder(metrics_)) + 1, failure.fault.code, failure.message};
    write_end(file_of(logs, attempt_), end);
    const std::vector<End> ends = alike_before(logs, attempt_ + 1);
    if (ends.size() < kAlike) return failure;
    const std::string message = cat("this run died ", times(ends.size()), " in step ", end.step, ": ", end.message,
                                    "\nlook at the cause; then --resume tries once more");
    return {static_cast<int>(ExitCode::kFailed), {"run.crash_loop", {}, "", message, ""}, message};
  } catch (const std::exception& error) {
    log_warning(cat("how this attempt ended could not be written down: ", error.what()));
    return failure;
  }
}

}  // namespace broadsheet
