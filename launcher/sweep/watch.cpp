#include "launcher/sweep/watch.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "core/durable.h"
#include "core/errors.h"
#include "core/path.h"
#include "core/text.h"
#include "experiments/sweep/mailbox.h"
#include "experiments/sweep/sweep_directory.h"
#include "experiments/sweep/sweep_results.h"
#include "launcher/answer.h"
#include "launcher/program.h"
#include "launcher/sweep/on_slurm.h"
#include "slurm/job_record.h"
#include "slurm/submission.h"

namespace broadsheet {
namespace {

constexpr std::chrono::milliseconds kLookEvery{200};
constexpr size_t kUsualWidth = 120;

std::vector<std::string> workers_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder + "/workers", error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error))
    names.push_back(entry->path().filename());
  return names;
}

// Without a driver nobody else tells them.
void stop_workers(const std::string& folder, bool now) {
  for (const std::string& name : workers_in(folder)) {
    retire(worker_folder(folder, name));
    stop_local_worker(folder, name, now);
    stop_slurm_worker(folder, name, now);
  }
}

}  // namespace

size_t width_of_terminal(int descriptor) {
  winsize size{};
  return ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsualWidth;
}

SweepState state_of_sweep(const std::string& folder, QueueView& queue) {
  SweepState state;
  // First who drives it: what the journal says may then only be newer.
  const std::optional<LockHolder> holder = look_at_lock(folder + "/lock");
  state.view = read_sweep_view(folder, /*with_curves=*/false);
  const bool driven = holder && !holder->gone;
  if (driven) state.where = holder->host;
  state.state = state.view.finished           ? "finished"
                : driven                      ? "running"
                : exists(cancel_mark(folder)) ? "cancelled"
                                              : "stopped";
  if (state.view.finished || (driven && !starts_with(holder->job, "submitted in "))) return state;
  const std::optional<JobState> job = state_of_job(folder, queue);
  if (!job) return state;
  state.job = job->job;
  if (driven) return state;
  // A job that has ended well, while more trials are wanted: somebody has driven it on by hand since.
  if (state.state == "stopped" && job->state != "finished") state.state = job->state;
  state.why = job->why;
  return state;
}

std::string status_line(const SweepState& state) {
  std::string word = state.state;
  word.resize(std::max<size_t>(9, word.size()), ' ');
  const std::string left = state.state == "running" ? time_left(state.view) : "";
  return cat(state.view.name, "  ", word, "  sweep: ", sweep_line(state.view), left.empty() ? "" : ", " + left,
             state.where.empty() ? "" : cat(", driven on ", state.where), state.job.empty() ? "" : ", job " + state.job,
             state.why.empty() ? "" : ", " + state.why, state.state == "stopped" ? ", the same command goes on" : "");
}

nlohmann::json to_json(const SweepState& state) {
  nlohmann::json value = to_json(state.view, /*with_clock=*/true);
  value["state"] = state.state;
  const bool guessed = state.state == "running" && state.view.seconds_left.has_value();
  value["seconds_left"] = guessed ? nlohmann::json(*state.view.seconds_left) : nlohmann::json();
  value["run_dir"] = state.view.folder;
  value["job_id"] = state.job.empty() ? nlohmann::json() : nlohmann::json(state.job);
  value["why"] = state.why;
  value["where"] = state.where.empty() ? nlohmann::json() : nlohmann::json(state.where);
  return value;
}

std::vector<std::string> sweeps_at(const std::string& path) {
  if (is_sweep_folder(path)) return {path};
  std::vector<std::string> found;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(path, error); !error && entry != std::filesystem::directory_iterator();
       entry.increment(error))
    if (is_sweep_folder(entry->path())) found.push_back(entry->path());
  std::sort(found.begin(), found.end());
  return found;
}

int watch_sweep(const std::string& folder, int64_t seconds) {
  const bool terminal = ::isatty(STDOUT_FILENO) == 1 && ::getenv("NO_COLOR") == nullptr;
  size_t shown = 0;
  std::string before;
  QueueView queue;
  while (true) {
    SweepState state = state_of_sweep(folder, queue);
    const std::string line = status_line(state) + "\n", news = state.state + sweep_line(state.view);
    if (terminal) {
      add_progress(state.view);
      // At the end the line as well: it says why nothing more comes.
      const std::string text =
          sweep_table(state.view, width_of_terminal(STDOUT_FILENO), true) + (state.over() ? "\n" + line : "");
      if (shown > 0) std::printf("\x1b[%zuA\x1b[J", shown);
      print_text(text);
      shown = static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
    } else if (news != before) {
      print_text(line);
    }
    before = news;
    if (state.over()) return state.state == "finished" ? 0 : static_cast<int>(ExitCode::kFailed);
    std::this_thread::sleep_for(std::chrono::seconds(seconds));
  }
}

std::string cancel_sweep(const std::string& folder, bool now, std::chrono::steady_clock::time_point deadline) {
  QueueView queue(0);
  const SweepState state = state_of_sweep(folder, queue);
  if (state.state == "finished") return "is finished";
  write_file_durably(cancel_mark(folder), cat(utc_now(), " by ", host_name(), "\n"));
  const std::optional<LockHolder> holder = look_at_lock(folder + "/lock");
  if (!holder || holder->gone) {
    const std::optional<JobRecord> record = state.over() ? std::nullopt : read_job_record(job_folder(folder));
    const std::string id = record ? find_job(*record, job_folder(folder), SlurmClient()) : "";
    if (!id.empty()) SlurmClient().cancel(id);
    stop_workers(folder, now);
    return cat("cancelled; no driver was running", id.empty() ? "" : ", job " + id + " is taken out of the queue");
  }
  if (now) {
    if (!holder->here && !state.job.empty()) {
      stop_workers(folder, now);
      SlurmClient().cancel(state.job);
      return cat("cancelled: job ", state.job);
    }
    if (!holder->here)
      throw UserError("cancel.elsewhere", cat(folder, ": is driven on ", holder->host, ", process ", holder->process),
                      "leave --now out, or type it on that machine");
    for (int i = 0; i < 2; ++i) {
      ::kill(static_cast<pid_t>(holder->process), SIGTERM);
      std::this_thread::sleep_for(kLookEvery);
    }
  }
  while (exists(folder + "/lock")) {
    if (std::chrono::steady_clock::now() > deadline)
      throw RunError("cancel.no_answer", cat(folder, ": the sweep's driver has not left yet"),
                     "it starts nothing more; --now ends it at once");
    std::this_thread::sleep_for(kLookEvery);
  }
  return now ? "cancelled" : "cancelled; its trials are saved";
}

}  // namespace broadsheet
