#include "data/preparation/duplicate_search.h"

#include <algorithm>

#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

struct Entry {
  Hash128 hash;
  int64_t key;
};

}  // namespace

std::unique_ptr<ChunkView> open_chunk(const ChunkPlace& place, size_t fields) {
  if (!place.known) return std::make_unique<ChunkView>(place.path, fields);
  auto view = std::make_unique<ChunkView>(place.path);
  const auto documents = static_cast<size_t>(place.documents);
  if ((!view->hashes.empty() && view->hashes.size() != documents) ||
      (!view->shingle_offsets.empty() && view->shingle_offsets.size() != documents + 1) ||
      (documents > 0 && view->bands.size() % documents != 0))
    throw UserError("corpus.seen", cat(place.path, ": is of another shard"), "prepare the corpus again with --replace");
  return view;
}

int64_t split_rank(Split split) {
  return split == Split::kTest ? 0 : split == Split::kValidation ? 1 : 2;
}

int64_t key_of(const ChunkPlace& place, const ChunkView& view, size_t document, const RankOf& rank) {
  const int64_t number = place.first_document + static_cast<int64_t>(document);
  if (!rank) return number;
  return (place.known ? split_rank(*place.known) - kSplitRanks : rank(view, document)) * (int64_t{1} << kRankShift) +
         number;
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
  int64_t known = 0;  // documents that stay in any case
  for (const ChunkPlace& chunk : chunks) {
    if (chunk.documents == 0) continue;
    const std::unique_ptr<ChunkView> view = open_chunk(chunk, fields);
    if (chunk.known) known = chunk.first_document + chunk.documents;
    for (size_t i = 0; i < view->hashes.size(); ++i)
      if (static_cast<int64_t>(view->hashes[i][0] % static_cast<uint64_t>(parts)) == part)
        entries.push_back({view->hashes[i], key_of(chunk, *view, i, rank)});
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.hash != b.hash ? a.hash < b.hash : a.key < b.key; });
  std::vector<Dropped> duplicates;
  for (size_t i = 1, first = 0; i < entries.size(); ++i) {
    if (entries[i].hash != entries[first].hash) {
      first = i;
      continue;
    }
    const int64_t document = document_of(entries[i].key);
    if (document >= known) duplicates.push_back({document, has_leaked(entries[i].key, entries[first].key) ? 1 : 0});
  }
  std::sort(duplicates.begin(), duplicates.end());
  return duplicates;
}

}  // namespace broadsheet
