#include "trainer/optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {

double Schedule::factor(int64_t step) const {
  if (step < warmup_steps) return static_cast<double>(step) / static_cast<double>(std::max<int64_t>(1, warmup_steps));
  if (type == "constant") return 1.0;
  const double decay_steps = static_cast<double>(std::max<int64_t>(1, total_steps - warmup_steps));
  if (type == "linear") return std::max(0.0, static_cast<double>(total_steps - step) / decay_steps);
  if (type == "cosine") {
    constexpr double kHalfCycle = 0.5;
    const double progress = static_cast<double>(step - warmup_steps) / decay_steps;
    return std::max(0.0, 0.5 * (1.0 + std::cos(std::numbers::pi * kHalfCycle * 2.0 * progress)));
  }
  throw UserError("config.lr_scheduler_type", cat("lr_scheduler_type is \"", type, "\""),
                  "use linear, cosine or constant");
}

}  // namespace broadsheet
