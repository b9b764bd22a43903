// Exact duplicates over all chunks, in bounded memory: the hashes are searched in parts that nobody else needs to know
// of.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/preparation/chunk.h"

namespace broadsheet {

struct ChunkPlace {
  std::string path;
  int64_t first_document = 0;  // number of its first document over all chunks, in the order of the sources
  int64_t documents = 0;
  // The split of documents that are in the corpus already (a seen file). They come before all others.
  std::optional<Split> known = {};
};
std::unique_ptr<ChunkView> open_chunk(const ChunkPlace& place, size_t fields);

// Note [Who stays]
// Of documents that are equal or alike the first one stays, in the order of these keys: the number of the document, or
// with clean.leakage: keep_test its split (test, validation, train) and then its number. What is dropped has leaked
// when what stays for it is in a split of a smaller rank: training, or choosing a model, would have seen what is
// tested. A document that is in the corpus already stays whatever comes: with keep_test its rank is 3 less than its
// split's, which counts as the split's where leakage is asked for.
inline constexpr int kRankShift = 56;
constexpr int64_t document_of(int64_t key) {
  return key & ((int64_t{1} << kRankShift) - 1);
}
constexpr int64_t rank_of(int64_t key) {
  return key >> kRankShift;
}
inline constexpr int64_t kSplitRanks = 3;
constexpr bool has_leaked(int64_t dropped, int64_t stays) {
  const auto of_split = [](int64_t key) { return rank_of(key) < 0 ? rank_of(key) + kSplitRanks : rank_of(key); };
  return of_split(dropped) > of_split(stays);
}
int64_t split_rank(Split split);
// The rank of a document of a chunk; none: all are of one rank.
using RankOf = std::function<int64_t(const ChunkView& chunk, size_t document)>;

int64_t key_of(const ChunkPlace& place, const ChunkView& view, size_t document, const RankOf& rank);

struct Dropped {
  int64_t document = 0;
  int64_t leaked = 0;  // 1: yes
  auto operator<=>(const Dropped&) const = default;
};
std::vector<int64_t> documents_of(const std::vector<Dropped>& dropped);

// How many parts there are for so many documents: each holds about kDocumentsPerPart of 24 bytes.
inline constexpr int64_t kDocumentsPerPart = 8 << 20;
int64_t duplicate_parts(int64_t documents);

// The documents whose hash lies in `part` and equals that of one that stays, ascending.
std::vector<Dropped> find_duplicates(const std::vector<ChunkPlace>& chunks, size_t fields, int64_t part, int64_t parts,
                                     const RankOf& rank = {});

}  // namespace broadsheet
