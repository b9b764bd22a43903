// The source files of a corpus, and the list of the records in them that were set aside.
#pragma once

#include <cstdint>
#include <ctime>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/durable.h"
#include "data/corpus_config.h"
#include "data/document.h"
#include "data/prepare.h"

namespace broadsheet {

struct SourceFile {
  std::string path;
  std::string name;  // below the folder that all sources share: the corpus does not depend on where that is
  const SourceConfig* source = nullptr;
  int64_t size = 0;
  timespec modified{};
  uint64_t inode = 0;
};

// Every file of every source, in order. UserError("corpus.no_file") for what is not there. Points into `config`.
std::vector<SourceFile> list_sources(const CorpusConfig& config);
// [{name, size, sha256, licence, origin}], as in the manifest. Reads every byte.
nlohmann::json describe_sources(const std::vector<SourceFile>& files);
// RunError("io.changed") when a file is not any more what list_sources found: what was read of it is then neither the
// old nor the new one, and the checksum in the manifest may be of another.
void check_unchanged(const std::vector<SourceFile>& files);

// rejected.jsonl: one line per record that was set aside, without its text.
class RejectLog {
 public:
  // `files` must outlive the log.
  RejectLog(const std::string& path, const std::vector<SourceFile>& files) : file_(path), files_(files) {}

  void add(const SourcePlace& place, const Rejection& rejection, PrepareReport& report);
  void close() { file_.close(); }
  // "path:line: reason" of the first few, for the error message.
  const std::vector<std::string>& first() const { return first_; }

 private:
  DurableFile file_;
  const std::vector<SourceFile>& files_;
  std::vector<std::string> first_;
};

}  // namespace broadsheet
