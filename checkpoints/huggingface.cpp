#include "checkpoints/huggingface.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "checkpoints/json_file.h"
#include "checkpoints/peft.h"
#include "checkpoints/snapshot.h"
#include "core/checksum.h"
#include "core/durable.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/path.h"
#include "core/text.h"

namespace broadsheet {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr uint64_t kMaxConfigBytes = uint64_t{16} << 20;
constexpr uint64_t kMaxIndexBytes = uint64_t{64} << 20;
constexpr const char* kSingleFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";

bool is_folder(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

std::vector<std::string> file_names(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

[[noreturn]] void throw_not_found(const std::string& path) {
  if (looks_like_hub_name(path)) {
    throw UserError("model.not_found", cat("there is no folder \"", path, "\"; it looks like a name on the model hub"),
                    cat("download it once with: ", hub_download_command(path), "  and give models/", path));
  }
  throw UserError("model.not_found", cat("there is no folder \"", printable(path), "\""),
                  "give a run, a checkpoint or a folder with config.json and model.safetensors");
}

// All the pickles of a folder become one safetensors file; the user runs it, we never open them.
[[noreturn]] void refuse_pickles(const std::string& folder, const std::string& found) {
  throw UserError(Fault{
      "model.pickle",
      {folder},
      "",
      cat("holds its weights only as pickles (", found, "); pickles can run any code and are never read"),
      cat("convert them where you trust them: python3 -c \"import glob, sys, torch; from safetensors.torch import "
          "save_file; d = sys.argv[1]; w = {k: v.clone().contiguous() for f in sorted(glob.glob(d + "
          "'/pytorch_model*.bin')) for k, v in torch.load(f, map_location='cpu', weights_only=True).items()}; "
          "save_file(w, d + '/model.safetensors', metadata={'format': 'pt'})\" ",
          shell_quoted(folder))});
}

[[noreturn]] void throw_no_weights(const std::string& folder) {
  for (const std::string& name : file_names(folder)) {
    if (starts_with(name, "pytorch_model") && ends_with(name, ".bin")) refuse_pickles(folder, name);
  }
  throw UserError(Fault{"model.weights",
                        {folder},
                        "",
                        cat("holds neither ", kSingleFile, " nor ", kIndexFile),
                        "give a complete model folder"});
}

// tensor -> shard, as the index says; nothing in it is followed before it is known to be a file of this folder.
std::map<std::string, std::string> read_index(const std::string& folder) {
  const std::string path = cat(folder, "/", kIndexFile);
  const auto refuse = [&](std::string what) {
    throw UserError(Fault{"model.index", {path}, "", std::move(what), "fetch the folder again"});
  };
  const json index = read_json_object(path, "model.index", kMaxIndexBytes);
  const auto map = index.find("weight_map");
  if (map == index.end() || !map->is_object() || map->empty()) refuse("has no \"weight_map\" with tensors");
  std::map<std::string, std::string> shards;
  for (const auto& [tensor, shard] : map->items()) {
    if (!shard.is_string()) refuse(cat("tensor \"", printable(tensor), "\" names no file"));
    const auto& name = shard.get_ref<const std::string&>();
    if (!is_plain_file_name(name) || !ends_with(name, ".safetensors")) {
      refuse(cat("tensor \"", printable(tensor), "\" names \"", printable(name),
                 "\", wanted a *.safetensors file of the same folder"));
    }
    if (!exists(cat(folder, "/", name))) refuse(cat("names the shard ", printable(name), ", which is missing"));
    shards.emplace(tensor, name);
  }
  return shards;
}

json read_broadsheet(const std::string& folder) {
  const std::string path = folder + "/broadsheet.json";
  return exists(path) ? read_json_object(path, "model.config", kMaxConfigBytes) : json();
}

bool has_tokenizer(const std::string& folder) {
  return exists(folder + "/tokenizer.json") || exists(folder + "/vocab.txt");
}

bool has_config(const std::string& folder) {
  return exists(folder + "/config.json") || is_adapter_folder(folder);
}

// The run that a folder inside it belongs to, `levels` folders up, or "".
std::string run_above(const std::string& folder, int levels) {
  std::string run = absolute_path(folder);
  for (int i = 0; i < levels; ++i) run = parent_folder(run);
  return exists(run + "/run.yaml") ? run : "";
}

ModelLocation locate(const std::string& weights, const std::string& run) {
  ModelLocation location{weights, weights, run, read_broadsheet(weights)};
  if (!has_tokenizer(weights) && !run.empty() && has_tokenizer(run + "/model")) {
    location.tokenizer_folder = run + "/model";
  } else if (!has_tokenizer(weights) && is_adapter_folder(weights) && !exists(weights + "/vocab.json")) {
    location.tokenizer_folder = adapter_base(weights);
  }
  return location;
}

ModelLocation locate_in_run(const std::string& run) {
  const std::string model = run + "/model";
  if (has_config(model)) return locate(model, run);
  const auto newest = newest_whole_checkpoint(run + "/checkpoints");
  if (!newest) {
    throw UserError(Fault{"model.unfinished",
                          {run},
                          "",
                          "this run has neither model/ nor a checkpoint yet",
                          "let it train until its first checkpoint"});
  }
  log_info(cat(run, " is not finished: using its checkpoint of step ", newest->step, ", ", newest->folder));
  return locate(newest->folder, run);
}

ModelLocation locate_checkpoint(const std::string& folder) {
  const std::vector<std::string> faults = verify_checkpoint(open_checkpoint(folder));
  if (!faults.empty()) {
    throw UserError(Fault{"checkpoint.damaged",
                          {folder},
                          "",
                          join(faults, "; "),
                          "use another checkpoint of the run, or the run itself"});
  }
  return locate(folder, run_above(folder, 2));
}

}  // namespace

WeightFiles WeightFiles::open_plain(const std::string& folder) {
  if (!is_folder(folder)) throw_not_found(folder);
  WeightFiles weights;
  std::map<std::string, std::string> index;
  if (exists(cat(folder, "/", kSingleFile))) {
    weights.files_.push_back(SafetensorsFile::open(cat(folder, "/", kSingleFile)));
  } else if (exists(cat(folder, "/", kIndexFile))) {
    index = read_index(folder);
    std::set<std::string> shards;
    for (const auto& [tensor, shard] : index) shards.insert(shard);
    for (const std::string& shard : shards) weights.files_.push_back(SafetensorsFile::open(cat(folder, "/", shard)));
  } else {
    throw_no_weights(folder);
  }
  for (const SafetensorsFile& file : weights.files_) weights.add(file, folder);
  for (const auto& [tensor, shard] : index) {
    if (weights.find(tensor) != nullptr) continue;
    throw UserError(Fault{"model.index",
                          {cat(folder, "/", kIndexFile)},
                          "",
                          cat("tensor \"", printable(tensor), "\" is not in ", shard, " nor in any other shard"),
                          "fetch the folder again"});
  }
  return weights;
}

void WeightFiles::add(const SafetensorsFile& file, const std::string& folder) {
  for (const TensorView& tensor : file.tensors()) {
    if (tensors_.emplace(tensor.name, &tensor).second) continue;
    throw UserError(Fault{"model.duplicate_tensor",
                          {folder},
                          "",
                          cat("tensor \"", printable(tensor.name), "\" is in two shards"),
                          "fetch the folder again"});
  }
}

std::string WeightFiles::identity() const {
  constexpr size_t kChunk = size_t{4} << 20;
  Xxh3 sum;
  std::vector<std::byte> copied(kChunk);
  for (const auto& [name, tensor] : tensors_) {
    const std::string head = cat(name, ' ', dtype_name(tensor->dtype), ' ', json(tensor->shape).dump(), '\n');
    sum.update(head.data(), head.size());
    for (size_t at = 0; at < tensor->bytes.size(); at += kChunk) {
      const size_t count = std::min(kChunk, tensor->bytes.size() - at);
      copy_bytes(*tensor, at, copied.data(), count);
      sum.update(copied.data(), count);
    }
  }
  return sum.hex();
}

const TensorView* WeightFiles::find(const std::string& name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : found->second;
}

std::vector<std::string> WeightFiles::names() const {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors_) names.push_back(name);
  return names;
}

json read_model_config(const std::string& folder) {
  if (!is_folder(folder)) throw_not_found(folder);
  if (is_adapter_folder(folder) && !exists(folder + "/config.json")) return adapter_model_config(folder);
  return read_json_object(folder + "/config.json", "model.config", kMaxConfigBytes);
}

bool looks_like_hub_name(const std::string& name) {
  if (name.empty() || name.size() > 200) return false;
  const std::vector<std::string> parts = split(name, '/');
  if (parts.size() > 2) return false;
  for (const std::string& part : parts) {
    if (part.empty() || part[0] == '.' || part[0] == '-') return false;
    for (const char byte : part) {
      const bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
      if (!letter && !(byte >= '0' && byte <= '9') && byte != '-' && byte != '_' && byte != '.') return false;
    }
  }
  return true;
}

std::string hub_download_command(const std::string& name) {
  return cat("hf download ", name, " --local-dir models/", name);
}

ModelLocation locate_model(const std::string& path) {
  if (!exists(path)) throw_not_found(path);
  if (!is_folder(path)) {
    throw UserError(Fault{
        "model.not_found", {path}, "", "is a file, wanted a folder", cat("give its folder: ", parent_folder(path))});
  }
  const std::string name = file_name(absolute_path(path)), above = file_name(parent_folder(absolute_path(path)));
  const bool temporary = starts_with(name, ".") && (ends_with(name, ".writing") || ends_with(name, ".retired"));
  if (temporary || starts_with(above, ".attempt-")) {
    throw UserError(Fault{"checkpoint.damaged",
                          {path},
                          "",
                          "is what a killed process left half-written or half-removed",
                          "use a checkpoint without the dot"});
  }
  if (exists(path + "/run.yaml")) return locate_in_run(path);
  if (exists(path + "/manifest.json")) return locate_checkpoint(path);
  if (has_config(path)) return locate(path, run_above(path, 1));
  throw UserError(Fault{"model.not_found",
                        {path},
                        "",
                        "is neither a run (run.yaml), a checkpoint (manifest.json) nor a model (config.json or "
                        "adapter_config.json)",
                        "give one of these folders"});
}

}  // namespace broadsheet
