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

void LanguageModelMetrics::add(const at::Tensor& nll, int64_t examples, int64_t bytes) {
  nll_ += nll.to(at::kDouble).sum().item<double>();
  tokens_ += static_cast<double>(nll.numel());
  examples_ += static_cast<double>(examples);
  bytes_ += static_cast<double>(bytes);
}

void LanguageModelMetrics::merge(const std::vector<double>& state) {
  BROADSHEET_ASSERT(state.size() == 4);
  nll_ += state[0];
  tokens_ += state[1];
  examples_ += state[2];
  bytes_ += state[3];
}

std::map<std::string, double> LanguageModelMetrics::compute() const {
  const double loss = ratio(nll_, tokens_);
  std::map<std::string, double> values = {
      {"loss", loss}, {"perplexity", std::exp(loss)}, {counted_, tokens_}, {"examples", examples_}};
  if (counts_bytes_) values["bits_per_byte"] = ratio(nll_ / std::log(2.0), bytes_);
  return values;
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
