// Manifest: corpus.json, the one file that makes a folder a corpus. It is written last and lists every other file with
// its size and checksum. Its own SHA-256 is the corpus's fingerprint. Format: docs/corpus_format.md.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/corpus_config.h"
#include "data/shard_file.h"
#include "data/shards.h"

namespace broadsheet {

inline constexpr const char* kManifestName = "corpus.json";

// Documents that follow one another and come from one of corpus.yaml's sources.
struct SourceRun {
  int64_t source = 0, documents = 0;
};

struct ManifestShard {
  std::string file;
  int64_t documents = 0;
  std::vector<SourceRun> sources;  // only where the sources have weights
  ShardLayout layout;
};

struct ManifestSplit {
  int64_t documents = 0;
  std::map<std::string, int64_t> tokens;  // by text field
  std::vector<ManifestShard> shards;
};

struct ManifestFile {
  uint64_t size = 0;
  std::string sha256;
};

struct Manifest {
  std::string name;
  std::string tokenizer_fingerprint;
  int32_t vocab_size = 0;
  std::vector<FieldInfo> fields;  // in the order of the configuration (by name)
  std::map<std::string, ManifestSplit> splits;
  std::map<std::string, ManifestFile> files;  // by name relative to the folder
  nlohmann::json counts;                      // PrepareReport
  nlohmann::json configuration;  // what the corpus was made from: no absolute path, so that a moved source is the same
  std::vector<int64_t> weights;  // of the configuration's sources, whole (data/mixture.h); empty: they have none
  nlohmann::json sources;        // [{name, size, sha256, format, licence, origin}]

  std::string dump() const;  // the bytes of corpus.json
  // UserError("corpus.missing", "corpus.manifest", "corpus.version") naming the file. Nothing in it is trusted: names
  // stay inside the folder, counts are not negative and add up.
  static Manifest load(const std::string& folder);
  std::string fingerprint;  // filled by load
};

// The part of a configuration that decides what a corpus contains.
nlohmann::json corpus_configuration(const CorpusConfig& config);
FieldKind kind_from_name(const std::string& name);  // UserError when it is none

}  // namespace broadsheet
