// Shuffles without a table: what lies where is computed, in O(1), from a key and the position alone.
#pragma once

#include <cstdint>
#include <vector>

#include "data/example_range.h"

namespace broadsheet {

// What is at `position` of a keyed bijection on [0, size).
// Feistel network on the next even power of two with cycle walking (Black and Rogaway, "Ciphers with arbitrary finite
// domains", CT-RSA 2002), round function Philox.
int64_t permuted(uint64_t key, int64_t size, int64_t position);

// block 0: every example by itself goes anywhere, as permuted(). Else on two levels, for disks that read far faster
// what lies together: blocks of so many examples that lie together are permuted, and within a window of so many blocks
// that follow one another then, all examples are. The examples are a ring for this, cut open at a place that the key
// draws, so that those that make no whole block, which come last, are others each time.
struct ShuffleSpec {
  int64_t block = 0;
  int64_t window = 64;
};

int64_t shuffled(const ShuffleSpec& spec, uint64_t key, int64_t size, int64_t position);
// The examples of the window whose first position is `position`, ascending; none when no window begins there.
std::vector<ExampleRange> window_beginning_at(const ShuffleSpec& spec, uint64_t key, int64_t size, int64_t position);

}  // namespace broadsheet
