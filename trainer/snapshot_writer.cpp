#include "trainer/snapshot_writer.h"

#include <algorithm>
#include <utility>

#include "checkpoints/parts.h"
#include "checkpoints/peft.h"
#include "core/activity.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/text.h"

namespace broadsheet {

namespace {

constexpr uint64_t kSmallFiles = uint64_t{4} << 20;  // state, configuration, tokenizer

uint64_t bytes_of(const std::vector<TensorView>& tensors) {
  uint64_t sum = 0;
  for (const TensorView& tensor : tensors) sum += tensor.bytes.size();
  return sum;
}

}  // namespace

SnapshotWriter::SnapshotWriter(Task& task, Optimizer& optimizer, Communicator& ranks, const TrainerOptions& options,
                               nlohmann::json identity, TrainObserver& observer)
    : task_(task),
      optimizer_(optimizer),
      ranks_(ranks),
      options_(options),
      identity_(std::move(identity)),
      observer_(observer),
      fence_(Fence::join(options.checkpoint_root, options.attempt)),
      saver_(fence_, options.checkpoint_root) {}

// The optimizer's tensors keep their memory while held; its counter does not, and is copied.
std::vector<TensorView> SnapshotWriter::state_views() {
  const std::vector<Optimizer::NamedState> state = optimizer_.state();
  std::vector<TensorView> views = optimizer_views(state);
  counters_.clear();
  for (const TensorView& view : views)
    if (view.dtype == DType::kInt64) counters_.insert(counters_.end(), view.bytes.begin(), view.bytes.end());
  size_t next = 0;
  for (TensorView& view : views) {
    if (view.dtype != DType::kInt64) continue;
    view.bytes = std::span<const std::byte>(counters_.data() + next, view.bytes.size());
    next += view.bytes.size();
  }
  return views;
}

std::pair<std::vector<TensorView>, std::vector<TensorView>> SnapshotWriter::weight_views() const {
  if (!task_.adapter_config().is_null()) return {{}, tensor_views(saved_parameters(task_))};
  ParameterList frozen, trained;
  for (const Parameter& parameter : task_.parameters())
    (parameter.tensor.requires_grad() ? trained : frozen).push_back(parameter);
  const std::vector<TensorView> fixed = tensor_views(frozen), moving = tensor_views(trained);
  if (divides_frozen(bytes_of(fixed), bytes_of(moving))) return {fixed, moving};
  return {{}, tensor_views(task_.parameters())};
}

void SnapshotWriter::save(const TrainState& state, const nlohmann::json& told) {
  if (saver_.writing()) gather_parts();
  if (saver_.committing()) report_commit();
  fence_.check();
  optimizer_.hold();
  const auto [frozen, model] = weight_views();
  const std::vector<TensorView> optimizer = state_views();
  SaveRequest request;
  request.step = step_ = state.step;
  const nlohmann::json adapter = task_.adapter_config();
  request.tensors =
      plan_parts(model, optimizer, ranks_.rank(), ranks_.size(), frozen, adapter.is_null() ? "" : kAdapterWeightsFile);
  request.all_bytes = bytes_of(frozen) + bytes_of(model) + bytes_of(optimizer) + kSmallFiles;
  if (frozen_.size() == 2) request.earlier.assign(frozen_.begin(), frozen_.end());
  const nlohmann::json runtime = runtime_facts(ranks_.size(), options_);
  if (ranks_.first()) {
    const nlohmann::json json{{"schema", 1}, {"identity", identity_}, {"runtime", runtime}, {"state", state.to_json()}};
    request.texts = {{"state.json", json.dump(2) + "\n"},
                     {"broadsheet.json", task_.broadsheet_config().dump(2) + "\n"}};
    const std::string index = adapter.is_null() ? model_index(model, optimizer, ranks_.size(), frozen) : "";
    request.texts.emplace_back(adapter.is_null() ? "config.json" : kAdapterConfigFile,
                               (adapter.is_null() ? task_.model_config() : adapter).dump(2) + "\n");
    if (!index.empty()) request.texts.emplace_back("model.safetensors.index.json", index);
    request.copies = options_.tokenizer_files;
    request.records = options_.records;
  }
  saver_.write(std::move(request));
  summary_ = told;
  summary_.update({{"step", state.step}, {"identity", identity_}, {"runtime", runtime}});
  retention_ = {options_.checkpoints.keep_last, options_.checkpoints.keep_every, {}};
  for (const BestTracker::Entry& entry : state.best.best()) retention_.keep_steps.push_back(entry.step);
}

void SnapshotWriter::collect() {
  if (saver_.committing() && saver_.commit_done()) report_commit();
  if (!saver_.writing()) return;
  const int64_t done = ranks_.sum(std::vector<int64_t>{saver_.parts_done()})[0];
  if (done == ranks_.size()) gather_parts();
}

void SnapshotWriter::gather_parts() {
  const SavedParts mine = saver_.take_parts();
  note_duration(Phase::kSave, mine.seconds);
  optimizer_.release();
  std::vector<PartRecord> records;
  std::string error, fenced;
  const std::vector<std::string> all =
      ranks_.all_gather(mine.to_json().dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  for (size_t rank = 0; rank < all.size(); ++rank) {
    const SavedParts parts = SavedParts::from_json(nlohmann::json::parse(all[rank]));
    records.insert(records.end(), parts.records.begin(), parts.records.end());
    if (parts.fenced) fenced = parts.error;
    if (error.empty() && !parts.error.empty())
      error = all.size() > 1 ? cat("rank ", rank, ": ", parts.error) : parts.error;
  }
  if (!fenced.empty()) throw RunError("run.fenced", fenced);
  last_error_ = error;
  if (!ranks_.first()) return;
  frozen_under_way_.reset();
  for (const PartRecord& record : mine.records)
    if (record.file == kFrozenFile) frozen_under_way_ = record;
  if (error.empty()) {
    saver_.commit(std::move(records), std::move(summary_), std::move(retention_));
    return;
  }
  saver_.discard();
  log_warning(cat("the checkpoint of step ", step_,
                  " could not be written; training goes on, older checkpoints are untouched: ", error));
}

// First rank only.
void SnapshotWriter::report_commit() {
  const Committed done = saver_.take_commit();
  if (done.fenced) throw RunError("run.fenced", done.error);
  last_error_ = done.error;
  if (done.error.empty()) {
    longest_save_ = std::max(longest_save_, done.seconds);
    note_duration(Phase::kSave, done.seconds);
    if (frozen_under_way_) frozen_.push_back({done.folder, *frozen_under_way_});
    if (frozen_.size() > 2) frozen_.pop_front();
    observer_.on_checkpoint(done.step, done.folder, done.seconds);
    return;
  }
  log_warning(cat("the checkpoint of step ", done.step,
                  " could not be written; training goes on, older checkpoints are untouched: ", done.error));
}

std::string SnapshotWriter::finish() {
  if (saver_.writing()) gather_parts();
  if (saver_.committing()) report_commit();
  return ranks_.broadcast(last_error_, 0);
}

std::string SnapshotWriter::find_whole(int64_t step) {
  std::string folder;
  if (ranks_.first()) {
    for (const CheckpointInfo& checkpoint : list_checkpoints(options_.checkpoint_root)) {
      if (checkpoint.step != step) continue;
      const std::vector<std::string> faults = verify_checkpoint(checkpoint);
      if (faults.empty()) folder = checkpoint.folder;
      for (const std::string& fault : faults) log_warning(cat("damaged checkpoint ", checkpoint.folder, ": ", fault));
    }
  }
  return ranks_.broadcast(folder, 0);
}

}  // namespace broadsheet
