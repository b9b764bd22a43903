// Exact duplicates over all chunks, in bounded memory: the hashes are searched in parts that nobody else needs to know
// of.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace broadsheet {

struct ChunkPlace {
  std::string path;
  int64_t first_document = 0;  // number of its first document over all chunks, in the order of the sources
  int64_t documents = 0;
};

// How many parts there are for so many documents: each holds about kDocumentsPerPart of 24 bytes.
inline constexpr int64_t kDocumentsPerPart = 8 << 20;
int64_t duplicate_parts(int64_t documents);

// Numbers of the documents whose hash lies in `part` and equals an earlier document's, ascending.
std::vector<int64_t> find_duplicates(const std::vector<ChunkPlace>& chunks, size_t fields, int64_t part, int64_t parts);

}  // namespace broadsheet
