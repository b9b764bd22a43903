// Metrics of masked language models and regressions (of classifications: class_metrics.h): sums that add up exactly
// over any number of ranks, every example once. With no examples every value is NaN and "examples" 0.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "trainer/tasks/task.h"

namespace broadsheet {

// "loss": mean negative log-likelihood of the predicted tokens; "perplexity": its exponential; and how many they are,
// under the name `counted`. With counts_bytes "bits_per_byte": the whole negative log-likelihood, in bits, by the bytes
// of the predicted text, which models with different vocabularies can be compared by.
class LanguageModelMetrics : public Metrics {
 public:
  explicit LanguageModelMetrics(std::string counted, bool counts_bytes = false)
      : counted_(std::move(counted)), counts_bytes_(counts_bytes) {}
  // nll: [predicted], float32, in nats; bytes: of the predicted tokens.
  void add(const at::Tensor& nll, int64_t examples, int64_t bytes = 0);
  std::vector<double> state() const override { return {nll_, tokens_, examples_, bytes_}; }
  void merge(const std::vector<double>& state) override;
  std::map<std::string, double> compute() const override;

 private:
  std::string counted_;
  bool counts_bytes_;
  double nll_ = 0, tokens_ = 0, examples_ = 0, bytes_ = 0;
};

// "mse" (and "loss", the same), "mae", "pearson". Means and central moments, merged as in Chan, Golub and LeVeque,
// "Updating formulae and a pairwise algorithm for computing sample variances" (1979): no cancellation for scores far
// from 0. The correlation of a constant does not exist: NaN.
class RegressionMetrics : public Metrics {
 public:
  // predictions: [sequences] float32.
  void add(const at::Tensor& predictions, const std::vector<float>& targets);
  std::vector<double> state() const override;
  void merge(const std::vector<double>& state) override;
  std::map<std::string, double> compute() const override;

 private:
  double count_ = 0, mean_x_ = 0, mean_y_ = 0, xx_ = 0, yy_ = 0, xy_ = 0, absolute_ = 0, squared_ = 0;
};

}  // namespace broadsheet
