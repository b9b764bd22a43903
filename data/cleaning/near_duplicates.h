// Near-duplicates: how alike two texts are, and which are worth comparing.
//
// A text is the set of its shingles: five words in a row, lower case, without punctuation; a Chinese, Japanese or
// Korean character counts as a word. Two texts are as alike as their sets (Jaccard: what they share of what they have).
// MinHash (Broder, "On the resemblance and containment of documents", 1997) draws numbers of which two texts share each
// with just that probability; banding (Indyk & Motwani, 1998) compares only texts that share all numbers of a band.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace broadsheet {

inline constexpr int kShingleWords = 5;
inline constexpr int kMinHashes = 128;

// Hashes of the shingles of all texts together, ascending, each once; no shingle crosses from one text to the next. A
// text of fewer words than a shingle has is one shingle; one without words has none.
std::vector<uint32_t> shingles_of(const std::vector<std::string_view>& texts);

// 1 when both are empty.
double jaccard(std::span<const uint32_t> a, std::span<const uint32_t> b);

struct Banding {
  int bands = 0, rows = 0;
  // Of two texts that are `similarity` alike, how probably they share a band: 1 - (1 - s^rows)^bands.
  double chance(double similarity) const;
};
// The most selective one (most rows) that finds at least 98 % of the pairs that are just at the threshold, above 0 and
// at most 1.
Banding banding_for(double threshold);

// One hash for each band; none for a text without shingles.
std::vector<uint64_t> band_hashes(std::span<const uint32_t> shingles, const Banding& banding);

}  // namespace broadsheet
