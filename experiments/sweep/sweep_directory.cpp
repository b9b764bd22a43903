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
constexpr char kSweepFile[] = "/sweep.yaml", kBaseFile[] = "/base.yaml";
constexpr const char* kMayChange[] = {"trials",
                                      "concurrency",
                                      "on",
                                      "budget",
                                      "keep_best",
                                      "max_failures",
                                      "of the run file: launch",
                                      "of the run file: slurm"};

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

bool holds_sweep(const std::string& place) {
  return exists(place + kSweepFile) && exists(place + kBaseFile);
}

std::string free_folder_beside(const std::string& folder) {
  if (!exists(folder)) return folder;
  for (int number = 2;; ++number) {
    const std::string place = cat(folder, "-", number);
    if (!exists(place)) return place;
  }
}

std::string place_for(const std::string& folder, RunChoice choice) {
  if (choice.fresh && choice.resume)
    throw UserError("usage.fresh_and_resume", "--fresh and --resume exclude each other", "give one of them");
  const std::string place = choice.fresh ? free_folder_beside(folder) : folder;
  if (exists(place + "/run.yaml"))
    throw UserError("sweep.is_run", cat(place, ": this is the directory of a run"), "give the sweep another name");
  check_own_folder(place);
  return place;
}

// The keys in which the sweep that `place` holds differs; empty: none, or it holds none. Refuses what must not differ.
std::vector<std::string> allowed_changes(const Sweep& sweep, const std::string& place, RunChoice choice) {
  if (!holds_sweep(place)) return {};
  std::vector<std::string> keys = changed_keys(read_file(place + kSweepFile, kMostConfig), to_yaml(sweep.config));
  // What the run file says is compared, not where it lies.
  keys.erase(std::remove(keys.begin(), keys.end(), "run"), keys.end());
  for (const std::string& key : changed_keys(read_file(place + kBaseFile, kMostConfig), to_yaml(sweep.base)))
    keys.push_back("of the run file: " + key);
  const bool allowed = std::all_of(keys.begin(), keys.end(), [](const std::string& key) {
    return std::find(std::begin(kMayChange), std::end(kMayChange), key) != std::end(kMayChange);
  });
  if (keys.empty() || (choice.resume && allowed)) return keys;
  throw UserError("sweep.changed",
                  cat(place, ": this directory holds a sweep of another file; it differs in\n  ", join(keys, "\n  ")),
                  allowed ? "--resume goes on with the new values, --fresh starts anew beside it"
                          : "--fresh starts anew beside it; or undo the changes");
}

}  // namespace

bool is_sweep_folder(const std::string& folder) {
  return exists(folder + "/sweep.yaml") && exists(folder + "/journal");
}

std::string SweepDirectory::place_of(const Sweep& sweep, const std::string& folder, RunChoice choice) {
  const std::string place = place_for(folder, choice);
  allowed_changes(sweep, place, choice);
  return place;
}

SweepDirectory SweepDirectory::open(const Sweep& sweep, const std::string& folder, RunChoice choice,
                                    const Incarnation& incarnation) {
  const std::string place = place_for(folder, choice);
  make_own_folder(place);
  SweepDirectory directory(place);
  directory.lock_ = std::make_unique<FolderLock>(FolderLock::acquire(place + "/lock", incarnation));
  const std::vector<std::string> keys = allowed_changes(sweep, place, choice);
  directory.changed_ = !keys.empty();
  if (keys.empty() && holds_sweep(place)) return directory;
  if (!keys.empty()) log_info(cat("going on with other values of ", join(keys, ", ")));
  write_file_durably(place + kBaseFile, to_yaml(sweep.base));
  write_file_durably(place + kSweepFile, to_yaml(sweep.config));
  return directory;
}

Sweep SweepDirectory::read(const std::string& folder) {
  if (!is_sweep_folder(folder))
    throw UserError("sweep.not_found", cat(folder, ": this is no sweep's directory"), "name <runs_dir>/<sweep>");
  return load_sweep(folder + "/sweep.yaml", {{"run", folder + "/base.yaml"}});
}

}  // namespace broadsheet
