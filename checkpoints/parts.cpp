#include "checkpoints/parts.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

// A model up to this size is one file however many ranks there are: its writing is over in no time.
constexpr uint64_t kSmallModel = uint64_t{64} << 20;
constexpr const char* kSliceKey = "slice:";
constexpr const char* kTrainedFile = "model-00002-of-00002.safetensors";

uint64_t bytes_of(const std::vector<TensorView>& tensors) {
  uint64_t sum = 0;
  for (const TensorView& tensor : tensors) sum += tensor.bytes.size();
  return sum;
}

std::string numbered(const char* stem, int number, int all) {
  char name[64];
  std::snprintf(name, sizeof name, "%s-%05d-of-%05d.safetensors", stem, number, all);
  return name;
}

bool model_is_one_file(uint64_t model, uint64_t optimizer, int world) {
  return world == 1 || model <= kSmallModel || model <= (model + optimizer) / static_cast<uint64_t>(world);
}

// Whole tensors: shard s takes those whose first byte lies in its even share.
int model_shard_of(uint64_t offset, uint64_t model, int world) {
  return std::min(world - 1, static_cast<int>(offset * static_cast<uint64_t>(world) / std::max<uint64_t>(model, 1)));
}

// Bytes [begin, end) of the optimizer's state, all tensors laid end to end, that a rank writes: what evens out the
// sums, when the first rank has the whole model.
std::pair<uint64_t, uint64_t> optimizer_range(uint64_t model, uint64_t optimizer, int rank, int world) {
  const auto ranks = static_cast<uint64_t>(world), me = static_cast<uint64_t>(rank);
  if (!model_is_one_file(model, optimizer, world) || world == 1)
    return {optimizer * me / ranks, optimizer * (me + 1) / ranks};
  const uint64_t share = (model + optimizer) / ranks;
  const uint64_t first = std::min(optimizer, share - std::min(share, model));
  const uint64_t others = optimizer - first;
  const auto border = [&](uint64_t k) { return k == 0 ? 0 : first + others * (k - 1) / (ranks - 1); };
  return {border(me), border(me + 1)};
}

// The part of one tensor that lies in [begin, end) of the whole, in whole elements; borders round down on both sides.
void add_slice(const TensorView& tensor, uint64_t offset, uint64_t begin, uint64_t end, TensorPart& part) {
  const uint64_t item = item_size(tensor.dtype), all = tensor.bytes.size() / item;
  const auto element = [&](uint64_t border) { return border <= offset ? 0 : std::min(all, (border - offset) / item); };
  const uint64_t from = element(begin), to = element(end);
  if (from >= to) return;
  if (from == 0 && to == all) {
    part.tensors.push_back(tensor);
    return;
  }
  TensorView slice = tensor;
  slice.shape = {static_cast<int64_t>(to - from)};
  slice.bytes = tensor.bytes.subspan(from * item, (to - from) * item);
  part.tensors.push_back(std::move(slice));
  part.metadata[kSliceKey + tensor.name] = cat(from, ":", to, ":", all);
}

struct Slice {
  uint64_t begin = 0, end = 0, all = 0;
};

std::optional<Slice> parse_slice(std::string_view text) {
  uint64_t numbers[3];
  for (int i = 0; i < 3; ++i) {
    const auto [next, error] = std::from_chars(text.data(), text.data() + text.size(), numbers[i]);
    if (error != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(next - text.data()));
    if (i < 2 && !starts_with(text, ":")) return std::nullopt;
    if (i < 2) text.remove_prefix(1);
  }
  const bool good = text.empty() && numbers[0] < numbers[1] && numbers[1] <= numbers[2];
  return good ? std::optional<Slice>({numbers[0], numbers[1], numbers[2]}) : std::nullopt;
}

}  // namespace

bool divides_frozen(uint64_t frozen, uint64_t trained) {
  return frozen > trained && trained <= kSmallModel;
}

