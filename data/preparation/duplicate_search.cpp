#include "data/preparation/duplicate_search.h"

#include <algorithm>

#include "data/preparation/chunk.h"

namespace broadsheet {
namespace {

struct Entry {
  Hash128 hash;
  int64_t document;
};

}  // namespace

int64_t duplicate_parts(int64_t documents) {
  return std::max<int64_t>(1, (documents + kDocumentsPerPart - 1) / kDocumentsPerPart);
}

std::vector<int64_t> find_duplicates(const std::vector<ChunkPlace>& chunks, size_t fields, int64_t part,
                                     int64_t parts) {
  std::vector<Entry> entries;
  for (const ChunkPlace& chunk : chunks) {
    if (chunk.documents == 0) continue;
    const ChunkView view(chunk.path, fields);
    for (size_t i = 0; i < view.hashes.size(); ++i)
      if (static_cast<int64_t>(view.hashes[i][0] % static_cast<uint64_t>(parts)) == part)
        entries.push_back({view.hashes[i], chunk.first_document + static_cast<int64_t>(i)});
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return a.hash != b.hash ? a.hash < b.hash : a.document < b.document;
  });
  std::vector<int64_t> duplicates;
  for (size_t i = 1; i < entries.size(); ++i)
    if (entries[i].hash == entries[i - 1].hash) duplicates.push_back(entries[i].document);
  std::sort(duplicates.begin(), duplicates.end());
  return duplicates;
}

}  // namespace broadsheet
