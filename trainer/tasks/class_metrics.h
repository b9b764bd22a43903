// Metrics of classifications: sums, and the probabilities that the area under the ROC curve needs, exact over any
// number of ranks.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "trainer/metrics/probabilities.h"
#include "trainer/tasks/task.h"

namespace broadsheet {

// The probabilities of a split, kept as long as they are at most kMost numbers (32 MiB); beyond that all are dropped
// and there is no "auc". Which of both depends on the split alone, not on who holds which part.
class KeptScores {
 public:
  static constexpr size_t kMost = size_t{1} << 22;
  // `width`: numbers in a row, the class or the truths first.
  explicit KeptScores(size_t width) : width_(width) {}
  void add(const std::vector<double>& row);
  // The numbers behind a flag that says whether they are all there.
  void append_to(std::vector<double>& state) const;
  void merge(const double* begin, const double* end);
  bool complete() const { return complete_; }
  size_t rows() const { return numbers_.size() / width_; }
  double at(size_t row, size_t column) const { return numbers_[row * width_ + column]; }

 private:
  void drop_if_too_many();
  size_t width_;
  bool complete_ = true;
  std::vector<double> numbers_;
};

// One class of several. With no examples every value is NaN and "examples" 0.
//   "loss": mean negative log-likelihood (log loss), whatever the training's loss is
//   "accuracy", "macro_f1", "micro_f1": macro_f1 is the unweighted mean over all classes; a class that neither occurs
//   nor
//     is predicted counts 0 (scikit-learn: f1_score(average="macro", labels=all classes, zero_division=0)); micro_f1 of
//     one class per example is the accuracy
//   "auc": area under the ROC curve, of two classes that of the second's probability; of more, each class against the
//     rest, the mean over those that have examples on both sides (scikit-learn: multi_class="ovr", average="macro");
//     left out beyond KeptScores::kMost
//   "calibration_error": of the probability of the predicted class (CalibrationBins)
//   "mae": classes in order only: the mean distance between the numbers of the true and the predicted class
class ClassificationMetrics : public Metrics {
 public:
  enum class Decision {
    kMostLikely,
    kMedian,  // classes in order: the first up to which at least half of the probability lies; the least mean distance
  };
  explicit ClassificationMetrics(std::vector<std::string> classes, Decision decision = Decision::kMostLikely);
  // logits: [sequences, classes] float32; labels: class ids.
  void add(const at::Tensor& logits, const std::vector<int64_t>& labels);
  std::vector<double> state() const override;
  void merge(const std::vector<double>& state) override;
  std::map<std::string, double> compute() const override;
  // {"confusion_matrix": {"classes": [names], "counts": [[...]]}}: a row for each true class, a column for each
  // predicted one. Null beyond 100 classes.
  nlohmann::json details() const override;

  static size_t decide(const double* probabilities, size_t classes, Decision decision);

 private:
  double auc() const;
  std::vector<std::string> names_;
  size_t classes_;
  Decision decision_;
  double nll_ = 0;
  std::vector<double> confusion_;  // [true][predicted] counts
  CalibrationBins calibration_;
  KeptScores scores_;
};

// Any number of labels, each with its own probability; predicted from 0.5 on.
//   "loss": mean binary cross-entropy over examples and labels
//   "accuracy": the share of examples with exactly the right labels (scikit-learn: accuracy_score of an indicator
//   matrix) "macro_f1", "micro_f1", "auc" (macro, over labels that have examples on both sides): as scikit-learn
class MultiLabelMetrics : public Metrics {
 public:
  explicit MultiLabelMetrics(size_t labels);
  // logits: [examples, labels] float32; truths: [examples * labels] 0 or 1.
  void add(const at::Tensor& logits, const std::vector<int64_t>& truths);
  std::vector<double> state() const override;
  void merge(const std::vector<double>& state) override;
  std::map<std::string, double> compute() const override;

 private:
  double auc() const;
  size_t labels_;
  double cross_entropy_ = 0, examples_ = 0, exact_ = 0;
  std::vector<double> right_, wanted_, found_;  // [labels] true positives, positives, predicted positives
  KeptScores scores_;
};

}  // namespace broadsheet
