// CorpusWriter: kept documents -> shards, split by split, in the order in which they come.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "data/field_reader.h"
#include "data/manifest.h"
#include "data/shard_file.h"
#include "data/shards.h"

namespace broadsheet {

// Memory: at most one shard of each split (about `shard_tokens` ids of 4 bytes, and as many bytes of other fields).
class CorpusWriter {
 public:
  CorpusWriter(std::string folder, const FieldReader& fields, std::string tokenizer_fingerprint, int64_t shard_tokens);

  // `tokens`: one list per field of kind text, in the order of the fields, untruncated and without special tokens.
  void add(Split split, const Row& row, const std::vector<std::vector<int32_t>>& tokens, const SourcePlace& place);
  // Writes what is left, numbers the classes that were found, and fills fields, splits and files of the manifest.
  void finish(Manifest& manifest);

  int64_t documents(Split split) const { return parts_[static_cast<size_t>(split)].listed.documents; }
  int64_t total_tokens() const { return total_tokens_; }

 private:
  struct Part {
    ShardData open;
    int64_t size = 0;  // what counts against shard_tokens
    ManifestSplit listed;
  };
  // Classes in the order of their first appearance; sorted by finish().
  struct FoundClasses {
    std::map<std::string, int32_t> ids;
  };

  void start(Part& part, Split split);
  void flush(Part& part, Split split);
  int32_t class_id(size_t field, const std::string& name);
  void settle_classes(Manifest& manifest);

  std::string folder_;
  const FieldReader& fields_;
  std::string tokenizer_fingerprint_;
  int64_t shard_tokens_;
  int64_t total_tokens_ = 0;
  std::array<Part, 3> parts_;
  std::map<size_t, FoundClasses> found_;  // by field
};

}  // namespace broadsheet
