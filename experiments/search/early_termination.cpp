#include "experiments/search/early_termination.h"

#include <limits>

#include "core/errors.h"
#include "core/text.h"
#include "experiments/search/ladder.h"

namespace broadsheet {
namespace {

// Every trial runs to its end.
class NoTermination : public Ladder {
 public:
  NoTermination() : Ladder({}) {}
  NextTrial next(bool more, int64_t /*just_reported*/) const override {
    return {more ? NextTrial::Kind::kNew : NextTrial::Kind::kDone, -1};
  }
};

// A run of unknown length reaches as many of these as it is long.
constexpr int64_t kUnknownMaximum = int64_t{1} << 40;
constexpr size_t kMostMultiples = 10000;

}  // namespace

std::vector<int64_t> rungs_of(const EarlyTerminationConfig& config, int64_t max) {
  std::vector<int64_t> rungs;
  if (config.type == "none" || config.min <= 0) return rungs;
  const int64_t end = max > 0 ? max : kUnknownMaximum;
  if (config.type == "median") {
    for (int64_t at = config.min; at < end && rungs.size() < kMostMultiples; at += config.min) rungs.push_back(at);
    return rungs;
  }
  for (int64_t at = config.min; at < end; at *= config.reduction_factor) {
    rungs.push_back(at);
    if (config.reduction_factor < 2 || at > std::numeric_limits<int64_t>::max() / config.reduction_factor) break;
  }
  return rungs;
}

std::unique_ptr<EarlyTermination> make_early_termination(const EarlyTerminationConfig& config, int64_t max,
                                                         int64_t trials) {
  if (config.type == "none") return std::make_unique<NoTermination>();
  std::vector<int64_t> rungs = rungs_of(config, max);
  const int64_t eta = config.reduction_factor;
  if (config.type == "median") return make_median(std::move(rungs), config.min_trials);
  BROADSHEET_ASSERT(eta >= 2);
  if (config.type == "asha") return make_asha(std::move(rungs), eta);
  if (config.type == "halving") return make_halving(std::move(rungs), eta, trials);
  if (config.type == "hyperband" && max <= 0) {
    throw UserError("sweep.hyperband_max", "early_terminate.type is hyperband, and where a trial ends is not known",
                    "give early_terminate.max (its brackets begin at max / eta^k), or take asha");
  }
  if (config.type == "hyperband") return make_hyperband(std::move(rungs), eta, trials);
  throw UserError("sweep.early_terminate", cat("early_terminate.type is '", config.type, "'"),
                  "none, median, halving, hyperband or asha");
}

}  // namespace broadsheet
