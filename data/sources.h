// The source files of a corpus.
#pragma once

#include <cstdint>
#include <ctime>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/corpus_config.h"

namespace broadsheet {

struct SourceFile {
  std::string path;
  std::string name;  // below the folder that all sources share: the corpus does not depend on where that is
  const SourceConfig* source = nullptr;
  int64_t size = 0;
  timespec modified{};
  uint64_t inode = 0;
};

// Every file of every source, in order. UserError("corpus.no_file") for what is not there
// or may not be read. Points into `config`.
std::vector<SourceFile> list_sources(const CorpusConfig& config);
// "a.csv and 3 more", for messages: all of them, or those of one source.
std::string name_files(const std::vector<SourceFile>& files, const SourceConfig* only = nullptr);
// {name, size, sha256, licence, origin}, as in the manifest.
nlohmann::json describe_source(const SourceFile& file, const std::string& sha256);
// The same of all of them. Reads every byte.
nlohmann::json describe_sources(const std::vector<SourceFile>& files);
// RunError("io.changed") when a file is not any more what list_sources found: what was read of it is then neither the
// old nor the new one, and the checksum in the manifest may be of another.
void check_unchanged(const std::vector<SourceFile>& files);

}  // namespace broadsheet
