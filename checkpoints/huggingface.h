// Model folders in Hugging Face's layout: config.json, model.safetensors or its shards with
// model.safetensors.index.json, tokenizer files.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "checkpoints/safetensors.h"
#include "core/fence.h"

namespace broadsheet {

// Weights of a folder, memory-mapped, one name space over all shards.
class WeightFiles {
 public:
  // Throws UserError: no such folder ("model.not_found"; for what looks like a hub name, with the command that
  // downloads it), only pickles ("model.pickle", with the command that converts them), a shard that the index names but
  // is missing, a tensor in two shards, an index that points outside the folder.
  // Of an adapter's folder (checkpoints/peft.h) these are the weights of its base with the adapter merged into them:
  // also UserError "adapter.*" for what does not fit together.
  static WeightFiles open(const std::string& folder);
  // What an adapter's folder itself holds, by its names in the file.
  static WeightFiles open_adapter(const std::string& folder);
  const TensorView* find(const std::string& name) const;
  std::vector<std::string> names() const;  // sorted
  // XXH3 over the names, types, shapes and bytes of all tensors: reads all of them. 32 digits.
  std::string identity() const;

 private:
  friend class AdapterMerge;
  // A tensor that no file holds, or under another name.
  struct Made {
    TensorView view;
    std::vector<float> values;
  };

  static WeightFiles open_plain(const std::string& folder);
  void add(const SafetensorsFile& file, const std::string& folder);

  std::vector<SafetensorsFile> files_;
  std::vector<std::unique_ptr<Made>> made_;
  std::map<std::string, const TensorView*> tensors_;
};

// config.json of a model folder, checked to be a JSON object of at most 16 MB and depth 64.
// Throws UserError("model.config") naming file and what was found.
nlohmann::json read_model_config(const std::string& folder);

// Resolves what a user may call a model: a Hugging Face or peft folder, a run's folder (its model/, or while it has
// none yet its newest whole checkpoint, which is logged), or a checkpoint's folder (its checksums are verified first).
// Throws UserError: "model.not_found" (for what looks like a hub name, with the command that downloads it),
// "model.unfinished" (a run without anything to load), "checkpoint.damaged", "checkpoint.all_damaged", "model.config".
struct ModelLocation {
  std::string weights_folder;    // has config.json + *.safetensors, or an adapter
  std::string tokenizer_folder;  // has tokenizer files
  std::string run_folder;        // empty when it is not one of our runs
  nlohmann::json broadsheet;     // our broadsheet.json beside config.json (task, fields, max_length, ...), or null
};
ModelLocation locate_model(const std::string& path);

// True for what can only be a name on the model hub: "name" or "owner/name", nothing else.
bool looks_like_hub_name(const std::string& name);
// The one command that downloads `name` into models/.
std::string hub_download_command(const std::string& name);

inline constexpr uint64_t kShardBytes = uint64_t{5} << 30;
// Writes a model folder: whole or absent (temporary name, fsync, rename over the old one).
// `extra_files`: copied from another folder (tokenizer files). `broadsheet`: our own broadsheet.json; null: none.
// `adapter`: adapter_config.json, where the tensors are an adapter's (checkpoints/peft.h), in its file then, and
// `config` is not written: transformers would look for whole weights beside it, broadsheet.json has it ("config").
// Null: none. Weights above `shard_bytes` are split with an index file.
void write_model_folder(const std::string& folder, const nlohmann::json& config, const std::vector<TensorView>& tensors,
                        const std::vector<std::string>& extra_files, const nlohmann::json& broadsheet,
                        uint64_t shard_bytes = kShardBytes, const nlohmann::json& adapter = nullptr);
// The same below the fence's folder, from which it replaces `folder`; the weights are one file whatever their size.
// RunError("run.fenced").
void publish_model_folder(const Fence& fence, const std::string& folder, const nlohmann::json& config,
                          const std::vector<TensorView>& tensors, const std::vector<std::string>& extra_files,
                          const nlohmann::json& broadsheet, const nlohmann::json& adapter = nullptr);

}  // namespace broadsheet
