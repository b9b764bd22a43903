#include "experiments/run_directory.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "core/errors.h"
#include "core/log.h"
#include "core/path.h"
#include "core/text.h"
#include "experiments/own_folder.h"

namespace broadsheet {
namespace {

constexpr int kMostBeside = 10'000;
constexpr uint64_t kMostResults = uint64_t{64} << 20;

std::string beside(const std::string& folder) {
  if (!exists(folder)) return folder;
  for (int number = 2; number < kMostBeside; ++number) {
    const std::string candidate = cat(folder, "-", number);
    if (!exists(candidate)) return candidate;
  }
  throw UserError("run.too_many", cat(folder, ": ", kMostBeside, " runs lie beside it"),
                  "remove some or choose --run-dir");
}

// Where a run lies is no part of what it computes.
bool matters(const Difference& difference) {
  return difference.key != "runs_dir";
}

std::vector<Difference> changes_since(const RunConfig& config, const std::string& folder) {
  std::vector<Difference> all = differences(load_run_config(folder + "/run.yaml", {}), config), kept;
  std::copy_if(all.begin(), all.end(), std::back_inserter(kept), matters);
  return kept;
}

[[noreturn]] void refuse(const std::string& folder, const std::vector<Difference>& changes, bool resume) {
  std::vector<Difference> fixed;
  std::copy_if(changes.begin(), changes.end(), std::back_inserter(fixed),
               [](const Difference& change) { return !may_change_on_resume(change.key); });
  const char fresh[] = "--fresh starts anew beside it";
  if (resume)
    throw UserError("run.changed", cat(folder, ": --resume cannot change these (", fresh, "):\n", to_text(fixed)), "");
  const char* resumes = fixed.empty() ? "--resume goes on with the new values, " : "";
  throw UserError("run.changed",
                  cat(folder, " holds a run of another configuration (", resumes, fresh, "):\n", to_text(changes)), "");
}

// What write_file_durably and remove_folder_durably leave when they are killed, of this folder and of its attempts.
void remove_temporaries(const std::string& folder, bool attempts) {
  std::error_code error;
  std::filesystem::directory_iterator entry(folder, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string path = entry->path(), name = file_name(path);
    const bool temporary = ends_with(name, ".writing") || (name[0] == '.' && ends_with(name, ".removing"));
    std::error_code ignored;
    if (temporary) std::filesystem::remove_all(path, ignored);
    if (attempts && starts_with(name, "attempt-")) remove_temporaries(path, false);
  }
}

// Takes the next number: mkdir is what decides between two that want the same.
std::string make_attempt(const std::string& checkpoints, const std::string& logs) {
  make_folders(logs);
  while (true) {
    const std::string attempt = cat(logs, "/attempt-", Fence::newest(checkpoints, logs) + 1);
    if (::mkdir(attempt.c_str(), 0777) == 0) return attempt;
    if (errno != EEXIST) throw RunError("io.mkdir", cat(attempt, ": ", std::strerror(errno)));
  }
}

}  // namespace

std::string to_text(const std::vector<Difference>& differences) {
  std::string text;
  for (const Difference& one : differences) {
    text += cat(text.empty() ? "" : "\n", "  ", one.key, ": ", one.before, " -> ", one.after);
  }
  return text;
}

std::string checkpoint_request_file(const std::string& run_folder) {
  return run_folder + "/checkpoint.request";
}

int64_t read_micro_batch_divisor(const std::string& run_folder) {
  const std::string path = run_folder + "/micro_batch.json";
  if (!exists(path)) return 1;
  const auto value = nlohmann::json::parse(read_file(path, kMostResults), nullptr, /*allow_exceptions=*/false);
  const auto divisor = value.is_object() ? value.find("divisor") : value.end();
  if (!value.is_object() || divisor == value.end() || !divisor->is_number_integer() || *divisor < 1)
    throw UserError("run.micro_batch", cat(path, ": found no whole number of at least 1 under \"divisor\""),
                    "remove the file: passes are as large as the configuration says then");
  return divisor->get<int64_t>();
}

void write_micro_batch_divisor(const std::string& run_folder, int64_t divisor) {
  write_file_durably(run_folder + "/micro_batch.json", nlohmann::json{{"divisor", divisor}}.dump(2) + "\n");
}

RunPlan plan_run(const RunConfig& config, const std::string& folder, RunChoice choice) {
  if (choice.fresh && choice.resume) {
    throw UserError("usage.fresh_and_resume", "--fresh and --resume exclude each other", "give one of them");
  }
  if (choice.fresh) return {beside(folder), RunState::kNew, {}};
  if (!exists(folder + "/run.yaml")) return {folder, RunState::kNew, {}};
  RunPlan plan{folder, exists(folder + "/results.json") ? RunState::kFinished : RunState::kResumes, {}};
  plan.changes = changes_since(config, folder);
  if (plan.changes.empty()) return plan;
  const bool allowed = std::all_of(plan.changes.begin(), plan.changes.end(),
                                   [](const Difference& change) { return may_change_on_resume(change.key); });
  if (!choice.resume || !allowed) refuse(folder, plan.changes, choice.resume);
  plan.state = RunState::kResumes;
  return plan;
}

RunDirectory RunDirectory::open(const RunConfig& config, const std::string& folder, RunChoice choice,
                                const std::string& command, const Incarnation& incarnation) {
  if (!choice.fresh) check_own_folder(folder);
  const std::string place = plan_run(config, folder, choice).folder;
  make_own_folder(place);
  auto lock = std::make_unique<FolderLock>(FolderLock::acquire(place + "/lock", incarnation));
  const auto plan_again = [&] {
    return choice.fresh ? RunPlan{place, RunState::kNew, {}} : plan_run(config, place, choice);
  };
  // Another process may have worked here between the first plan and the lock.
  RunDirectory directory(place, plan_again().state);
  directory.lock_ = std::move(lock);
  remove_temporaries(place, false);
  remove_temporaries(directory.logs(), true);
  if (directory.state_ == RunState::kFinished) {
    // Its launcher may have been killed when all was done but the tidying up.
    const std::string root = directory.checkpoints();
    if (exists(root)) Fence::raise(root, Fence::newest(root, directory.logs()) + 1).lower();
    return directory;
  }
  directory.raise_fence();
  // Until now an older incarnation may have gone on, and finished.
  const RunPlan plan = plan_again();
  directory.state_ = plan.state;
  if (plan.state != RunState::kFinished) directory.begin(config, plan.changes, command);
  return directory;
}

// Whoever holds the lock is the rightful one. It is looked at after the number is taken: one that was held up between
// lock and number, and was taken over meanwhile, must not fence off the one that took over. A higher number than ours
// is then of such a one, which gives way; we take another.
void RunDirectory::raise_fence() {
  while (true) {
    attempt_folder_ = make_attempt(checkpoints(), logs());
    if (!lock_->held()) {
      throw RunError("run.fenced", cat(folder_, ": another start has taken this run over before this one began"),
                     "leave the run to the other one");
    }
    try {
      raised_.reset(new Raised{Fence::raise(checkpoints(), attempt(), logs())});
      return;
    } catch (const RunError& error) {
      if (!is_fenced_off(error) || !lock_->held()) throw;
    }
  }
}

void RunDirectory::begin(const RunConfig& config, const std::vector<Difference>& changes, const std::string& command) {
  const Fence& fence = raised_->fence;
  if (!changes.empty()) log_info(cat("resuming with changed values:\n", to_text(changes)));
  // A finished run that goes on is not finished any more.
  if (exists(results())) {
    fence.publish_text(results() + ".before", read_file(results(), kMostResults));
    fence.withdraw(results());
  }
  fence.publish_text(config_file(), to_yaml(config));
  const std::string commands = folder_ + "/command.txt";
  fence.publish_text(commands, (exists(commands) ? read_file(commands) : "") + command + "\n");
}

RunDirectory RunDirectory::join(const std::string& folder, const std::string& attempt_folder, RunState state) {
  RunDirectory directory(folder, state);
  directory.attempt_folder_ = attempt_folder;
  return directory;
}

int64_t RunDirectory::attempt() const {
  return std::atoll(attempt_folder_.c_str() + attempt_folder_.rfind('-') + 1);
}

std::string RunDirectory::rank_log(int rank) const {
  char name[32];
  std::snprintf(name, sizeof name, "/rank-%05d.log", rank);
  return attempt_folder_ + name;
}

nlohmann::json RunDirectory::record_attempt(const nlohmann::json& attempt) {
  const std::string path = folder_ + "/environment.json";
  nlohmann::json environment = {{"attempts", nlohmann::json::array()}};
  if (exists(path)) {
    const nlohmann::json read = nlohmann::json::parse(read_file(path, 64 << 20), nullptr, /*allow_exceptions=*/false);
    if (read.is_object() && read.contains("attempts") && read["attempts"].is_array()) environment = read;
  }
  const nlohmann::json before = environment["attempts"].empty() ? nlohmann::json() : environment["attempts"].back();
  environment["attempts"].push_back(attempt);
  fence().publish_text(path, environment.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  return before;
}

}  // namespace broadsheet
