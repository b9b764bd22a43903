#include "checkpoints/saver.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "checkpoints/folders.h"
#include "core/durable.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/path.h"
#include "core/text.h"

namespace broadsheet {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begun) {
  return std::chrono::duration<double>(Clock::now() - begun).count();
}

template <class Value>
bool is_ready(const std::future<Value>& future) {
  return future.valid() && future.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

// Checked before the first byte: a disk that fills up in the middle hurts others too.
void check_space(const std::string& folder, uint64_t wanted) {
  const uint64_t free = free_bytes(folder);
  if (free >= wanted) return;
  throw RunError(
      "io.space",
      cat("the disk of ", folder, " has ", human_bytes(free), " free, the checkpoint needs ", human_bytes(wanted)),
      "free some space; the next checkpoint is tried all the same");
}

// The writer takes what the training leaves of the cores: nobody waits for it.
void lower_priority() {
  constexpr int kNice = 19;
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), kNice);
}

// The lines that a resume from this checkpoint will look for. Trouble with them is no reason not to save.
void sync_records(const std::vector<std::string>& paths) {
  try {
    for (const std::string& path : paths) {
      if (!exists(path)) continue;
      sync_file(path);
      sync_folder(parent_folder(path));
    }
  } catch (const RunError& error) {
    log_warning(error.what());
  }
}

// Runs `body` and puts what it throws into the answer.
template <class Answer, class Function>
void answer_with_error(Answer& answer, const Function& body) {
  try {
    body();
  } catch (const Error& error) {
    answer.error = error.what();
    answer.fenced = error.faults().front().code == "run.fenced";
  } catch (const std::exception& error) {
    answer.error = error.what();
  }
}

}  // namespace

nlohmann::json SavedParts::to_json() const {
  nlohmann::json list = nlohmann::json::array();
  for (const PartRecord& record : records) list.push_back({record.file, record.size, record.sum});
  return {{"records", list}, {"error", error}, {"fenced", fenced}, {"seconds", seconds}};
}

SavedParts SavedParts::from_json(const nlohmann::json& json) {
  SavedParts parts;
  for (const nlohmann::json& record : json.at("records")) parts.records.push_back({record[0], record[1], record[2]});
  parts.error = json.at("error");
  parts.fenced = json.at("fenced");
  parts.seconds = json.at("seconds");
  return parts;
}

Saver::Saver(Fence fence, std::string root) : fence_(std::move(fence)), root_(std::move(root)) {}

Saver::~Saver() {
  if (parts_.valid()) parts_.wait();
  if (commit_.valid()) commit_.wait();
}

void Saver::write(SaveRequest request) {
  BROADSHEET_ASSERT(!parts_.valid() && !commit_.valid());
  step_ = request.step;
  begun_ = Clock::now();
  parts_ = std::async(std::launch::async, [this, request = std::move(request)] { return write_parts(request); });
}

bool Saver::parts_done() const {
  return is_ready(parts_);
}

SavedParts Saver::take_parts() {
  return parts_.get();
}

SavedParts Saver::write_parts(const SaveRequest& request) const {
  SavedParts saved;
  const auto begun = Clock::now();
  lower_priority();
  answer_with_error(saved, [&] {
    CheckpointWriter writer = CheckpointWriter::open(fence_, root_, request.step);
    check_space(writer.folder(), request.all_bytes);
    for (const TensorPart& part : request.tensors) {
      const auto found = std::find_if(request.earlier.begin(), request.earlier.end(), [&](const EarlierPart& earlier) {
        return earlier.record.file == part.file && writer.link_part(earlier.folder, earlier.record);
      });
      saved.records.push_back(found != request.earlier.end()
                                  ? found->record
                                  : writer.write_tensors(part.file, part.tensors, part.metadata));
    }
    for (const auto& [file, text] : request.texts) saved.records.push_back(writer.write_text(file, text));
    for (const std::string& path : request.copies) saved.records.push_back(writer.copy_file(path, file_name(path)));
    sync_records(request.records);
  });
  saved.seconds = seconds_since(begun);
  return saved;
}

void Saver::commit(std::vector<PartRecord> records, nlohmann::json summary, Retention retention) {
  BROADSHEET_ASSERT(!parts_.valid() && !commit_.valid());
  commit_ = std::async(std::launch::async,
                       [this, step = step_, records = std::move(records), summary = std::move(summary),
                        retention = std::move(retention)] { return commit_now(step, records, summary, retention); });
}

bool Saver::commit_done() const {
  return is_ready(commit_);
}

Committed Saver::take_commit() {
  Committed done = commit_.get();
  done.seconds = seconds_since(begun_);
  return done;
}

Committed Saver::commit_now(int64_t step, const std::vector<PartRecord>& records, const nlohmann::json& summary,
                            const Retention& retention) const {
  Committed done;
  lower_priority();
  done.step = step;
  done.folder = cat(root_, "/", step_name(step));
  answer_with_error(done, [&] {
    CheckpointWriter writer = CheckpointWriter::open(fence_, root_, step);
    try {
      writer.commit(records, summary);
    } catch (const RunError&) {
      writer.discard();
      throw;
    }
    // Only now may older ones go: one whole checkpoint is on disk at any moment.
    prune_checkpoints(fence_, root_, retention);
  });
  return done;
}

void Saver::discard() {
  remove_tree(cat(fence_.folder(), "/", step_name(step_)));
}

}  // namespace broadsheet
