// What a generated text is like by itself: how much of it repeats, and how long texts are.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace broadsheet {

// The share of n-grams that were there before: 1 - different / all, "seq-rep-n" of Welleck et al., "Neural Text
// Generation with Unlikelihood Training" (2019). 0 for a text without n-grams. The pieces (rouge_pieces()) hold no
// whitespace.
double repetition(const std::vector<std::string>& pieces, size_t n);

// All NaN for no lengths. The median of an even count is the mean of the two in the middle; the deviation is the
// population's.
struct LengthStatistics {
  double mean, deviation, shortest, median, longest;
};
LengthStatistics length_statistics(std::vector<int64_t> lengths);

}  // namespace broadsheet
