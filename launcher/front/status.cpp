// status, logs and cancel: of runs, wherever they run.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>

#include "core/durable.h"
#include "core/log.h"
#include "core/path.h"
#include "core/text.h"
#include "experiments/run_directory.h"
#include "experiments/sweep/sweep_directory.h"
#include "launcher/answer.h"
#include "launcher/front/actions.h"
#include "launcher/program.h"
#include "launcher/run_state.h"
#include "launcher/sweep/watch.h"
#include "slurm/job_script.h"
#include "slurm/submission.h"
#include "trainer/save_triggers.h"

namespace broadsheet {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kSettleEvery{200};
constexpr int64_t kDefaultPoll = 30, kDefaultWait = 600, kLongest = 86400, kDefaultLines = 0;

struct Places {
  std::vector<std::string> runs, sweeps;
};

Places places_of(const Command& command) {
  Places places;
  for (const std::string& path : command.positionals) {
    const std::string place = absolute_path(path);
    const std::vector<std::string> sweeps = sweeps_at(place);
    places.sweeps.insert(places.sweeps.end(), sweeps.begin(), sweeps.end());
    try {
      if (is_sweep_folder(place)) continue;
      for (const std::string& run : runs_at(place)) places.runs.push_back(run);
    } catch (const UserError&) {
      if (sweeps.empty()) throw;
    }
  }
  return places;
}

std::vector<JobState> look(const std::vector<std::string>& folders, QueueView& queue) {
  std::vector<JobState> states;
  for (const std::string& folder : folders) states.push_back(state_of_run(folder, queue));
  return states;
}

std::string lines_of(const std::vector<JobState>& states) {
  size_t width = 0;
  for (const JobState& state : states) width = std::max(width, state.progress.name.size());
  std::string text;
  for (const JobState& state : states) text += status_line(state, width) + "\n";
  return text;
}

bool stdout_is_terminal() {
  return ::isatty(STDOUT_FILENO) == 1 && ::getenv("NO_COLOR") == nullptr;
}

}  // namespace

void forget_cancel(const std::string& run_folder) {
  if (::unlink(cancel_mark(run_folder).c_str()) == 0) ::unlink(checkpoint_request_file(run_folder).c_str());
}

int watch_runs(const std::vector<std::string>& folders, int64_t seconds, double poll) {
  QueueView queue(poll);
  std::string before;
  size_t shown_lines = 0;
  while (true) {
    const std::vector<JobState> states = look(folders, queue);
    const std::string text = lines_of(states);
    if (stdout_is_terminal()) {
      if (shown_lines > 0) std::printf("\x1b[%zuA\x1b[J", shown_lines);
      print_text(text);
      shown_lines = states.size();
    } else if (text != before) {
      print_text(text);
    }
    before = text;
    if (std::all_of(states.begin(), states.end(), [](const JobState& state) { return state.over(); })) {
      const bool good =
          std::all_of(states.begin(), states.end(), [](const JobState& state) { return state.state == "finished"; });
      return good ? 0 : static_cast<int>(ExitCode::kFailed);
    }
    std::this_thread::sleep_for(std::chrono::seconds(seconds));
  }
}

int do_status(const Command& command) {
  const auto [folders, sweeps] = places_of(command);
  const auto poll = static_cast<double>(command.number("poll", 1, kLongest).value_or(kDefaultPoll));
  if (command.has("watch")) {
    if (command.json)
      throw UserError("usage.watch", "--watch and --json exclude each other",
                      "ask again and again with --json instead");
    const int64_t every = command.number("every", 1, kLongest).value_or(2);
    for (const std::string& sweep : sweeps) watch_sweep(sweep, every);
    if (!folders.empty()) watch_runs(folders, every, poll);
    return 0;
  }
  QueueView queue(poll);
  const std::vector<JobState> states = look(folders, queue);
  if (command.json) {
    nlohmann::json runs = nlohmann::json::array();
    for (const JobState& state : states) runs.push_back(to_json(state));
    nlohmann::json answer = runs.size() == 1 ? runs[0] : nlohmann::json::object();
    answer["runs"] = runs;
    if (!sweeps.empty()) {
      nlohmann::json list = nlohmann::json::array();
      for (const std::string& sweep : sweeps) list.push_back(to_json(state_of_sweep(sweep, queue)));
      if (folders.empty() && list.size() == 1) answer = list[0];
      answer["sweeps"] = list;
    }
    print_json(answer);
  } else {
    std::string text = lines_of(states);
    for (const std::string& sweep : sweeps) text += status_line(state_of_sweep(sweep, queue)) + "\n";
    print_text(text);
  }
  return 0;
}

