#include "data/preparation/work_board.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "core/durable.h"
#include "core/text.h"

namespace broadsheet {
namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

constexpr Milliseconds kShortestWait{5}, kLongestWait{200};
// How long a task may be claimed and not done before another process does it too. The longest is to hash or to read one
// compressed file of a hundred gigabytes; doing it twice costs time only.
constexpr double kPatience = 1800;

double seconds_since(Clock::time_point then) {
  return std::chrono::duration<double>(Clock::now() - then).count();
}

nlohmann::json to_json(const Error& error) {
  nlohmann::json faults = nlohmann::json::array();
  for (const Fault& fault : error.faults())
    faults.push_back({{"code", fault.code}, {"key", fault.key}, {"what", fault.what}, {"remedy", fault.remedy}});
  return {{"user", error.exit_code() == ExitCode::kUser}, {"faults", faults}};
}

// Waits longer and longer while nothing happens.
class Pause {
 public:
  void wait() {
    std::this_thread::sleep_for(time_);
    time_ = std::min(2 * time_, kLongestWait);
  }
  void restart() { time_ = kShortestWait; }

 private:
  Milliseconds time_ = kShortestWait;
};

}  // namespace

Workers Workers::with_copies(int64_t count) {
  return {0, count, cat(::getpid(), "-", std::chrono::system_clock::now().time_since_epoch().count())};
}

WorkBoard::WorkBoard(std::string folder, Workers workers, double patience, std::function<void()> look_around)
    : folder_(folder + "/claims-" + workers.start), workers_(std::move(workers)), look_around_(std::move(look_around)) {
  if (first()) {
    make_folders(folder_);
    return;
  }
  const auto start = Clock::now();
  for (Pause pause; !exists(folder_); pause.wait())
    if (seconds_since(start) > patience)
      throw RunError("prepare.rank", cat("rank ", workers_.rank, ": the first rank has not begun in ", patience, " s"),
                     "all ranks must see the corpus's folder, and the first must live");
}

// They look once, when they see the board: it must say so from the first moment.
WorkBoard WorkBoard::dismiss(const std::string& folder, const Workers& workers) {
  const std::string board = folder + "/claims-" + workers.start, unseen = board + ".new";
  make_folders(unseen);
  write_file_durably(unseen + "/dismissed", "");
  rename_durably(unseen, board);
  return {folder, workers, 0};
}

bool WorkBoard::dismissed() const {
  return exists(path("dismissed"));
}

bool WorkBoard::claim(const std::string& stage, int64_t task, int attempt) const {
  const std::string name = path(cat(stage, "-", task, "-", attempt));
  const int file = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file >= 0) {
    ::close(file);
    return true;
  }
  if (errno == EEXIST) return false;
  throw RunError("io.open", cat(name, ": cannot be made: ", std::strerror(errno)), "see to it that the disk has space");
}

void WorkBoard::share(const Stage& stage) {
  std::optional<Progress> progress;
  std::vector<bool> done(static_cast<size_t>(stage.tasks));
  int64_t total = 0, left = stage.tasks, ready = 0;
  for (int64_t task = 0; task < stage.tasks; ++task) total += stage.size(task);
  if (first()) progress.emplace(stage.doing, stage.unit, total);
  const auto note = [&](int64_t task) {
    done[static_cast<size_t>(task)] = true;
    --left;
    ready += stage.size(task);
    if (progress) progress->set(ready);
  };
  int attempt = 0;
  Pause pause;
  auto changed = Clock::now();
  while (left > 0) {
    const int64_t before = left;
    for (int64_t task = 0; task < stage.tasks; ++task) {
      if (done[static_cast<size_t>(task)]) continue;
      if (!stage.is_done(task)) {
        if (!claim(stage.name, task, attempt)) continue;
        stage.work(task);
      }
      note(task);
      check_others();
    }
    if (left == before) {
      pause.wait();
      if (seconds_since(changed) > kPatience) {
        ++attempt;
        changed = Clock::now();
      }
    } else {
      pause.restart();
      changed = Clock::now();
    }
    check_others();
  }
}

void WorkBoard::alone(const std::function<bool()>& is_done, const std::function<void()>& work) {
  if (first()) {
    if (!is_done()) work();
    return;
  }
  for (Pause pause; !is_done(); pause.wait()) check_others();
}

void WorkBoard::check_others() const {
  try {
    if (look_around_) look_around_();
  } catch (const Error&) {
    throw_what_was_told();  // says more than that somebody has gone
    throw;
  }
  throw_what_was_told();
}

void WorkBoard::throw_what_was_told() const {
  const std::string file = path("failed.json");
  if (!exists(file)) return;
  const nlohmann::json told = nlohmann::json::parse(read_file(file), nullptr, /*allow_exceptions=*/false);
  std::vector<Fault> faults;
  if (told.is_object())
    for (const nlohmann::json& fault : told.value("faults", nlohmann::json::array()))
      faults.push_back(
          {fault.value("code", ""), {}, fault.value("key", ""), fault.value("what", ""), fault.value("remedy", "")});
  if (faults.empty()) faults.push_back({"prepare.rank", {}, "", "another rank has failed", "see what it said"});
  if (told.is_object() && told.value("user", false)) throw UserError(std::move(faults));
  throw RunError(faults.front().code, faults.front().what, faults.front().remedy);
}

void WorkBoard::fail(const Error& error) noexcept {
  try {
    const std::string file = path("failed.json");
    if (!exists(file)) write_file_durably(file, nlohmann::json(to_json(error)).dump() + "\n");
  } catch (...) {
    // Then they see that this process has gone.
  }
}

void WorkBoard::leave() {
  write_file_durably(path(cat("left-", workers_.rank)), "");
}

void WorkBoard::wait_for_others(double seconds) const {
  const auto start = Clock::now();
  for (int64_t rank = 1; rank < workers_.count; ++rank)
    for (Pause pause; !exists(path(cat("left-", rank))) && seconds_since(start) < seconds; pause.wait()) check_others();
}

}  // namespace broadsheet