std::vector<TensorPart> plan_parts(const std::vector<TensorView>& model, const std::vector<TensorView>& optimizer,
                                   int rank, int world, const std::vector<TensorView>& frozen,
                                   const std::string& one_file) {
  BROADSHEET_ASSERT(rank >= 0 && rank < world);
  const uint64_t model_bytes = bytes_of(model), optimizer_bytes = bytes_of(optimizer);
  std::vector<TensorPart> parts;
  if (!frozen.empty()) {
    BROADSHEET_ASSERT(model_bytes <= kSmallModel);
    if (rank == 0) parts = {{kFrozenFile, frozen, {}}, {kTrainedFile, model, {}}};
  } else if (one_file.empty() && !model_is_one_file(model_bytes, optimizer_bytes, world)) {
    TensorPart shard{numbered("model", rank + 1, world), {}, {}};
    uint64_t offset = 0;
    for (const TensorView& tensor : model) {
      if (model_shard_of(offset, model_bytes, world) == rank) shard.tensors.push_back(tensor);
      offset += tensor.bytes.size();
    }
    if (!shard.tensors.empty()) parts.push_back(std::move(shard));
  } else if (rank == 0) {
    parts.push_back({one_file.empty() ? "model.safetensors" : one_file, model, {}});
  }
  const auto [begin, end] = optimizer_range(model_bytes, optimizer_bytes, rank, world);
  TensorPart state{world == 1 ? "optimizer.safetensors" : numbered("optimizer", rank + 1, world), {}, {}};
  uint64_t offset = 0;
  for (const TensorView& tensor : optimizer) {
    add_slice(tensor, offset, begin, end, state);
    offset += tensor.bytes.size();
  }
  // Also an empty one, of an optimizer without state: a reader finds that there is none, instead of finding no file.
  if (!state.tensors.empty() || rank == 0) parts.push_back(std::move(state));
  return parts;
}

std::string model_index(const std::vector<TensorView>& model, const std::vector<TensorView>& optimizer, int world,
                        const std::vector<TensorView>& frozen) {
  const uint64_t model_bytes = bytes_of(model);
  if (frozen.empty() && model_is_one_file(model_bytes, bytes_of(optimizer), world)) return "";
  nlohmann::json map = nlohmann::json::object();
  uint64_t offset = 0;
  for (const TensorView& tensor : model) {
    map[tensor.name] = frozen.empty() ? numbered("model", model_shard_of(offset, model_bytes, world) + 1, world)
                                      : std::string(kTrainedFile);
    offset += tensor.bytes.size();
  }
  for (const TensorView& tensor : frozen) map[tensor.name] = kFrozenFile;
  const uint64_t all_bytes = model_bytes + bytes_of(frozen);
  return nlohmann::json{{"metadata", {{"total_size", all_bytes}}}, {"weight_map", map}}.dump(2) + "\n";
}

OptimizerParts OptimizerParts::open(const std::string& folder, const std::vector<std::string>& files) {
  OptimizerParts parts;
  parts.folder_ = folder;
  for (const std::string& file : files) {
    if (starts_with(file, "optimizer") && ends_with(file, ".safetensors"))
      parts.files_.push_back(SafetensorsFile::open(cat(folder, "/", file)));
  }
  if (parts.files_.empty())
    throw UserError("checkpoint.optimizer", cat(folder, ": no part of the checkpoint holds the optimizer's state"),
                    "resume from another checkpoint");
  return parts;
}

void OptimizerParts::read(const TensorView& wanted) const {
  const uint64_t item = item_size(wanted.dtype), all = wanted.bytes.size() / item;
  auto* target = const_cast<std::byte*>(wanted.bytes.data());
  const auto refuse = [&](const char* what) {
    throw UserError("checkpoint.optimizer", cat(folder_, ": the checkpoint's optimizer state ", what, wanted.name),
                    "resume with the same optim, momentum, model and freeze, or start anew with --fresh");
  };
  std::vector<Slice> slices;
  for (const SafetensorsFile& file : files_) {
    const TensorView* found = file.find(wanted.name);
    if (found == nullptr) continue;
    const auto metadata = file.metadata().find(kSliceKey + wanted.name);
    const bool whole = metadata == file.metadata().end();
    const std::optional<Slice> slice = whole ? Slice{0, all, all} : parse_slice(metadata->second);
    const bool fits =
        slice && slice->all == all && found->dtype == wanted.dtype &&
        (whole ? found->shape == wanted.shape : found->bytes.size() == (slice->end - slice->begin) * item);
    if (!fits) refuse("has another shape for ");
    copy_bytes(*found, target + slice->begin * item);
    slices.push_back(*slice);
  }
  if (slices.empty() && all > 0) refuse("has no ");
  std::sort(slices.begin(), slices.end(), [](const Slice& a, const Slice& b) { return a.begin < b.begin; });
  uint64_t next = 0;
  for (const Slice& slice : slices) {
    if (slice.begin != next) refuse("has a gap in ");
    next = slice.end;
  }
  if (next != all) refuse("has a gap in ");
}

}  // namespace broadsheet