namespace {

// A log's lines, those that hold `wanted`, the last `most` of them (0: all).
std::vector<std::string> lines_in(const std::string& path, const std::string& wanted, int64_t most) {
  std::vector<std::string> lines;
  std::ifstream file(path, std::ios::binary);
  for (std::string line; std::getline(file, line);) {
    if (!wanted.empty() && line.find(wanted) == std::string::npos) continue;
    lines.push_back(line);
    if (most > 0 && lines.size() > 2 * static_cast<size_t>(most)) lines.erase(lines.begin(), lines.end() - most);
  }
  if (most > 0 && lines.size() > static_cast<size_t>(most)) lines.erase(lines.begin(), lines.end() - most);
  return lines;
}

// The logs that are asked for, oldest first.
std::vector<std::string> log_files(const Command& command, const std::string& folder) {
  std::vector<std::string> files;
  const std::string logs = folder + "/logs";
  const auto attempt = command.number("attempt", 1, 1'000'000);
  const auto rank = command.number("rank", 0, 1'000'000);
  const int64_t newest = read_progress(folder).attempts;
  const int64_t from = attempt.value_or(1), to = attempt.value_or(newest);
  if (attempt && *attempt > newest)
    throw UserError("logs.no_attempt", cat(folder, ": there were ", newest, " attempts, found --attempt ", *attempt),
                    "leave --attempt out for all of them");
  for (int64_t number = from; number <= to; ++number) {
    char name[64];
    std::snprintf(name, sizeof name, "/rank-%05d.log", static_cast<int>(rank.value_or(0)));
    const std::string path = cat(logs, "/attempt-", number, name);
    if (exists(path)) files.push_back(path);
  }
  if (rank && files.empty())
    throw UserError("logs.no_rank", cat(folder, ": no log of rank ", *rank),
                    "ranks count from 0; see environment.json");
  if (rank || attempt) return files;
  // What Slurm itself and the job's script had to say, which no rank knows.
  std::vector<std::string> jobs;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(logs, error); !error && entry != std::filesystem::directory_iterator();
       entry.increment(error)) {
    if (starts_with(entry->path().filename().string(), "job-")) jobs.push_back(entry->path());
  }
  std::sort(jobs.begin(), jobs.end());
  return jobs.empty() ? files : jobs;
}

}  // namespace

