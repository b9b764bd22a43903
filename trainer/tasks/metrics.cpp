#include "trainer/tasks/metrics.h"

#include <cmath>
#include <limits>

#include "core/errors.h"

namespace broadsheet {
namespace {

double ratio(double numerator, double denominator) {
  return denominator > 0 ? numerator / denominator : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

void LanguageModelMetrics::add(const at::Tensor& nll, int64_t examples) {
  nll_ += nll.to(at::kDouble).sum().item<double>();
  tokens_ += static_cast<double>(nll.numel());
  examples_ += static_cast<double>(examples);
}

void LanguageModelMetrics::merge(const std::vector<double>& state) {
  BROADSHEET_ASSERT(state.size() == 3);
  nll_ += state[0];
  tokens_ += state[1];
  examples_ += state[2];
}

std::map<std::string, double> LanguageModelMetrics::compute() const {
  const double loss = ratio(nll_, tokens_);
  return {{"loss", loss}, {"perplexity", std::exp(loss)}, {counted_, tokens_}, {"examples", examples_}};
}

void ClassificationMetrics::add(const at::Tensor& logits, const std::vector<int64_t>& labels) {
  if (labels.empty()) return;
  BROADSHEET_ASSERT(logits.size(0) == static_cast<int64_t>(labels.size()) && logits.size(1) == classes_);
  const at::Tensor predicted = logits.argmax(1).contiguous();
  const at::Tensor wanted = at::tensor(at::ArrayRef<int64_t>(labels), at::kLong);
  const at::Tensor likelihood = at::log_softmax(logits.to(at::kDouble), 1).gather(1, wanted.unsqueeze(1));
  nll_ -= likelihood.sum().item<double>();
  const int64_t* ids = predicted.const_data_ptr<int64_t>();
  for (size_t i = 0; i < labels.size(); ++i) confusion_[static_cast<size_t>(labels[i] * classes_ + ids[i])] += 1;
}

std::vector<double> ClassificationMetrics::state() const {
  std::vector<double> state = {nll_};
  state.insert(state.end(), confusion_.begin(), confusion_.end());
  return state;
}

void ClassificationMetrics::merge(const std::vector<double>& state) {
  BROADSHEET_ASSERT(state.size() == confusion_.size() + 1);
  nll_ += state[0];
  for (size_t i = 0; i < confusion_.size(); ++i) confusion_[i] += state[i + 1];
}

std::map<std::string, double> ClassificationMetrics::compute() const {
  const auto cell = [&](int64_t wanted, int64_t predicted) {
    return confusion_[static_cast<size_t>(wanted * classes_ + predicted)];
  };
  double examples = 0, correct = 0, f1_sum = 0;
  for (int64_t c = 0; c < classes_; ++c) {
    double of_class = 0, as_class = 0;
    for (int64_t other = 0; other < classes_; ++other) {
      of_class += cell(c, other);
      as_class += cell(other, c);
    }
    examples += of_class;
    correct += cell(c, c);
    if (of_class + as_class > 0) f1_sum += 2 * cell(c, c) / (of_class + as_class);
  }
  const double macro_f1 = examples > 0 ? f1_sum / static_cast<double>(classes_) : ratio(0, 0);
  return {{"loss", ratio(nll_, examples)},
          {"accuracy", ratio(correct, examples)},
          {"macro_f1", macro_f1},
          {"examples", examples}};
}

void RegressionMetrics::add(const at::Tensor& predictions, const std::vector<float>& targets) {
  BROADSHEET_ASSERT(predictions.numel() == static_cast<int64_t>(targets.size()));
  const at::Tensor values = predictions.to(at::kFloat).contiguous();
  const float* x = values.const_data_ptr<float>();
  for (size_t i = 0; i < targets.size(); ++i) {
    const double error = double{x[i]} - double{targets[i]};
    merge({1, x[i], targets[i], 0, 0, 0, std::abs(error), error * error});
  }
}

std::vector<double> RegressionMetrics::state() const {
  return {count_, mean_x_, mean_y_, xx_, yy_, xy_, absolute_, squared_};
}

void RegressionMetrics::merge(const std::vector<double>& state) {
  BROADSHEET_ASSERT(state.size() == 8);
  const double total = count_ + state[0];
  if (state[0] == 0) return;
  const double dx = state[1] - mean_x_, dy = state[2] - mean_y_;
  const double weight = count_ * state[0] / total;
  xx_ += state[3] + dx * dx * weight;
  yy_ += state[4] + dy * dy * weight;
  xy_ += state[5] + dx * dy * weight;
  mean_x_ += dx * state[0] / total;
  mean_y_ += dy * state[0] / total;
  absolute_ += state[6];
  squared_ += state[7];
  count_ = total;
}

std::map<std::string, double> RegressionMetrics::compute() const {
  const double mse = ratio(squared_, count_);
  return {{"loss", mse},
          {"mse", mse},
          {"mae", ratio(absolute_, count_)},
          {"pearson", ratio(xy_, std::sqrt(xx_) * std::sqrt(yy_))},
          {"examples", count_}};
}

}  // namespace broadsheet
