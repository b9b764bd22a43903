#include "launcher/hang_watch.h"

#include <dirent.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <utility>

#include "core/durable.h"
#include "core/text.h"
#include "core/watchdog.h"
#include "launcher/local_ranks.h"

namespace broadsheet {
namespace {

constexpr double kLookEvery = 0.5;
constexpr double kLetRanksEnd = 1.0;  // seconds for stacks, the failure's record and MPI's own abort

bool has_variable(const std::string& environment, const std::string& variable) {
  const std::string wanted = variable + '\0';
  return starts_with(environment, wanted) || environment.find('\0' + wanted) != std::string::npos;
}

}  // namespace

HangWatch::HangWatch(std::string attempt_folder, int ranks, const HangLimits& limits)
    : folder_(std::move(attempt_folder)), limits_(limits), onlooker_(folder_, ranks) {}

bool HangWatch::must_end() {
  const auto now = std::chrono::steady_clock::now();
  const double seconds = std::chrono::duration<double>(now - std::exchange(last_, now)).count();
  // A launcher that was stopped itself has seen nothing in the meantime.
  const double passed = std::clamp(seconds, 0.0, kMostPerLook);
  since_start_ += passed;
  since_look_ += passed;
  if (found_) since_hang_ += passed;
  found_ = found_ || exists(hang_path(folder_));
  return found_ ? since_hang_ >= kLetRanksEnd : nobody_runs();
}

bool HangWatch::nobody_runs() {
  if (since_look_ < kLookEvery) return false;
  onlooker_.look(std::exchange(since_look_, 0.0));
  bool one_is_here = !exists(folder_ + "/ranks.json");  // before that file ranks that tell nothing are on their way
  double shortest_silence = since_start_;
  for (const RankView& view : onlooker_.ranks()) {
    if (!view.known || !view.here) continue;
    one_is_here = true;
    shortest_silence = std::min(shortest_silence, view.silent_seconds);
  }
  if (!one_is_here || shortest_silence <= limits_.max_seconds) return false;
  HangReport report = describe_hang(onlooker_.ranks(), -1);
  report.sentence += cat("; no rank of this machine has run for ", shortest(limits_.max_seconds), " s");
  claim_hang(folder_, report);
  return true;
}

Failure hang_failure(const std::string& sentence) {
  const std::string message = cat("the run hangs: ", sentence,
                                  "; the ranks' logs hold their stacks. The same command goes on from the newest "
                                  "checkpoint");
  return {static_cast<int>(ExitCode::kHang), {"train.hang", {}, "", message, ""}, message};
}

std::optional<Failure> find_hang(const std::string& attempt_folder, std::string* table) {
  if (!exists(hang_path(attempt_folder))) return std::nullopt;
  std::ifstream file(hang_path(attempt_folder));
  std::string sentence;
  std::getline(file, sentence);
  table->assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  return hang_failure(sentence.empty() ? "a rank makes no progress" : sentence);
}

int64_t find_rank_process(const std::string& attempt_folder, int rank) {
  DIR* processes = opendir("/proc");
  if (processes == nullptr) return 0;
  int64_t found = 0;
  while (const dirent* entry = readdir(processes)) {
    const int64_t process = std::atoll(entry->d_name);
    if (process <= 0) continue;
    std::ifstream file(cat("/proc/", process, "/environ"), std::ios::binary);
    const std::string environment((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (has_variable(environment, cat(kAttemptVariable, "=", attempt_folder)) &&
        has_variable(environment, cat("OMPI_COMM_WORLD_RANK=", rank))) {
      found = process;
    }
  }
  closedir(processes);
  return found;
}

}  // namespace broadsheet
