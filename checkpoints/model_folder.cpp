// write_model_folder: the writing half of huggingface.h.
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>

#include "checkpoints/huggingface.h"
#include "checkpoints/peft.h"
#include "core/durable.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/path.h"
#include "core/text.h"

namespace broadsheet {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr uint64_t kMaxExtraBytes = uint64_t{1} << 30;
constexpr uint64_t kOneFile = UINT64_MAX;
const std::map<std::string, std::string> kMetadata = {{"format", "pt"}};  // transformers insists on it

void write_text(const std::string& path, std::string_view text) {
  DurableFile file(path);
  file.write(text);
  file.close();
}

// Consecutive tensors, each group at most `shard_bytes` (a tensor larger than that has a group of its own).
std::vector<std::vector<TensorView>> cut_into_shards(const std::vector<TensorView>& tensors, uint64_t shard_bytes) {
  std::vector<std::vector<TensorView>> shards(1);
  uint64_t filled = 0;
  for (const TensorView& tensor : tensors) {
    if (!shards.back().empty() && filled + tensor.bytes.size() > shard_bytes) {
      shards.emplace_back();
      filled = 0;
    }
    shards.back().push_back(tensor);
    filled += tensor.bytes.size();
  }
  return shards;
}

std::string shard_name(size_t index, size_t count) {
  char name[64];
  std::snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", index + 1, count);
  return name;
}

void write_weights(const std::string& folder, const std::vector<TensorView>& tensors, uint64_t shard_bytes) {
  const auto shards = cut_into_shards(tensors, shard_bytes);
  if (shards.size() == 1) {
    write_safetensors(folder + "/model.safetensors", tensors, kMetadata);
    return;
  }
  json map = json::object();
  uint64_t total = 0;
  for (size_t i = 0; i < shards.size(); ++i) {
    const std::string name = shard_name(i, shards.size());
    write_safetensors(cat(folder, "/", name), shards[i], kMetadata);
    for (const TensorView& tensor : shards[i]) {
      map[tensor.name] = name;
      total += tensor.bytes.size();
    }
  }
  const json index = {{"metadata", {{"total_size", total}}}, {"weight_map", map}};
  write_text(folder + "/model.safetensors.index.json", index.dump(2) + "\n");
}

// What killed writers of this folder left beside it. One run directory has one writer, so none of them lives.
void remove_leftovers(const std::string& parent, const std::string& name) {
  std::error_code error;
  for (fs::directory_iterator entry(parent, error), end; !error && entry != end; entry.increment(error)) {
    const std::string found = entry->path().filename().string();
    if (!starts_with(found, cat(".", name, "."))) continue;
    if (!ends_with(found, ".writing") && !ends_with(found, ".retired")) continue;
    std::error_code failed;
    fs::remove_all(entry->path(), failed);
    if (failed) log_warning(cat("cannot remove the left-over ", entry->path().string(), ": ", failed.message()));
  }
}

// In one step where the file system can exchange two names; elsewhere the old folder steps aside first.
void put_in_place(const std::string& made, const std::string& folder, const std::string& retired) {
  if (!exists(folder)) {
    rename_durably(made, folder);
    return;
  }
  if (::renameat2(AT_FDCWD, made.c_str(), AT_FDCWD, folder.c_str(), RENAME_EXCHANGE) == 0) {
    sync_folder(parent_folder(folder));
    rename_durably(made, retired);
  } else {
    rename_durably(folder, retired);
    try {
      rename_durably(made, folder);
    } catch (const RunError&) {
      if (::rename(retired.c_str(), folder.c_str()) != 0) log_error(cat("the previous model is now in ", retired));
      throw;
    }
  }
  std::error_code error;
  fs::remove_all(retired, error);
  if (error) log_warning(cat("cannot remove the previous model ", retired, ": ", error.message()));
}

// What a model folder holds.
struct Contents {
  const json& config;
  const std::vector<TensorView>& tensors;
  const std::vector<std::string>& extra_files;
  const json& broadsheet;
  const json& adapter;
};

// Makes `folder`, but not its parents: see Note [Fencing].
void write_files(const std::string& folder, const Contents& contents, uint64_t shard_bytes) {
  if (::mkdir(folder.c_str(), 0777) != 0 && errno != EEXIST)
    throw RunError("io.mkdir", cat("cannot create ", folder, ": ", std::strerror(errno)));
  // One order whatever the caller's, so that equal weights are equal files.
  std::vector<TensorView> sorted = contents.tensors;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const TensorView& a, const TensorView& b) { return a.name < b.name; });
  if (contents.adapter.is_null()) {
    write_text(folder + "/config.json", contents.config.dump(2) + "\n");
    write_weights(folder, sorted, shard_bytes);
  } else {
    write_safetensors(cat(folder, "/", kAdapterWeightsFile), sorted, kMetadata);
    write_text(cat(folder, "/", kAdapterConfigFile), contents.adapter.dump(2) + "\n");
  }
  if (!contents.broadsheet.is_null()) write_text(folder + "/broadsheet.json", contents.broadsheet.dump(2) + "\n");
  for (const std::string& extra : contents.extra_files)
    write_text(cat(folder, "/", file_name(extra)), read_file(extra, kMaxExtraBytes));
  sync_folder(folder);
}

}  // namespace

void write_model_folder(const std::string& folder, const json& config, const std::vector<TensorView>& tensors,
                        const std::vector<std::string>& extra_files, const json& broadsheet, uint64_t shard_bytes,
                        const json& adapter) {
  const std::string target = absolute_path(folder), parent = parent_folder(target), name = file_name(target);
  make_folders(parent);
  remove_leftovers(parent, name);
  const std::string made = cat(parent, "/.", name, ".", ::getpid(), ".writing");
  try {
    write_files(made, {config, tensors, extra_files, broadsheet, adapter}, shard_bytes);
    put_in_place(made, target, cat(parent, "/.", name, ".", ::getpid(), ".retired"));
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(made, ignored);
    throw;
  }
}

void publish_model_folder(const Fence& fence, const std::string& folder, const json& config,
                          const std::vector<TensorView>& tensors, const std::vector<std::string>& extra_files,
                          const json& broadsheet, const json& adapter) {
  const std::string name = file_name(folder), made = cat(fence.folder(), "/", name);
  try {
    fence.guard([&] { write_files(made, {config, tensors, extra_files, broadsheet, adapter}, kOneFile); });
    fence.replace_folder(name, folder);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(made, ignored);
    throw;
  }
}

}  // namespace broadsheet
