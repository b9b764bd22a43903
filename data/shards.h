// ShardSet: a prepared corpus, read. The format (HDF5, version 2) is described in docs/corpus_format.md.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "data/corpus_config.h"
#include "data/example_range.h"
#include "data/token_ids.h"

namespace broadsheet {

enum class Split { kTrain, kValidation, kTest };
inline constexpr std::array<Split, 3> kAllSplits = {Split::kTrain, Split::kValidation, Split::kTest};
const char* split_name(Split split);             // "train", "validation", "test"
Split split_from_name(const std::string& name);  // UserError when it is none of them

struct FieldInfo {
  std::string name;
  FieldKind kind = FieldKind::kText;
  std::vector<std::string> classes;  // label, labels, tags: names by id
};

// A corpus opened for reading: cheap to open (no token is read), random access to any document in O(1), thread-safe.
// Documents of a split are numbered 0..size(split)-1 over all its shards, in the order in which prepare wrote them.
class ShardSet {
 public:
  // Throws UserError ("corpus.*"): no corpus.json, unknown format version, a shard whose size differs from the manifest
  // (verify_corpus checks every byte), offsets that do not ascend or point outside.
  static std::shared_ptr<const ShardSet> open(const std::string& folder);
  virtual ~ShardSet() = default;

  virtual const std::string& folder() const = 0;
  virtual const std::string& name() const = 0;
  // SHA-256 over the manifest: names the exact bytes of the corpus. Part of the sample order's key and of a checkpoint.
  virtual const std::string& fingerprint() const = 0;
  virtual const std::string& tokenizer_fingerprint() const = 0;
  // Whether the tokenizer's files in that folder are, byte for byte, those that cut this corpus: a comparison of
  // checksums, where reading a tokenizer takes a hundred times as long. When they are not, the fingerprints may still
  // be equal.
  virtual bool has_tokenizer_of(const std::string& /*tokenizer_folder*/) const { return false; }
  virtual const std::vector<FieldInfo>& fields() const = 0;
  const FieldInfo& field(const std::string& name) const;  // UserError "corpus.no_field" with the nearest name

  virtual int64_t size(Split split) const = 0;
  // The document that an example was cut from (data/long_documents.h); its pieces follow one another.
  virtual int64_t document_of(Split /*split*/, int64_t example) const { return example; }
  // Where corpus.yaml gives the sources weights: by source, whose the documents of a split are. Else empty.
  virtual std::vector<SourceShare> source_shares(Split /*split*/) const { return {}; }
  // These documents' texts will be read soon: the system may begin. Changes nothing else.
  virtual void read_ahead(Split /*split*/, const std::string& /*text_field*/, ExampleRange /*documents*/) const {}
  virtual int64_t total_tokens(Split split, const std::string& text_field) const = 0;
  // Token ids of a text field of one document: untruncated, without special tokens. Valid while the set lives.
  virtual TokenIds tokens(Split split, const std::string& text_field, int64_t document) const = 0;
  // How many tokens() gives, without reading them.
  virtual int64_t token_count(Split split, const std::string& text_field, int64_t document) const {
    return static_cast<int64_t>(tokens(split, text_field, document).size());
  }
  virtual int32_t label(Split split, const std::string& label_field, int64_t document) const = 0;  // class id
  // Ids of classes: labels ascending, each once; tags in their order. Empty where they are missing.
  virtual std::vector<int32_t> labels(Split split, const std::string& field, int64_t document) const = 0;
  virtual std::vector<std::string> list(Split split, const std::string& field, int64_t document) const = 0;
  virtual double number(Split split, const std::string& field, int64_t document) const = 0;       // score, number, time
  virtual std::string string(Split split, const std::string& field, int64_t document) const = 0;  // id, group, category
};

}  // namespace broadsheet
