// One shard: an HDF5 file of flat, contiguous datasets (docs/corpus_format.md). shard_file.cpp writes it with HDF5;
// mapped_shard.cpp reads it without.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/corpus_config.h"
#include "data/mapped_file.h"
#include "data/token_ids.h"

namespace broadsheet {

// Datasets begin at multiples of this, so that they can be used where they are mapped.
inline constexpr uint64_t kShardAlignment = 8;

// Bumped when a reader of the old version could misread a file; old versions keep loading.
// 2: tokens may be 16 bits wide; fields of kind labels, tags and list.
inline constexpr int64_t kCorpusFormatVersion = 2;

// One field of a shard in memory. Which vectors are used depends on the kind.
struct ShardColumn {
  std::string name;
  FieldKind kind = FieldKind::kText;
  TokenList tokens;              // text: [tokens] ids of all documents, end to end
  std::string bytes;             // strings: UTF-8 of all documents, end to end; list: of all items
  std::vector<int64_t> offsets;  // [documents + 1] into tokens, bytes (strings), labels (labels, tags) or items (list)
  std::vector<int64_t> items;    // list: [items + 1] into bytes
  std::vector<int32_t> labels;   // label: [documents] class ids, -1: missing; labels, tags: of all documents
  std::vector<double> numbers;   // score, number, time: [documents], NaN: missing
};
// Without documents. Token ids are as wide as the vocabulary needs.
ShardColumn empty_column(const std::string& name, FieldKind kind, int64_t vocab_size);

struct ShardData {
  std::string split;
  std::string tokenizer_fingerprint;
  std::vector<ShardColumn> columns;
  std::vector<int32_t> source_files;  // [documents] number in the manifest's sources
  std::vector<int64_t> source_lines;  // [documents]

  int64_t documents() const { return static_cast<int64_t>(source_files.size()); }
};

// Where the datasets lie in a shard, as the manifest records it. With it a reader needs no HDF5, which must not be
// shown a damaged file: HDF5 1.10.8 then reads memory that it has freed (found by AddressSanitizer).
struct ShardLayout {
  struct Place {
    uint64_t offset = 0;  // bytes from the beginning of the file, a multiple of 8; 0 for an empty dataset
    uint64_t count = 0;   // elements
    uint64_t width = 0;   // bytes of one element
  };
  std::map<std::string, Place> datasets;  // by path: "fields/text/tokens"
  std::string structure;                  // SHA-256 over the bytes outside all datasets, in order
};

// Writes and syncs a new file. The bytes depend on the data alone. RunError("io.hdf5") when the disk refuses.
ShardLayout write_shard(const std::string& path, const ShardData& data);
// ShardLayout::structure of a file's bytes. UserError("corpus.shard") when datasets overlap or lie outside.
std::string shard_structure(const std::string& path, std::string_view bytes, const ShardLayout& layout);
// A shard, memory-mapped read-only. Checked when it is opened: size, layout against the file, structure (HDF5's own
// bytes, so that it is the very file that was written), and where offsets begin and end. Checked when they are asked
// for, so that opening costs nothing for each document: a document's own offsets and, by ShardSet, ids and labels.
class MappedShard {
 public:
  struct Column {
    TokenIds tokens;
    std::span<const char> bytes;
    std::span<const int64_t> offsets, items;
    std::span<const int32_t> labels;
    std::span<const double> numbers;
    size_t size = 0;  // of what the offsets point into: tokens, bytes, labels or items
  };
  struct Expected {
    std::vector<std::pair<std::string, FieldKind>> fields;
    ShardLayout layout;
    int64_t documents = 0;
    uint64_t size = 0;  // of the file, in bytes
  };

  // UserError("corpus.shard") that names the file.
  static std::unique_ptr<MappedShard> open(const std::string& path, const Expected& expected);

  int64_t documents() const { return documents_; }
  const Column& column(size_t field) const { return columns_[field]; }
  // Where [begin, end) the elements of one row lie, and the bytes of one item of a list. UserError("corpus.shard") when
  // they do not ascend.
  std::pair<size_t, size_t> bounds(const Column& column, size_t row) const;
  std::pair<size_t, size_t> item_bounds(const Column& column, size_t item) const;
  void check_offsets() const;  // all of them
  // Token ids of one row of a text column. RunError("io.read") as MappedFile::require_readable().
  TokenIds tokens(const Column& column, size_t row) const;
  std::span<const int32_t> source_files() const { return source_files_; }
  std::span<const int64_t> source_lines() const { return source_lines_; }

 private:
  explicit MappedShard(const std::string& path) : path_(path), file_(path) {}
  std::pair<size_t, size_t> between(std::span<const int64_t> offsets, size_t row, size_t end) const;

  std::string path_;
  MappedFile file_;
  int64_t documents_ = 0;
  std::vector<Column> columns_;
  std::span<const int32_t> source_files_;
  std::span<const int64_t> source_lines_;
};

}  // namespace broadsheet
