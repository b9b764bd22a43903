#include "data/sources.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "core/checksum.h"
#include "core/errors.h"
#include "core/path.h"
#include "core/text.h"
#include "data/importers/importer.h"
#include "data/standard_input.h"

namespace broadsheet {
std::vector<SourceFile> list_sources(const CorpusConfig& config) {
  std::vector<SourceFile> files;
  for (const SourceConfig& source : config.sources)
    for (std::string& path : expand_files(source.files, source.format)) {
      if (is_standard_input(path)) {
        files.push_back({kStandardInput, kStandardInput, &source, 0, {}, 0});
        continue;
      }
      struct stat status {};
      if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode))
        throw UserError("corpus.no_file", cat(path, ": is not a readable file"), "check sources: files:");
      if (::access(path.c_str(), R_OK) != 0)
        throw UserError("corpus.no_file", cat(path, ": cannot be read: ", std::strerror(errno)),
                        "let the user that prepares read it");
      std::string name = is_spooled_input(path) ? kStandardInput : "";
      files.push_back({std::move(path), std::move(name), &source, status.st_size, status.st_mtim, status.st_ino});
    }
  if (files.empty()) throw UserError("corpus.no_file", "no sources are named", "add sources: [{files: …, format: …}]");
  std::optional<std::string> shared;
  for (const SourceFile& file : files) {
    if (file.name == kStandardInput) continue;
    if (!shared) shared = parent_folder(file.path) + "/";
    while (!starts_with(file.path, *shared)) {
      shared->pop_back();
      shared->resize(shared->find_last_of('/') == std::string::npos ? 0 : shared->find_last_of('/') + 1);
    }
  }
  for (SourceFile& file : files)
    if (file.name != kStandardInput) file.name = file.path.substr(shared->size());
  return files;
}

std::string name_files(const std::vector<SourceFile>& files, const SourceConfig* only) {
  std::vector<std::string> paths;
  for (const SourceFile& file : files)
    if (only == nullptr || file.source == only)
      paths.push_back(file.name == kStandardInput ? "standard input" : file.path);
  if (paths.empty()) return "";
  return paths.size() == 1 ? paths[0] : cat(paths[0], " and ", paths.size() - 1, " more");
}

nlohmann::json describe_source(const SourceFile& file, const std::string& sha256) {
  return {{"name", file.name},
          {"size", file.size},
          {"sha256", sha256},
          {"licence", file.source->licence},
          {"origin", file.source->origin}};
}

nlohmann::json describe_sources(const std::vector<SourceFile>& files) {
  nlohmann::json json = nlohmann::json::array();
  for (const SourceFile& file : files) json.push_back(describe_source(file, sha256_file(file.path)));
  return json;
}

void check_unchanged(const std::vector<SourceFile>& files) {
  for (const SourceFile& file : files) {
    struct stat status {};
    const bool same = ::stat(file.path.c_str(), &status) == 0 && status.st_size == file.size &&
                      status.st_ino == file.inode && status.st_mtim.tv_sec == file.modified.tv_sec &&
                      status.st_mtim.tv_nsec == file.modified.tv_nsec;
    if (!same)
      throw RunError("io.changed", cat(file.path, ": somebody changed it while it was read"),
                     "prepare again when nobody writes there");
  }
}

}  // namespace broadsheet
