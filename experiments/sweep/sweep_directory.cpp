#include "experiments/sweep/sweep_directory.h"

#include <algorithm>
#include <map>

#include "core/errors.h"
#include "core/log.h"
#include "core/path.h"
#include "core/text.h"
#include "experiments/own_folder.h"

namespace broadsheet {
namespace {

constexpr uint64_t kMostConfig = 16 << 20;
constexpr const char* kMayChange[] = {"trials", "concurrency", "on", "budget", "keep_best", "max_failures", "run"};

// The text of every top-level key of a block YAML.
std::map<std::string, std::string> blocks_of(const std::string& yaml) {
  std::map<std::string, std::string> blocks;
  std::string key;
  for (const std::string& line : split(yaml, '\n')) {
    if (line.empty()) continue;
    if (line[0] != ' ' && line[0] != '-') key = line.substr(0, line.find(':'));
    blocks[key] += line + "\n";
  }
  return blocks;
}

std::vector<std::string> changed_keys(const std::string& before, const std::string& after) {
  const auto old_blocks = blocks_of(before), new_blocks = blocks_of(after);
  std::vector<std::string> keys;
  for (const auto& [key, text] : old_blocks) {
    const auto found = new_blocks.find(key);
    if (found == new_blocks.end() || found->second != text) keys.push_back(key);
  }
  for (const auto& [key, text] : new_blocks)
    if (old_blocks.count(key) == 0) keys.push_back(key);
  return keys;
}

std::string free_folder_beside(const std::string& folder) {
  if (!exists(folder)) return folder;
  for (int number = 2;; ++number) {
    const std::string place = cat(folder, "-", number);
    if (!exists(place)) return place;
  }
}

}  // namespace

bool is_sweep_folder(const std::string& folder) {
  return exists(folder + "/sweep.yaml") && exists(folder + "/journal");
}

SweepDirectory SweepDirectory::open(const Sweep& sweep, const std::string& folder, RunChoice choice,
                                    const Incarnation& incarnation) {
  if (choice.fresh && choice.resume)
    throw UserError("usage.fresh_and_resume", "--fresh and --resume exclude each other", "give one of them");
  const std::string place = choice.fresh ? free_folder_beside(folder) : folder;
  if (exists(place + "/run.yaml"))
    throw UserError("sweep.is_run", cat(place, ": this is the directory of a run"), "give the sweep another name");
  check_own_folder(place);
  make_own_folder(place);
  SweepDirectory directory(place);
  directory.lock_ = std::make_unique<FolderLock>(FolderLock::acquire(place + "/lock", incarnation));
  const std::string sweep_file = place + "/sweep.yaml", base_file = place + "/base.yaml";
  const std::string sweep_text = to_yaml(sweep.config), base_text = to_yaml(sweep.base);
  if (exists(sweep_file) && exists(base_file)) {
    std::vector<std::string> keys = changed_keys(read_file(sweep_file, kMostConfig), sweep_text);
    const bool allowed = std::all_of(keys.begin(), keys.end(), [](const std::string& key) {
      return std::find(std::begin(kMayChange), std::end(kMayChange), key) != std::end(kMayChange);
    });
    std::vector<std::string> of_run = changed_keys(read_file(base_file, kMostConfig), base_text);
    for (std::string& key : of_run) key = "of the run file: " + key;
    if ((!keys.empty() && (!choice.resume || !allowed)) || !of_run.empty()) {
      keys.insert(keys.end(), of_run.begin(), of_run.end());
      throw UserError(
          "sweep.changed",
          cat(place, ": this directory holds a sweep of another file; it differs in\n  ", join(keys, "\n  ")),
          allowed && of_run.empty() ? "--resume goes on with the new values, --fresh starts anew beside it"
                                    : "--fresh starts anew beside it; or undo the changes");
    }
    directory.changed_ = !keys.empty();
    if (keys.empty()) return directory;
    log_info(cat("going on with other values of ", join(keys, ", ")));
  }
  write_file_durably(base_file, base_text);
  write_file_durably(sweep_file, sweep_text);
  return directory;
}

Sweep SweepDirectory::read(const std::string& folder) {
  if (!is_sweep_folder(folder))
    throw UserError("sweep.not_found", cat(folder, ": this is no sweep's directory"), "name <runs_dir>/<sweep>");
  return load_sweep(folder + "/sweep.yaml", {{"run", folder + "/base.yaml"}});
}

}  // namespace broadsheet
