#include "data/preparation/duplicate_search.h"

#include <algorithm>

namespace broadsheet {
namespace {

struct Entry {
  Hash128 hash;
  int64_t key;
};

}  // namespace

int64_t key_of(const ChunkPlace& place, const ChunkView& view, size_t document, const RankOf& rank) {
  const int64_t number = place.first_document + static_cast<int64_t>(document);
  return rank ? rank(view, document) << kRankShift | number : number;
}

int64_t duplicate_parts(int64_t documents) {
  return std::max<int64_t>(1, (documents + kDocumentsPerPart - 1) / kDocumentsPerPart);
}

std::vector<int64_t> documents_of(const std::vector<Dropped>& dropped) {
  std::vector<int64_t> documents;
  documents.reserve(dropped.size());
  for (const Dropped& one : dropped) documents.push_back(one.document);
  return documents;
}

std::vector<Dropped> find_duplicates(const std::vector<ChunkPlace>& chunks, size_t fields, int64_t part, int64_t parts,
                                     const RankOf& rank) {
  std::vector<Entry> entries;
  for (const ChunkPlace& chunk : chunks) {
    if (chunk.documents == 0) continue;
    const ChunkView view(chunk.path, fields);
    for (size_t i = 0; i < view.hashes.size(); ++i)
      if (static_cast<int64_t>(view.hashes[i][0] % static_cast<uint64_t>(parts)) == part)
        entries.push_back({view.hashes[i], key_of(chunk, view, i, rank)});
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.hash != b.hash ? a.hash < b.hash : a.key < b.key; });
  std::vector<Dropped> duplicates;
  for (size_t i = 1, first = 0; i < entries.size(); ++i) {
    if (entries[i].hash != entries[first].hash) {
      first = i;
      continue;
    }
    duplicates.push_back({document_of(entries[i].key), rank_of(entries[i].key) > rank_of(entries[first].key) ? 1 : 0});
  }
  std::sort(duplicates.begin(), duplicates.end());
  return duplicates;
}

}  // namespace broadsheet
