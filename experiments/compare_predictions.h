// evaluate --compare: does one model do better than another on the same texts, or may chance explain it?
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace broadsheet {

// The files of `evaluate --predictions`: a JSON object a line, with "id" or "row", "truth", and "label" or "labels"
// with "probabilities", or "score".
struct ComparisonRequest {
  std::string a, b;    // files
  std::string metric;  // macro_f1 | micro_f1 | accuracy | loss | mae | mse; empty: macro_f1, of scores mse
  int64_t samples = 2000;
  uint64_t seed = 1;
};

// Paired bootstrap (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993; Koehn, "Statistical Significance
// Tests for Machine Translation Evaluation", 2004): texts are drawn with replacement, the same for both models, and the
// metric's difference is taken each time: text i of sample s is number RandomStream(mix(seed, s)).below(i, texts). The
// interval holds the middle 95 % of the differences, percentiles as numpy's.
struct Comparison {
  std::string metric;
  int64_t examples = 0;
  double a = 0, b = 0;        // on all texts
  double low = 0, high = 0;   // of b - a
  double share_b_better = 0;  // of the samples; equal ones count half
};
// UserError ("compare.*") when a file is malformed, or they are not about the same texts with the same truths, or do
// not have the metric.
Comparison compare_predictions(const ComparisonRequest& request);

nlohmann::json to_json(const ComparisonRequest& request, const Comparison& comparison);
std::string comparison_text(const ComparisonRequest& request, const Comparison& comparison);

}  // namespace broadsheet