int do_logs(const Command& command) {
  const std::string folder = absolute_path(command.positionals[0]);
  const std::vector<std::string> files = log_files(command, folder);
  const int64_t most = command.number("lines", 1, 1'000'000'000).value_or(kDefaultLines);
  nlohmann::json answer = nlohmann::json::array();
  for (const std::string& file : files) {
    const std::vector<std::string> lines = lines_in(file, command.value("grep"), most);
    if (command.json) {
      answer.push_back({{"file", file}, {"lines", lines}});
    } else if (!lines.empty()) {
      const std::string name = file.substr(folder.size() + 1);
      print_text((files.size() > 1 ? cat("==> ", name, "\n") : "") + join(lines, "\n") + "\n");
    }
  }
  if (command.json) print_json({{"logs", answer}});
  if (files.empty() && !command.json) log_info(cat(folder, ": no logs yet"));
  return 0;
}

namespace {

// Of one run: asks it to save and leave, or ends it.
class Cancelling {
 public:
  Cancelling(std::string folder, bool now) : folder_(std::move(folder)), now_(now) {}

  // Returns what there is to say.
  std::string begin() {
    QueueView queue(0);
    state_ = state_of_run(folder_, queue);
    if (state_.state == "finished") return "is finished";
    // Before anything else: whatever starts or ends from now on sees it.
    write_file_durably(cancel_mark(folder_), cat(utc_now(), " by ", host_name(), "\n"));
    const std::optional<JobRecord> record = read_job_record(job_folder(folder_));
    const std::optional<LockHolder> holder = look_at_lock(folder_ + "/lock");
    const bool training = holder && !holder->gone;
    const bool job_lives = record && !state_.over();
    if (now_ || !training) return end_at_once(job_lives ? record : std::nullopt, training ? holder : std::nullopt);
    write_file_durably(checkpoint_request_file(folder_), kLeaveRequest);
    waits_ = true;
    return "";
  }

  // Waits until it has left.
  std::string finish(Clock::time_point deadline) const {
    if (!waits_) return "";
    while (exists(folder_ + "/lock")) {
      if (Clock::now() > deadline)
        throw RunError("cancel.no_answer", cat(folder_, ": the run has not left yet"),
                       "it will not start again; --now ends it without a checkpoint");
      std::this_thread::sleep_for(kSettleEvery);
    }
    ::unlink(checkpoint_request_file(folder_).c_str());
    const RunProgress progress = read_progress(folder_);
    return progress.finished ? "finished before it could be cancelled"
                             : cat("cancelled; kept: the checkpoint of step ", progress.last_checkpoint);
  }
  const std::string& folder() const { return folder_; }

 private:
  std::string end_at_once(const std::optional<JobRecord>& record, const std::optional<LockHolder>& holder) const {
    if (record) {
      const SlurmClient slurm;
      const std::string id = find_job(*record, job_folder(folder_), slurm);
      if (!id.empty()) {
        slurm.cancel(id);
        return cat("cancelled: job ", id);
      }
    }
    if (holder && !holder->here)
      throw UserError("cancel.elsewhere", cat(folder_, ": runs on ", holder->host, ", process ", holder->process),
                      "leave --now out, or type it on that machine");
    if (holder) {
      // A second one means at once.
      for (int i = 0; i < 2; ++i) {
        ::kill(static_cast<pid_t>(holder->process), SIGTERM);
        std::this_thread::sleep_for(kSettleEvery);
      }
    }
    return "cancelled";
  }

  std::string folder_;
  bool now_, waits_ = false;
  JobState state_;
};

}  // namespace

int do_cancel(const Command& command) {
  const auto deadline =
      Clock::now() + std::chrono::seconds(command.number("timeout", 1, kLongest).value_or(kDefaultWait));
  nlohmann::json answer = nlohmann::json::array();
  std::vector<Cancelling> all;
  std::vector<std::string> sweeps;
  for (const std::string& path : command.positionals) {
    const std::string folder = absolute_path(path);
    if (is_sweep_folder(folder)) {
      sweeps.push_back(folder);
      continue;
    }
    if (!is_run_folder(folder))
      throw UserError("run.not_found", cat(folder, ": not the directory of a run or a sweep"),
                      "name a run's directory, or a sweep's");
    all.emplace_back(folder, command.has("now"));
  }
  std::vector<std::string> said;
  for (Cancelling& one : all) said.push_back(one.begin());
  for (size_t i = 0; i < all.size(); ++i) {
    if (said[i].empty()) said[i] = all[i].finish(deadline);
    answer.push_back({{"run_dir", all[i].folder()}, {"outcome", said[i]}});
    if (!command.json) print_text(cat(all[i].folder(), ": ", said[i], "\n"));
  }
  for (const std::string& sweep : sweeps) {
    const std::string outcome = cancel_sweep(sweep, command.has("now"), deadline);
    answer.push_back({{"run_dir", sweep}, {"outcome", outcome}});
    if (!command.json) print_text(cat(sweep, ": ", outcome, "\n"));
  }
  if (command.json) print_json({{"cancelled", answer}});
  return 0;
}

}  // namespace broadsheet
