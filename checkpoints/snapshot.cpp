#include "checkpoints/snapshot.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>

#include "checkpoints/folders.h"
#include "checkpoints/json_file.h"
#include "checkpoints/manifest.h"
#include "core/checksum.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/path.h"
#include "core/text.h"

namespace broadsheet {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr uint64_t kMaxStateBytes = uint64_t{256} << 20;

}  // namespace

std::string step_name(int64_t step) {
  char name[40];
  std::snprintf(name, sizeof name, "step-%08lld", static_cast<long long>(step));
  return name;
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    throw RunError("io.list", cat("cannot list ", folder, ": ", error.message()));
  }
  std::sort(names.begin(), names.end());
  return names;
}

// The step in "step-00000120", or -1 for any other name.
int64_t step_of(std::string_view name) {
  if (!starts_with(name, "step-")) return -1;
  name.remove_prefix(5);
  int64_t step = -1;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), step);
  const bool whole = error == std::errc() && end == name.data() + name.size() && step >= 0;
  return whole && step_name(step) == cat("step-", name) ? step : -1;
}

void remove_tree(const std::string& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) log_warning(cat("cannot remove ", path, ": ", error.message(), "; it will be tried again"));
}

std::string check_part(const std::string& folder, const PartRecord& part) {
  const std::string path = cat(folder, "/", part.file);
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return cat(path, ": missing");
  if (!S_ISREG(status.st_mode)) return cat(path, ": not a regular file");
  const auto size = static_cast<uint64_t>(status.st_size);
  if (size < part.size) return cat(path, ": ends at byte ", size, ", the manifest says ", part.size);
  if (size > part.size) return cat(path, ": has ", size, " bytes, the manifest says ", part.size);
  return "";
}

CheckpointInfo open_checkpoint(const std::string& folder) {
  CheckpointInfo info{folder, 0, read_manifest(cat(folder, "/", kManifestFile))};
  info.step = info.manifest.at("step").get<int64_t>();
  const int64_t named = step_of(file_name(folder));
  if (named >= 0 && named != info.step) {
    throw UserError(Fault{"checkpoint.damaged",
                          {cat(folder, "/", kManifestFile)},
                          "",
                          cat("belongs to step ", info.step, ", the folder is named for step ", named),
                          "restore the folder's name or remove it"});
  }
  return info;
}

json read_json_part(const CheckpointInfo& checkpoint, const std::string& file) {
  return read_json_object(cat(checkpoint.folder, "/", file), "checkpoint.damaged", kMaxStateBytes);
}

std::vector<CheckpointInfo> list_checkpoints(const std::string& root, std::vector<std::string>* faults) {
  std::vector<CheckpointInfo> found;
  for (const std::string& name : names_in(root)) {
    if (step_of(name) < 0) continue;
    const std::string folder = cat(root, "/", name);
    try {
      found.push_back(open_checkpoint(folder));
    } catch (const UserError& error) {
      const std::string text = cat("damaged checkpoint ", folder, ": ", error.what());
      if (faults != nullptr) {
        faults->push_back(text);
      } else {
        log_warning(text);
      }
    }
  }
  std::sort(found.begin(), found.end(),
            [](const CheckpointInfo& a, const CheckpointInfo& b) { return a.step < b.step; });
  return found;
}

namespace {

// Of the kind that `like` is.
std::string sum_of_file(const std::string& path, const std::string& like) {
  constexpr size_t kSha256Digits = 64;
  return like.size() == kSha256Digits ? sha256_file(path) : xxh3_file(path);
}

}  // namespace

std::vector<PartRecord> checkpoint_parts(const CheckpointInfo& checkpoint) {
  return manifest_parts(checkpoint.manifest);
}

std::vector<std::string> verify_checkpoint(const CheckpointInfo& checkpoint, int rank, int world) {
  std::vector<std::string> faults;
  try {
    read_manifest(cat(checkpoint.folder, "/", kManifestFile));
  } catch (const UserError& error) {
    faults.push_back(error.what());
  }
  const std::vector<PartRecord> parts = manifest_parts(checkpoint.manifest);
  for (size_t i = static_cast<size_t>(rank); i < parts.size(); i += static_cast<size_t>(world)) {
    const PartRecord& part = parts[i];
    std::string fault = check_part(checkpoint.folder, part);
    if (fault.empty()) {
      const std::string path = cat(checkpoint.folder, "/", part.file);
      try {
        if (sum_of_file(path, part.sum) != part.sum) fault = cat(path, ": its checksum differs from the manifest's");
      } catch (const RunError& error) {
        fault = error.what();
      }
    }
    if (!fault.empty()) faults.push_back(fault);
  }
  return faults;
}

std::optional<CheckpointInfo> newest_whole_checkpoint(const std::string& root) {
  std::vector<std::string> damaged;
  std::vector<CheckpointInfo> found = list_checkpoints(root, &damaged);
  for (const std::string& text : damaged) log_warning(text);
  for (auto checkpoint = found.rbegin(); checkpoint != found.rend(); ++checkpoint) {
    const std::vector<std::string> faults = verify_checkpoint(*checkpoint);
    if (faults.empty()) return std::move(*checkpoint);
    damaged.push_back(cat("damaged checkpoint ", checkpoint->folder, ": ", join(faults, "; ")));
    log_warning(damaged.back() + "; passed over");
  }
  if (damaged.empty()) return std::nullopt;
  throw_all_damaged(root, damaged);
}

void throw_all_damaged(const std::string& root, const std::vector<std::string>& damaged) {
  throw UserError(Fault{"checkpoint.all_damaged",
                        {root},
                        "",
                        cat("none of the ", damaged.size(), " checkpoints is whole: ", join(damaged, "; ")),
                        "restore one from a copy, or start anew with --fresh"});
}

}  // namespace broadsheet
