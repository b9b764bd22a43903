#include "data/preparation/corpus_switch.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <regex>
#include <vector>

#include "core/durable.h"
#include "core/errors.h"
#include "core/text.h"
#include "data/preparation/scratch.h"

namespace broadsheet {
namespace {

bool is_ours(const std::string& name) {
  static const std::regex kOurs(
      R"((seen-)?(train|validation|test)-[0-9]+(\.[0-9]+)?\.h5|rejected(\.[0-9]+)?\.jsonl|\.corpus\.json\..*\.writing)");
  return std::regex_match(name, kOurs);
}

}  // namespace

std::string next_revision(const std::string& name) {
  const size_t ending = name.rfind('.');
  const size_t middle = ending == 0 || ending == std::string::npos ? std::string::npos : name.rfind('.', ending - 1);
  int64_t revision = 0;
  if (middle != std::string::npos) std::from_chars(&name[middle + 1], &name[ending], revision);
  return cat(name.substr(0, std::min(middle, ending)), ".", revision + 1, name.substr(ending));
}

void switch_corpus(const std::string& staged, const std::string& folder) {
  const Manifest manifest = Manifest::load(staged);
  for (const auto& [name, file] : manifest.files) {
    const std::string from = staged + "/" + name, to = folder + "/" + name;
    if (exists(from)) {
      rename_over(from, to);
    } else if (!exists(to)) {
      throw RunError("prepare.switch", cat(to, ": is missing"),
                     cat("see what else is: broadsheet verify ", folder, "; copy the corpus again, or make it anew"));
    }
  }
  sync_folder(folder);
  rename_durably(staged + "/" + kManifestName, folder + "/" + kManifestName);
  remove_leftovers(folder, manifest);
}

void remove_leftovers(const std::string& folder, const Manifest& manifest) {
  std::vector<std::filesystem::path> leftovers;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_regular_file() && is_ours(name) && manifest.files.count(name) == 0) leftovers.push_back(entry.path());
  }
  for (const auto& file : leftovers) std::filesystem::remove(file);
  if (!leftovers.empty()) sync_folder(folder);
}

}  // namespace broadsheet
