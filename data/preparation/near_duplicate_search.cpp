#include "data/preparation/near_duplicate_search.h"

#include <algorithm>
#include <memory>
#include <span>

#include "core/errors.h"
#include "data/cleaning/near_duplicates.h"
#include "data/preparation/chunk.h"

namespace broadsheet {
namespace {

struct BandEntry {
  uint64_t hash;
  int64_t key;
};

// The chunks, mapped when they are first asked for.
class Shingles {
 public:
  Shingles(const std::vector<ChunkPlace>& chunks, size_t fields) : chunks_(chunks), fields_(fields) {
    views_.resize(chunks.size());
  }
  const ChunkView& chunk(size_t number) {
    if (!views_[number]) views_[number] = open_chunk(chunks_[number], fields_);
    return *views_[number];
  }
  std::span<const uint32_t> of(int64_t document) {
    const auto after =
        std::upper_bound(chunks_.begin(), chunks_.end(), document,
                         [](int64_t one, const ChunkPlace& chunk) { return one < chunk.first_document; });
    // The last one that begins at or before the document: an empty chunk begins where the next one does.
    const auto number = static_cast<size_t>(after - chunks_.begin()) - 1;
    const ChunkView& view = chunk(number);
    const auto row = static_cast<size_t>(document - chunks_[number].first_document);
    BROADSHEET_ASSERT(row + 1 < view.shingle_offsets.size());
    const auto begin = static_cast<size_t>(view.shingle_offsets[row]),
               end = static_cast<size_t>(view.shingle_offsets[row + 1]);
    BROADSHEET_ASSERT(begin <= end && end <= view.shingles.size());
    return view.shingles.subspan(begin, end - begin);
  }

 private:
  const std::vector<ChunkPlace>& chunks_;
  size_t fields_;
  std::vector<std::unique_ptr<ChunkView>> views_;
};

std::vector<BandEntry> entries_of_band(const std::vector<ChunkPlace>& chunks, Shingles& shingles, int64_t band,
                                       int64_t part, int64_t parts, const std::vector<int64_t>& skipped,
                                       const RankOf& rank) {
  std::vector<BandEntry> entries;
  auto next_skipped = skipped.begin();
  for (size_t c = 0; c < chunks.size(); ++c) {
    if (chunks[c].documents == 0) continue;
    const ChunkView& view = shingles.chunk(c);
    if (view.shingle_offsets.empty()) continue;
    const auto bands = static_cast<int64_t>(view.bands.size()) / chunks[c].documents;
    for (int64_t i = 0; i < chunks[c].documents; ++i) {
      const int64_t document = chunks[c].first_document + i;
      if (next_skipped != skipped.end() && *next_skipped == document) {
        ++next_skipped;
        continue;
      }
      const auto row = static_cast<size_t>(i);
      if (view.shingle_offsets[row] == view.shingle_offsets[row + 1]) continue;  // without words
      const uint64_t hash = view.bands[static_cast<size_t>(i * bands + band)];
      if (static_cast<int64_t>(hash % static_cast<uint64_t>(parts)) == part)
        entries.push_back({hash, key_of(chunks[c], view, row, rank)});
    }
  }
  std::sort(entries.begin(), entries.end(),
            [](const BandEntry& a, const BandEntry& b) { return a.hash != b.hash ? a.hash < b.hash : a.key < b.key; });
  return entries;
}

// Documents below `known` stay: they are compared with, and not themselves.
void compare_within(std::span<const BandEntry> bucket, int64_t known, Shingles& shingles, double threshold,
                    std::vector<NearPair>& pairs) {
  const bool each = bucket.size() <= kComparedEach;
  std::vector<int64_t> compared;
  for (const BandEntry& entry : bucket) {
    if (document_of(entry.key) < known) {
      if (each || compared.size() < kComparedEach) compared.push_back(entry.key);
      continue;
    }
    const std::span<const uint32_t> own = shingles.of(document_of(entry.key));
    bool alike = false;
    for (const int64_t earlier : compared) {
      if (jaccard(own, shingles.of(document_of(earlier))) < threshold) continue;
      pairs.push_back({entry.key, earlier});
      alike = true;
    }
    if (each || (!alike && compared.size() < kComparedEach)) compared.push_back(entry.key);
  }
}

}  // namespace

std::vector<NearPair> find_near_pairs(const std::vector<ChunkPlace>& chunks, size_t fields, int64_t band, int64_t part,
                                      int64_t parts, double threshold, const std::vector<int64_t>& skipped,
                                      const RankOf& rank) {
  Shingles shingles(chunks, fields);
  const std::vector<BandEntry> entries = entries_of_band(chunks, shingles, band, part, parts, skipped, rank);
  int64_t known = 0;
  for (const ChunkPlace& chunk : chunks)
    if (chunk.known) known = chunk.first_document + chunk.documents;
  std::vector<NearPair> pairs;
  for (size_t begin = 0; begin < entries.size();) {
    size_t end = begin + 1;
    while (end < entries.size() && entries[end].hash == entries[begin].hash) ++end;
    if (end - begin > 1) compare_within({&entries[begin], end - begin}, known, shingles, threshold, pairs);
    begin = end;
  }
  std::sort(pairs.begin(), pairs.end());
  return pairs;
}

std::vector<Dropped> near_duplicates(std::vector<NearPair> pairs) {
  std::sort(pairs.begin(), pairs.end());
  std::vector<int64_t> keys;  // that are dropped, ascending
  std::vector<Dropped> dropped;
  for (size_t i = 0; i < pairs.size();) {
    const int64_t key = pairs[i].later;
    bool drop = false, leaked = false;
    for (; i < pairs.size() && pairs[i].later == key; ++i) {
      if (std::binary_search(keys.begin(), keys.end(), pairs[i].earlier)) continue;
      drop = true;
      leaked = leaked || has_leaked(key, pairs[i].earlier);
    }
    if (!drop) continue;
    keys.push_back(key);
    dropped.push_back({document_of(key), leaked ? 1 : 0});
  }
  std::sort(dropped.begin(), dropped.end());
  return dropped;
}

}  // namespace broadsheet
