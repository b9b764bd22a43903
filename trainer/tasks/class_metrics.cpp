#include "trainer/tasks/class_metrics.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "core/errors.h"

namespace broadsheet {
namespace {

constexpr size_t kLargestMatrix = 100;  // classes
constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

double share_of(double part, double whole) {
  return whole > 0 ? part / whole : kUndefined;
}

double f1_of(double right, double wanted, double found) {
  return wanted + found > 0 ? 2 * right / (wanted + found) : 0;
}

// Row by row and not by a kernel over all rows: such a kernel treats the last ones differently in the last bit, and
// equal logits must give equal scores.
double sum_of_exponentials(const double* logits, size_t classes, double largest) {
  double sum = 0;
  for (size_t c = 0; c < classes; ++c) sum += std::exp(logits[c] - largest);
  return sum;
}

double log_softmax_of(const double* logits, size_t classes, size_t which) {
  const double largest = *std::max_element(logits, logits + classes);
  return logits[which] - largest - std::log(sum_of_exponentials(logits, classes, largest));
}

std::vector<double> softmax_of(const double* logits, size_t classes) {
  const double largest = *std::max_element(logits, logits + classes);
  const double sum = sum_of_exponentials(logits, classes, largest);
  std::vector<double> p(classes);
  for (size_t c = 0; c < classes; ++c) p[c] = std::exp(logits[c] - largest) / sum;
  return p;
}

// The mean over the classes of which an area exists.
double mean_area(size_t rows, size_t classes, const std::function<ScoredExample(size_t row, size_t c)>& scored) {
  double sum = 0, defined = 0;
  for (size_t c = 0; c < classes; ++c) {
    std::vector<ScoredExample> examples;
    examples.reserve(rows);
    for (size_t row = 0; row < rows; ++row) examples.push_back(scored(row, c));
    const double area = area_under_roc(std::move(examples));
    if (std::isnan(area)) continue;
    sum += area;
    defined += 1;
  }
  return share_of(sum, defined);
}

}  // namespace

void KeptScores::add(const std::vector<double>& row) {
  BROADSHEET_ASSERT(row.size() == width_);
  if (complete_) numbers_.insert(numbers_.end(), row.begin(), row.end());
  drop_if_too_many();
}

void KeptScores::append_to(std::vector<double>& state) const {
  state.push_back(complete_ ? 1 : 0);
  state.insert(state.end(), numbers_.begin(), numbers_.end());
}

void KeptScores::merge(const double* begin, const double* end) {
  BROADSHEET_ASSERT(end > begin);
  complete_ = complete_ && *begin == 1;
  if (complete_) numbers_.insert(numbers_.end(), begin + 1, end);
  drop_if_too_many();
}

void KeptScores::drop_if_too_many() {
  complete_ = complete_ && numbers_.size() <= kMost;
  if (!complete_) std::vector<double>().swap(numbers_);
}

ClassificationMetrics::ClassificationMetrics(std::vector<std::string> classes, Decision decision)
    : names_(std::move(classes)),
      classes_(names_.size()),
      decision_(decision),
      confusion_(classes_ * classes_),
      scores_(classes_ == 2 ? 2 : 1 + classes_) {}

size_t ClassificationMetrics::decide(const double* probabilities, size_t classes, Decision decision) {
  if (decision == Decision::kMostLikely)
    return static_cast<size_t>(std::max_element(probabilities, probabilities + classes) - probabilities);
  double below = 0;
  for (size_t c = 0; c + 1 < classes; ++c) {
    below += probabilities[c];
    if (below >= 0.5) return c;
  }
  return classes - 1;
}

void ClassificationMetrics::add(const at::Tensor& logits, const std::vector<int64_t>& labels) {
  if (labels.empty()) return;
  BROADSHEET_ASSERT(logits.size(0) == static_cast<int64_t>(labels.size()) &&
                    logits.size(1) == static_cast<int64_t>(classes_));
  const at::Tensor wide = logits.to(at::kDouble).contiguous();
  for (size_t i = 0; i < labels.size(); ++i) {
    const double* row = wide.const_data_ptr<double>() + i * classes_;
    const std::vector<double> p = softmax_of(row, classes_);
    const auto label = static_cast<size_t>(labels[i]);
    const size_t predicted = decide(p.data(), classes_, decision_);
    nll_ -= log_softmax_of(row, classes_, label);
    confusion_[label * classes_ + predicted] += 1;
    calibration_.add(p[predicted], predicted == label);
    std::vector<double> kept = {static_cast<double>(label)};
    kept.insert(kept.end(), classes_ == 2 ? p.begin() + 1 : p.begin(), p.end());
    scores_.add(kept);
  }
}

std::vector<double> ClassificationMetrics::state() const {
  std::vector<double> state = {nll_};
  state.insert(state.end(), confusion_.begin(), confusion_.end());
  state.insert(state.end(), calibration_.state().begin(), calibration_.state().end());
  scores_.append_to(state);
  return state;
}

void ClassificationMetrics::merge(const std::vector<double>& state) {
  const size_t bins = 1 + confusion_.size(), scores = bins + calibration_.state().size();
  BROADSHEET_ASSERT(state.size() > scores);
  nll_ += state[0];
  for (size_t i = 0; i < confusion_.size(); ++i) confusion_[i] += state[i + 1];
  calibration_.merge(state.data() + bins);
  scores_.merge(state.data() + scores, state.data() + state.size());
}

double ClassificationMetrics::auc() const {
  const auto scored = [&](size_t row, size_t c) {
    if (classes_ == 2) return ScoredExample{scores_.at(row, 1), scores_.at(row, 0) == 1};
    return ScoredExample{scores_.at(row, 1 + c), scores_.at(row, 0) == static_cast<double>(c)};
  };
  return mean_area(scores_.rows(), classes_ == 2 ? 1 : classes_, scored);
}

std::map<std::string, double> ClassificationMetrics::compute() const {
  double examples = 0, correct = 0, f1_sum = 0, distance = 0;
  for (size_t c = 0; c < classes_; ++c) {
    double of_class = 0, as_class = 0;
    for (size_t other = 0; other < classes_; ++other) {
      const double count = confusion_[c * classes_ + other];
      of_class += count;
      as_class += confusion_[other * classes_ + c];
      distance += count * static_cast<double>(c > other ? c - other : other - c);
    }
    const double right = confusion_[c * classes_ + c];
    examples += of_class;
    correct += right;
    f1_sum += f1_of(right, of_class, as_class);
  }
  std::map<std::string, double> values = {
      {"loss", share_of(nll_, examples)},
      {"accuracy", share_of(correct, examples)},
      {"macro_f1", examples > 0 ? f1_sum / static_cast<double>(classes_) : kUndefined},
      {"micro_f1", share_of(correct, examples)},
      {"calibration_error", calibration_.error()},
      {"examples", examples}};
  if (decision_ == Decision::kMedian) values["mae"] = share_of(distance, examples);
  if (scores_.complete()) values["auc"] = auc();
  return values;
}

nlohmann::json ClassificationMetrics::details() const {
  if (classes_ > kLargestMatrix) return nullptr;
  nlohmann::json counts = nlohmann::json::array();
  for (size_t c = 0; c < classes_; ++c) {
    nlohmann::json row = nlohmann::json::array();
    for (size_t other = 0; other < classes_; ++other)
      row.push_back(static_cast<int64_t>(confusion_[c * classes_ + other]));
    counts.push_back(std::move(row));
  }
  return {{"confusion_matrix", {{"classes", names_}, {"counts", counts}}}};
}

MultiLabelMetrics::MultiLabelMetrics(size_t labels)
    : labels_(labels), right_(labels), wanted_(labels), found_(labels), scores_(2 * labels) {}

void MultiLabelMetrics::add(const at::Tensor& logits, const std::vector<int64_t>& truths) {
  if (truths.empty()) return;
  BROADSHEET_ASSERT(logits.numel() == static_cast<int64_t>(truths.size()) &&
                    logits.size(1) == static_cast<int64_t>(labels_));
  const at::Tensor wide = logits.to(at::kDouble).contiguous();
  for (size_t begin = 0; begin < truths.size(); begin += labels_) {
    const double* row = wide.const_data_ptr<double>() + begin;
    std::vector<double> kept(2 * labels_);
    bool exact = true;
    for (size_t label = 0; label < labels_; ++label) {
      const bool is = truths[begin + label] == 1;
      const double p = 1 / (1 + std::exp(-row[label]));
      const bool said = p >= 0.5;
      cross_entropy_ += std::max(row[label], 0.0) - (is ? row[label] : 0) + std::log1p(std::exp(-std::abs(row[label])));
      right_[label] += is && said ? 1 : 0;
      wanted_[label] += is ? 1 : 0;
      found_[label] += said ? 1 : 0;
      exact = exact && is == said;
      kept[label] = is ? 1 : 0;
      kept[labels_ + label] = p;
    }
    scores_.add(kept);
    exact_ += exact ? 1 : 0;
    examples_ += 1;
  }
}

std::vector<double> MultiLabelMetrics::state() const {
  std::vector<double> state = {cross_entropy_, examples_, exact_};
  for (const std::vector<double>* counts : {&right_, &wanted_, &found_})
    state.insert(state.end(), counts->begin(), counts->end());
  scores_.append_to(state);
  return state;
}

void MultiLabelMetrics::merge(const std::vector<double>& state) {
  BROADSHEET_ASSERT(state.size() > 3 + 3 * labels_);
  cross_entropy_ += state[0];
  examples_ += state[1];
  exact_ += state[2];
  size_t next = 3;
  for (std::vector<double>* counts : {&right_, &wanted_, &found_}) {
    for (double& count : *counts) count += state[next++];
  }
  scores_.merge(state.data() + next, state.data() + state.size());
}

double MultiLabelMetrics::auc() const {
  return mean_area(scores_.rows(), labels_, [&](size_t row, size_t label) {
    return ScoredExample{scores_.at(row, labels_ + label), scores_.at(row, label) == 1};
  });
}

std::map<std::string, double> MultiLabelMetrics::compute() const {
  double right = 0, wanted = 0, found = 0, f1_sum = 0;
  for (size_t label = 0; label < labels_; ++label) {
    right += right_[label];
    wanted += wanted_[label];
    found += found_[label];
    f1_sum += f1_of(right_[label], wanted_[label], found_[label]);
  }
  const auto labels = static_cast<double>(labels_);
  std::map<std::string, double> values = {{"loss", share_of(cross_entropy_, examples_ * labels)},
                                          {"accuracy", share_of(exact_, examples_)},
                                          {"macro_f1", examples_ > 0 ? f1_sum / labels : kUndefined},
                                          {"micro_f1", examples_ > 0 ? f1_of(right, wanted, found) : kUndefined},
                                          {"examples", examples_}};
  if (scores_.complete()) values["auc"] = auc();
  return values;
}

}  // namespace broadsheet
