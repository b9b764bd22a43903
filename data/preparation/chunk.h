// Documents between being read and being written: what a piece of the sources has given, converted, tokenised and with
// all that decides whether and where each is kept. A piece has one chunk or, when it is a large file that cannot be
// cut, several: memory is bounded by a chunk's.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/duplicates.h"
#include "data/mapped_file.h"
#include "data/shard_file.h"

namespace broadsheet {

struct Chunk {
  std::vector<ShardColumn> columns;  // one per field; a label whose classes are found: numbers in `classes`
  std::vector<std::vector<std::string>> classes;  // by field: names in the order in which this chunk met them
  std::vector<int64_t> lines;                     // [documents] in the piece, from 1
  std::vector<Hash128> hashes;                    // [documents] of the texts; empty: duplicates may stay
  std::vector<uint64_t> bands;                    // [documents x bands] of the signatures; empty: not looked for
  std::vector<uint32_t> shingles;                 // of all documents, each's ascending
  std::vector<int64_t> shingle_offsets;           // [documents + 1], or empty
  std::vector<uint8_t> splits;                    // [documents] Split
  std::vector<double> draws;                      // [documents] in [0, 1), of a stratified split; else empty
  std::vector<int64_t> sizes;                     // [documents] what each counts against shard_tokens

  int64_t documents() const { return static_cast<int64_t>(lines.size()); }
};

// A file of named arrays behind a JSON text that says where they lie. Not durable and without a checksum of its own:
// who relies on it after a crash compares the one that is returned (XXH3).
std::string write_chunk(const std::string& path, const Chunk& chunk);

// A chunk, mapped. RunError("prepare.chunk") when the file is not one.
class ChunkView {
 public:
  ChunkView(const std::string& path, size_t fields);
  // What a corpus remembers of a shard's documents (data/preparation/seen_file.h): hashes, bands and shingles alone.
  // UserError("corpus.seen") when the file is none.
  explicit ChunkView(const std::string& seen_file);

  struct Column {
    TokenIds tokens;
    std::string_view bytes;
    std::span<const int64_t> offsets, items;
    std::span<const int32_t> labels;
    std::span<const double> numbers;
    std::vector<std::string> classes;
  };
  std::vector<Column> columns;
  std::span<const int64_t> lines, sizes;
  std::span<const Hash128> hashes;
  std::span<const uint64_t> bands;
  std::span<const uint32_t> shingles;
  std::span<const int64_t> shingle_offsets;
  std::span<const uint8_t> splits;
  std::span<const double> draws;

  void forget() const { file_.forget(); }

 private:
  void view_signatures(const nlohmann::json& arrays, std::string_view body);

  MappedFile file_;
};

}  // namespace broadsheet
