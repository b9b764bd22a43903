#include "trainer/metrics/probabilities.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace broadsheet {

double area_under_roc(std::vector<ScoredExample> examples) {
  std::sort(examples.begin(), examples.end(),
            [](const ScoredExample& a, const ScoredExample& b) { return a.score < b.score; });
  int64_t positives = 0, negatives = 0, half_pairs = 0;
  for (size_t begin = 0; begin < examples.size();) {
    int64_t equal_positives = 0, equal_negatives = 0;
    size_t end = begin;
    for (; end < examples.size() && examples[end].score == examples[begin].score; ++end)
      ++(examples[end].positive ? equal_positives : equal_negatives);
    half_pairs += equal_positives * (2 * negatives + equal_negatives);
    positives += equal_positives;
    negatives += equal_negatives;
    begin = end;
  }
  if (positives == 0 || negatives == 0) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(half_pairs) / 2 / static_cast<double>(positives) / static_cast<double>(negatives);
}

void CalibrationBins::add(double confidence, bool right) {
  const double place = std::ceil(confidence * static_cast<double>(kBins)) - 1;
  const auto bin = static_cast<size_t>(std::clamp(place, 0.0, static_cast<double>(kBins - 1)));
  sums_[bin] += 1;
  sums_[kBins + bin] += confidence;
  sums_[2 * kBins + bin] += right ? 1 : 0;
}

void CalibrationBins::merge(const double* state) {
  for (size_t i = 0; i < sums_.size(); ++i) sums_[i] += state[i];
}

double CalibrationBins::error() const {
  double examples = 0, distance = 0;
  for (size_t bin = 0; bin < kBins; ++bin) {
    examples += sums_[bin];
    distance += std::abs(sums_[kBins + bin] - sums_[2 * kBins + bin]);
  }
  return distance / examples;
}

}  // namespace broadsheet
