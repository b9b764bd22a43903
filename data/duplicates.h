// Exact duplicates and seeded splits, both by hashing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/corpus_config.h"
#include "data/shards.h"

namespace broadsheet {

using Hash128 = std::array<uint64_t, 2>;

// The first 128 bits of the SHA-256 over the parts, each preceded by its length: nobody can make two texts collide.
Hash128 hash_texts(const std::vector<std::string_view>& parts);

// A set of hashes, open addressing, 23 to 46 bytes of memory per entry whatever the texts' lengths.
class HashSet {
 public:
  HashSet();
  bool contains(const Hash128& hash) const;
  void insert(const Hash128& hash);  // once per hash
  size_t size() const { return size_; }

 private:
  size_t slot(const Hash128& hash) const;
  void grow();

  std::vector<Hash128> slots_;  // {0, 0}: free
  size_t size_ = 0;
};

// The split of a document by a hash of `key` and the seed: the same key always lands in the same split, whatever else
// is in the corpus.
// The number in [0, 1) that decides it.
double split_place(std::string_view key, uint64_t seed);
Split split_of(std::string_view key, const SplitConfig& config);

}  // namespace broadsheet
