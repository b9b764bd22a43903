// What is measured of probabilities: how well they rank, and whether they mean what they say.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace broadsheet {

// The area under the ROC curve: the share of pairs of a positive and a negative in which the positive has the higher
// score, equal scores counting half. In whole numbers up to the last division: exact, whatever the order (Fawcett, "An
// introduction to ROC analysis", 2006; scikit-learn's roc_auc_score). NaN when one of the two sides is empty.
struct ScoredExample {
  double score = 0;
  bool positive = false;
};
double area_under_roc(std::vector<ScoredExample> examples);

// Expected calibration error over 15 bins of equal width, (0, 1/15] to (14/15, 1] (Guo et al., "On Calibration of
// Modern Neural Networks", 2017): the mean distance between the confidence and the share that is right, by bin. Bins of
// parts add up to the bins of the whole.
class CalibrationBins {
 public:
  static constexpr size_t kBins = 15;
  // confidence: the probability of what was predicted, above 0 and up to 1.
  void add(double confidence, bool right);
  // 3 * kBins numbers: counts, sums of confidences, how many were right.
  const std::array<double, 3 * kBins>& state() const { return sums_; }
  void merge(const double* state);
  double error() const;  // NaN without examples

 private:
  std::array<double, 3 * kBins> sums_{};
};

}  // namespace broadsheet
