// What a corpus remembers of the documents of a shard, so that later days drop what equals or resembles one of them:
// seen-<shard>, an HDF5 file beside the shard whose row d is document d of it (docs/corpus_format.md). Readers of the
// corpus do without.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/corpus_config.h"
#include "data/duplicates.h"

namespace broadsheet {

struct SeenDocuments {
  int64_t documents = 0;
  std::vector<Hash128> hashes;           // [documents], or empty: duplicates may stay
  std::vector<uint64_t> bands;           // [documents x bands], or empty: near-duplicates may stay
  std::vector<uint32_t> shingles;        // of all documents, each's ascending
  std::vector<int64_t> shingle_offsets;  // [documents + 1], or empty
};

// Whether there is anything to remember.
bool remembers(const CleanConfig& clean);
// "train-00000.h5" -> "seen-train-00000.h5"
std::string seen_name(const std::string& shard);
// Writes and syncs a new file, which ChunkView reads. The bytes depend on the documents alone. RunError("io.hdf5").
void write_seen(const std::string& path, const SeenDocuments& seen);

}  // namespace broadsheet
