#include "trainer/temperature.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/activity.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/text.h"
#include "trainer/parallel/tree.h"
#include "trainer/tasks/task.h"
#include "trainer/validation.h"

namespace broadsheet {
namespace {

constexpr double kLeastFactor = 0.01, kLargestFactor = 100;
constexpr double kCloseEnough = 1e-13;  // relative
constexpr int kMostNewtonSteps = 200;

// softmax(factor * logits)
Likelihood of_one_class(const float* logits, int64_t width, int64_t label, double factor) {
  const double largest = *std::max_element(logits, logits + width);
  double sum = 0, first = 0, second = 0;
  for (int64_t c = 0; c < width; ++c) {
    const double above = logits[c] - largest, weight = std::exp(factor * above);
    sum += weight;
    first += weight * above;
    second += weight * above * above;
  }
  const double wanted = logits[label] - largest, mean = first / sum;
  return {std::log(sum) - factor * wanted, mean - wanted, second / sum - mean * mean, 1};
}

// sigmoid(factor * logit)
Likelihood of_yes_or_no(double logit, bool yes, double factor) {
  const double scaled = factor * logit, p = 1 / (1 + std::exp(-scaled));
  const double nll = std::max(scaled, 0.0) - (yes ? scaled : 0) + std::log1p(std::exp(-std::abs(scaled)));
  return {nll, logit * (p - (yes ? 1 : 0)), logit * logit * p * (1 - p), 1};
}

// Collective: over all passes, in their order.
Likelihood of_all_passes(const std::vector<LogitRows>& mine, double factor, Communicator& ranks) {
  std::string bytes;
  for (const LogitRows& rows : mine) {
    const Likelihood one = likelihood_at(rows, factor);
    bytes.append(reinterpret_cast<const char*>(&one), sizeof one);
  }
  const std::string all = join(ranks.all_gather(bytes), "");
  Likelihood sum;
  for (size_t begin = 0; begin < all.size(); begin += sizeof(Likelihood)) {
    Likelihood one;
    std::memcpy(&one, all.data() + begin, sizeof one);
    sum += one;
  }
  note_progress();
  return sum;
}

void tell_of(const TemperatureFit& fit, int64_t documents) {
  if (fit.found) {
    log_info(cat("temperature ", shortest(fit.temperature), " fitted on ", with_thousands(documents),
                 " validation documents: mean NLL ", shortest(fit.nll_before), " before, ", shortest(fit.nll_after),
                 " after"));
  } else {
    log_warning(cat("task.calibration: the ", with_thousands(documents),
                    " validation documents tell no temperature (all are right at any, or none is better than chance); "
                    "it stays 1; a larger validation split would tell"));
  }
}

}  // namespace

Likelihood& Likelihood::operator+=(const Likelihood& other) {
  nll += other.nll;
  slope += other.slope;
  curvature += other.curvature;
  labels += other.labels;
  return *this;
}

Likelihood likelihood_at(const LogitRows& rows, double factor) {
  const at::Tensor logits = rows.logits.contiguous();
  BROADSHEET_ASSERT(logits.scalar_type() == at::kFloat && logits.dim() == 2);
  const int64_t width = logits.size(1);
  const auto* values = logits.const_data_ptr<float>();
  BROADSHEET_ASSERT(static_cast<int64_t>(rows.labels.size()) == logits.size(0) * (rows.each_label ? width : 1));
  Likelihood sum;
  for (size_t i = 0; i < rows.labels.size(); ++i) {
    sum += rows.each_label ? of_yes_or_no(values[i], rows.labels[i] == 1, factor)
                           : of_one_class(values + static_cast<int64_t>(i) * width, width, rows.labels[i], factor);
  }
  return sum;
}

TemperatureFit fit_temperature(const std::function<Likelihood(double factor)>& likelihood) {
  double low = kLeastFactor, high = kLargestFactor, factor = 1;
  Likelihood here = likelihood(factor);
  const double labels = here.labels;
  TemperatureFit fit;
  fit.nll_before = fit.nll_after = here.nll / labels;
  fit.found = likelihood(low).slope < 0 && likelihood(high).slope > 0;
  if (!fit.found) return fit;
  for (int step = 0; step < kMostNewtonSteps; ++step) {
    (here.slope < 0 ? low : high) = factor;
    double next = factor - here.slope / here.curvature;
    if (!(next > low && next < high) && next != factor) next = std::sqrt(low * high);
    if (std::abs(next - factor) <= kCloseEnough * factor) break;
    factor = next;
    here = likelihood(factor);
  }
  fit.temperature = 1 / factor;
  fit.nll_after = here.nll / labels;
  return fit;
}

std::optional<double> calibrate(Task& task, const ShardSet& corpus, Communicator& ranks) {
  if (!task.wants_temperature() || corpus.size(Split::kValidation) == 0) return std::nullopt;
  const PhaseScope validating(Phase::kValidation);
  const at::NoGradGuard no_grad;
  const auto passes = evaluation_passes(task, corpus, Split::kValidation);
  const LeafRun run = leaf_run(static_cast<int64_t>(passes.size()), ranks.rank(), ranks.size());
  std::vector<LogitRows> mine;
  for (int64_t pass = run.begin; pass < run.end; ++pass) {
    mine.push_back(task.logit_rows(task.make_batch(corpus, Split::kValidation, passes[static_cast<size_t>(pass)], 0)));
    note_progress();
  }
  const TemperatureFit fit = fit_temperature([&](double factor) { return of_all_passes(mine, factor, ranks); });
  if (ranks.first()) tell_of(fit, corpus.size(Split::kValidation));
  task.set_temperature(fit.temperature);
  return fit.temperature;
}

}  // namespace broadsheet
