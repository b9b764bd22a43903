// Near-duplicates over all chunks: a task looks at one band of the signatures, in parts of bounded memory.
//
// Note [The earliest stays]
// Documents are taken in the order of their keys (Note [Who stays]); one is dropped when an earlier one that stays is
// at least as alike as the threshold says. That depends on the documents alone, not on how the work was cut. Documents
// that share a band are compared each with each, by their shingles, not by their signatures: what is dropped is never
// less alike. Of more than kComparedEach that share one (texts around one and the same boilerplate) each is compared
// with those only that were unlike all before them, at most that many.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "data/preparation/duplicate_search.h"

namespace broadsheet {

inline constexpr size_t kComparedEach = 256;

// Keys of documents, each with an earlier one that it is alike.
struct NearPair {
  int64_t later = 0, earlier = 0;
  auto operator<=>(const NearPair&) const = default;
};

// Of the documents whose hash of band `band` lies in `part`, the pairs of at least `threshold`, ascending. `skipped`:
// numbers of documents that are dropped anyway, ascending.
std::vector<NearPair> find_near_pairs(const std::vector<ChunkPlace>& chunks, size_t fields, int64_t band, int64_t part,
                                      int64_t parts, double threshold, const std::vector<int64_t>& skipped,
                                      const RankOf& rank = {});

// The documents to drop, ascending. `pairs` in any order, several times the same or not.
std::vector<Dropped> near_duplicates(std::vector<NearPair> pairs);

}  // namespace broadsheet
