#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "checkpoints/folders.h"
#include "checkpoints/json_file.h"
#include "checkpoints/manifest.h"
#include "checkpoints/snapshot.h"
#include "core/checksum.h"
#include "core/durable.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/text.h"

namespace broadsheet {
namespace {

using nlohmann::json;

constexpr uint64_t kMaxCopyBytes = uint64_t{1} << 30;

// Renames the checkpoint into the attempt's own folder, then removes it: a half-removed one never has a checkpoint's
// name, and an attempt that was fenced off has no folder to rename into.
void retire(const Fence& fence, const std::string& root, const std::string& name) {
  const std::string retired = cat(fence.folder(), "/", name, ".retired");
  if (exists(retired)) remove_tree(retired);
  try {
    rename_durably(cat(root, "/", name), retired);
  } catch (const RunError&) {
    fence.check();
    throw;
  }
  remove_tree(retired);
}

bool is_whole(const std::string& folder) {
  try {
    return verify_checkpoint(open_checkpoint(folder)).empty();
  } catch (const UserError& error) {
    log_warning(error.what());
    return false;
  }
}

// What earlier versions of this program left behind beside the checkpoints.
bool is_old_leftover(const std::string& name) {
  return starts_with(name, ".step-") && (ends_with(name, ".writing") || ends_with(name, ".retired"));
}

}  // namespace

CheckpointWriter::CheckpointWriter(Fence fence, std::string root, int64_t step)
    : fence_(std::move(fence)),
      root_(std::move(root)),
      folder_(cat(fence_.folder(), "/", step_name(step))),
      step_(step) {}

CheckpointWriter CheckpointWriter::open(const Fence& fence, const std::string& root, int64_t step) {
  BROADSHEET_ASSERT(step >= 0);
  CheckpointWriter writer(fence, root, step);
  // Not with its parents: where the attempt's folder is gone, this attempt has nothing to write any more.
  if (::mkdir(writer.folder_.c_str(), 0777) != 0 && errno != EEXIST) {
    const int error = errno;
    fence.check();
    throw RunError("io.mkdir", cat("cannot create ", writer.folder_, ": ", std::strerror(error)));
  }
  return writer;
}

PartRecord CheckpointWriter::write_tensors(const std::string& file, const std::vector<TensorView>& tensors,
                                           std::map<std::string, std::string> metadata) {
  BROADSHEET_ASSERT(is_plain_file_name(file) && file != kManifestFile);
  metadata.emplace("format", "pt");
  const WrittenFile written = write_safetensors(cat(folder_, "/", file), tensors, metadata);
  return {file, written.size, written.xxh3};
}

PartRecord CheckpointWriter::write_text(const std::string& file, std::string_view text) {
  BROADSHEET_ASSERT(is_plain_file_name(file) && file != kManifestFile);
  DurableFile out(cat(folder_, "/", file));
  out.write(text);
  out.close();
  return {file, text.size(), xxh3_hex(text)};
}

PartRecord CheckpointWriter::write_json(const std::string& file, const json& value) {
  return write_text(file, value.dump(2) + "\n");
}

PartRecord CheckpointWriter::copy_file(const std::string& from, const std::string& file) {
  return write_text(file, read_file(from, kMaxCopyBytes));
}

bool CheckpointWriter::link_part(const std::string& from, const PartRecord& part) {
  BROADSHEET_ASSERT(is_plain_file_name(part.file) && part.file != kManifestFile);
  const std::string source = cat(from, "/", part.file), target = cat(folder_, "/", part.file);
  return check_part(from, part).empty() && ::link(source.c_str(), target.c_str()) == 0;
}

void CheckpointWriter::commit(const std::vector<PartRecord>& parts, const json& summary) {
  std::set<std::string> names;
  for (const PartRecord& part : parts) {
    BROADSHEET_ASSERT(is_plain_file_name(part.file) && names.insert(part.file).second);
    const std::string fault = check_part(folder_, part);
    if (fault.empty()) continue;
    fence_.check();
    throw RunError("checkpoint.part", "a part of the checkpoint is not on disk: " + fault);
  }
  {
    DurableFile manifest(cat(folder_, "/", kManifestFile));
    manifest.write(manifest_text(step_, parts, summary));
    manifest.close();
  }
  sync_folder(folder_);
  const std::string name = step_name(step_), target = cat(root_, "/", name);
  if (exists(target)) {
    if (is_whole(target)) {
      discard();
      return;
    }
    log_warning(cat("replacing the damaged checkpoint ", target));
    retire(fence_, root_, name);
  }
  fence_.publish(name, target);
}

void CheckpointWriter::discard() const {
  remove_tree(folder_);
}

void prune_checkpoints(const Fence& fence, const std::string& root, const Retention& retention) {
  try {
    std::vector<CheckpointInfo> found = list_checkpoints(root);
    const size_t newest = std::min(found.size(), static_cast<size_t>(std::max<int64_t>(retention.keep_last, 1)));
    found.resize(found.size() - newest);
    const std::vector<int64_t>& kept = retention.keep_steps;
    for (const CheckpointInfo& checkpoint : found) {
      const bool for_ever = retention.keep_every > 0 && checkpoint.step % retention.keep_every == 0;
      if (for_ever || std::find(kept.begin(), kept.end(), checkpoint.step) != kept.end()) continue;
      retire(fence, root, step_name(checkpoint.step));
    }
    for (const std::string& name : names_in(root)) {
      if (is_old_leftover(name)) remove_tree(cat(root, "/", name));
    }
  } catch (const RunError& error) {
    fence.check();
    log_warning(cat("old checkpoints could not be removed: ", error.what()));
  }
}

}  // namespace broadsheet
