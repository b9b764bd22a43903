// checkpoint: asks a running job to save now, and waits until it has.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <thread>

#include "checkpoints/snapshot.h"
#include "core/durable.h"
#include "core/log.h"
#include "core/path.h"
#include "core/text.h"
#include "experiments/run_directory.h"
#include "launcher/answer.h"
#include "launcher/front/actions.h"
#include "trainer/save_triggers.h"

namespace broadsheet {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kDefaultTimeout = 600, kLongestTimeout = 86400;
constexpr std::chrono::milliseconds kLookEvery{100};

int64_t newest_step(const std::string& root) {
  std::vector<std::string> damaged;
  const std::vector<CheckpointInfo> all = list_checkpoints(root, &damaged);
  return all.empty() ? -1 : all.back().step;
}

// The request's file goes with this, answered or not.
class Request {
 public:
  explicit Request(std::string path) : path_(std::move(path)) { write_file_durably(path_, kSaveRequest); }
  ~Request() { ::unlink(path_.c_str()); }
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;
  bool taken() const { return !exists(path_); }
  // The first step whose checkpoint answers it, once it is taken.
  int64_t answer() const {
    std::ifstream file(request_answer_file(path_));
    int64_t step = 0;
    file >> step;  // 0 when the job has ended meanwhile and took the file away
    return step;
  }

 private:
  std::string path_;
};

int print_checkpoint(const Command& command, const std::string& root, int64_t step) {
  for (const CheckpointInfo& checkpoint : list_checkpoints(root)) {
    if (checkpoint.step != step) continue;
    if (command.json) print_json({{"checkpoint", checkpoint.folder}, {"step", step}});
    if (!command.json) print_text(cat("step ", step, ": ", checkpoint.folder, "\n"));
  }
  return 0;
}

}  // namespace

int do_checkpoint(const Command& command) {
  const std::string folder = absolute_path(command.positionals[0]), root = folder + "/checkpoints";
  const int64_t timeout = command.number("timeout", 1, kLongestTimeout).value_or(kDefaultTimeout);
  if (!exists(folder + "/run.yaml"))
    throw UserError("run.not_found", cat(folder, ": not the directory of a run"), "name a run's directory");
  const auto is_running = [&] { return exists(folder + "/lock"); };
  if (!is_running())
    throw UserError("run.not_running", cat(folder, ": no job is training here"),
                    "its checkpoints are listed by `broadsheet verify`");
  const int64_t before = newest_step(root);
  const Request request(checkpoint_request_file(folder));
  const auto deadline = Clock::now() + std::chrono::seconds(timeout);
  while (Clock::now() < deadline) {
    const bool running = is_running();  // before the look: what it wrote at its end counts
    if (!running || request.taken()) {
      const int64_t wanted = std::max(before + 1, request.answer());
      if (const int64_t step = newest_step(root); step >= wanted) return print_checkpoint(command, root, step);
    }
    if (!running)
      throw RunError("run.ended", cat(folder, ": the job ended without another checkpoint"), "see its logs");
    std::this_thread::sleep_for(kLookEvery);
  }
  throw RunError("run.no_answer", cat(folder, ": the job has not saved within ", timeout, " s"),
                 "it may be in a long step, or gone: look at its logs, or wait longer with --timeout");
}

}  // namespace broadsheet
