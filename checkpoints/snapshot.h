// A snapshot: everything that a run needs to go on as if nothing had happened. On disk a checkpoint is
//   checkpoints/step-<nnnnnnnn>/ manifest.json model.safetensors optimizer*.safetensors state.json ...
// whole or absent: written below the attempt's folder (core/fence.h), each part fsynced, the manifest (sizes,
// checksums) last, then renamed and the parent fsynced. Format page: docs/checkpoint_format.md. Ranks: every rank may
// write parts of its own; `trainer` gathers their PartRecords and one rank commits.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoints/safetensors.h"
#include "core/fence.h"

namespace broadsheet {

struct PartRecord {
  std::string file;  // name inside the checkpoint's folder
  uint64_t size = 0;
  std::string sum;  // XXH3, 32 digits; in checkpoints of format version 1 SHA-256, 64 digits
};

// One checkpoint being written, below <root>/.attempt-<k>/step-<nnnnnnnn>.
class CheckpointWriter {
 public:
  // Any rank, in any order; `fence` is that of <root>. RunError("run.fenced") when a newer attempt has taken over.
  static CheckpointWriter open(const Fence& fence, const std::string& root, int64_t step);

  PartRecord write_tensors(const std::string& file, const std::vector<TensorView>& tensors,
                           std::map<std::string, std::string> metadata = {});
  PartRecord write_json(const std::string& file, const nlohmann::json& value);
  PartRecord write_text(const std::string& file, std::string_view text);
  // A small file from elsewhere (tokenizer files), so that the checkpoint's folder loads by itself as a model.
  PartRecord copy_file(const std::string& from, const std::string& file);
  // A part of an earlier checkpoint's folder under a second name (a hard link), in place of the same bytes written
  // again. False when it is not there with its size any more or the file system has no such thing: then it is to be
  // written.
  bool link_part(const std::string& from, const PartRecord& part);
  // Writes manifest.json with all ranks' records and `summary` (config fingerprint, world size, ...: what the caller
  // likes, read back as CheckpointInfo::summary()), renames the folder into place and fsyncs. After it returns the
  // checkpoint survives a power loss. An existing whole checkpoint of the same step is left as it is and the new one
  // dropped; a damaged one is replaced. RunError when a recorded part is not there with its size, or when fenced off.
  void commit(const std::vector<PartRecord>& parts, const nlohmann::json& summary);
  // Removes what was written; after a failure. Never throws.
  void discard() const;
  // Where the parts are written, until commit() renames it.
  const std::string& folder() const { return folder_; }

 private:
  CheckpointWriter(Fence fence, std::string root, int64_t step);
  Fence fence_;
  std::string root_, folder_;
  int64_t step_;
};

// A checkpoint found on disk whose manifest was read.
struct CheckpointInfo {
  std::string folder;
  int64_t step = 0;
  nlohmann::json manifest;  // checked: format, version, step, parts
  const nlohmann::json& summary() const { return manifest.at("summary"); }
};

// All checkpoints under `root` in ascending step order, by name and manifest only (no checksums yet).
// Folders without a readable manifest are logged as damaged (or, when `faults` is given, told there) and left out.
std::vector<CheckpointInfo> list_checkpoints(const std::string& root, std::vector<std::string>* faults = nullptr);

// One checkpoint's folder, its manifest read and checked. Throws UserError("checkpoint.damaged").
CheckpointInfo open_checkpoint(const std::string& folder);

// A JSON part of a checkpoint (state.json). Throws UserError("checkpoint.damaged").
nlohmann::json read_json_part(const CheckpointInfo& checkpoint, const std::string& file);

// What it consists of.
std::vector<PartRecord> checkpoint_parts(const CheckpointInfo& checkpoint);

// Every part's size and checksum against the manifest. Returns the faults found: file, offset where known, what.
// With `world` above 1 only the parts that are `rank`'s to check: together the ranks check all.
std::vector<std::string> verify_checkpoint(const CheckpointInfo& checkpoint, int rank = 0, int world = 1);

// The newest checkpoint that verifies; each damaged newer one is logged by name and passed over. nullopt: there is
// none at all. Throws UserError("checkpoint.all_damaged") when some exist and none is whole: never a silent fresh
// start.
std::optional<CheckpointInfo> newest_whole_checkpoint(const std::string& root);
[[noreturn]] void throw_all_damaged(const std::string& root, const std::vector<std::string>& damaged);

// Which checkpoints stay.
struct Retention {
  int64_t keep_last = 1;            // the newest so many, at least one
  int64_t keep_every = 0;           // those of every so many steps, for ever; 0: none for this reason
  std::vector<int64_t> keep_steps;  // and these
};
// Retires the others (renamed away first) and what a killed process left half-removed. Disk trouble is a warning: the
// next call tries again. RunError("run.fenced") when fenced off: nothing is retired then.
void prune_checkpoints(const Fence& fence, const std::string& root, const Retention& retention);

}  // namespace broadsheet
