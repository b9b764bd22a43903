// Evaluation over all ranks, the best model so far, and early stopping.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "trainer/trainer.h"

namespace broadsheet {

// Metrics of a split and its real tokens. Each rank takes a contiguous part, every example is scored exactly once, and
// the sums are merged in one tree that does not depend on the ranks. An empty split has no metrics. Always in float32.
struct Evaluation {
  MetricValues metrics;
  nlohmann::json details;  // Metrics::details()
  int64_t tokens = 0;
  double seconds = 0;
};
// The examples of a split, cut into passes without regard to ranks; none ends inside a document.
std::vector<std::vector<int64_t>> evaluation_passes(const Task& task, const ShardSet& corpus, Split split);

// `on_batch` gets each of this rank's batches, those of lower ranks being before them.
Evaluation run_evaluation(Task& task, const ShardSet& corpus, Split split, Communicator& ranks,
                          const std::function<void(const Batch&)>& on_batch = {});

// What validation has found so far. Part of every checkpoint.
class BestTracker {
 public:
  struct Entry {
    int64_t step = 0;
    double value = 0;
  };

  // `keep`: how many of the best steps are remembered (at least one).
  BestTracker(bool higher_is_better, double min_delta, int64_t keep);

  // Adds a validation; true when it is the best so far. A value that is not finite never is. Only an improvement by
  // more than min_delta over the best before it resets the count of validations without improvement.
  bool add(int64_t step, double value);

  bool empty() const { return best_.empty(); }
  const std::vector<Entry>& best() const { return best_; }  // best first, the earlier of equals first
  int64_t without_improvement() const { return without_improvement_; }

  nlohmann::json to_json() const;
  void restore(const nlohmann::json& json);

 private:
  bool better(double a, double b) const { return higher_is_better_ ? a > b : a < b; }
  bool higher_is_better_;
  double min_delta_;
  size_t keep_;
  std::vector<Entry> best_;
  int64_t without_improvement_ = 0;
};

// The value that decides. UserError("validation.metric") naming the metrics there are when `name` is none of them.
double chosen_metric(const MetricValues& metrics, const std::string& name);

// JSON has no NaN: numbers that are not finite become the strings "nan", "inf", "-inf", and come back.
nlohmann::json number_to_json(double value);
double number_from_json(const nlohmann::json& json);
nlohmann::json metrics_to_json(const MetricValues& metrics);
MetricValues metrics_from_json(const nlohmann::json& json);

}  // namespace broadsheet
