// Temperature calibration: one number T > 0 by which all logits of a trained classifier are divided, so that its
// probabilities are as often right as they say. Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural
// Networks" (2017). No prediction of a class changes by it.
//
// T makes the mean negative log-likelihood of the validation split least. That is convex in 1 / T, so there is one such
// T; it is found by Newton's method in double precision, from sums over passes that are cut before ranks are
// considered: the same bits on any number of ranks.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "data/shards.h"
#include "trainer/parallel/communicator.h"

namespace broadsheet {

class Task;

// Logits and what is true of them. Pieces of a long document are rows of their own.
struct LogitRows {
  at::Tensor logits;            // [rows, width] float32
  std::vector<int64_t> labels;  // [rows] class ids; each_label: [rows * width], 0 or 1
  bool each_label = false;      // every logit is a probability of its own
};

// Of logits times a factor, summed over labels: the negative log-likelihood and its first two derivatives by the
// factor.
struct Likelihood {
  double nll = 0, slope = 0, curvature = 0, labels = 0;
  Likelihood& operator+=(const Likelihood& other);
};
Likelihood likelihood_at(const LogitRows& rows, double factor);

struct TemperatureFit {
  double temperature = 1;
  double nll_before = 0, nll_after = 0;  // means over labels
  // False: the likelihood has no best T between 1/100 and 100, because all labels are right whatever T is, or because
  // the logits say nothing. T is 1 then.
  bool found = false;
};
// `likelihood`: of the whole split, at a factor (1 / T).
TemperatureFit fit_temperature(const std::function<Likelihood(double factor)>& likelihood);

// Collective. Fits T on the validation split and gives it to the task (Task::set_temperature). Nothing where the task
// wants none or the split is empty.
std::optional<double> calibrate(Task& task, const ShardSet& corpus, Communicator& ranks);

}  // namespace broadsheet
