// Which source each training example comes from, where corpus.yaml gives the sources weights.
//
// The draws go round a period of W positions, W the sum of the weights as whole numbers. Within it they follow the
// chairman assignment (Tijdeman, "The chairman assignment problem", Discrete Mathematics 32, 1980): after any number of
// draws, no source is a whole example away from its share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "data/example_range.h"

namespace broadsheet {

inline constexpr int64_t kMostMixtureWeight = 1'000'000;  // of all weights together, over their common divisor

// Decimal weights of up to four places as whole numbers without a common divisor. Empty when one is not above 0, is
// above 10,000 or has more places, or when the sum is more than kMostMixtureWeight.
std::vector<int64_t> whole_weights(const std::vector<double>& weights);

// UserError("corpus.empty_source") naming the corpus when a source has no example: it can have no share.
void require_examples(const std::vector<SourceShare>& sources, const std::string& corpus);

class Mixture {
 public:
  // `sources`: none of them empty; weights as whole_weights() gives them. Memory: 8 bytes for each position of the
  // period.
  explicit Mixture(std::vector<SourceShare> sources);

  struct Draw {
    int64_t source = 0;
    int64_t number = 0;  // which one of that source, from 0
  };
  // Of the draw at any position from 0 on, in O(1).
  Draw at(int64_t position) const;
  int64_t period() const { return static_cast<int64_t>(period_.size()); }
  const std::vector<SourceShare>& sources() const { return sources_; }
  int64_t size(int64_t source) const { return sizes_[static_cast<size_t>(source)]; }
  // Example number `index` of that source, in the split's numbering.
  int64_t example(int64_t source, int64_t index) const;
  // The same of several.
  std::vector<ExampleRange> examples(int64_t source, ExampleRange indices) const;

 private:
  struct Place {
    int32_t source = 0, number = 0;  // within the period
  };
  std::vector<SourceShare> sources_;
  std::vector<int64_t> sizes_;
  std::vector<Place> period_;
};

}  // namespace broadsheet
