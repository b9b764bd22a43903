// Learning-rate schedules with warm-up: linear, cosine, constant, exactly as transformers'
// get_{linear,cosine,constant}_schedule_with_warmup (optimization.py). Pure functions of the update's number: a resumed
// run needs no state for them.
#pragma once

#include <cstdint>
#include <string>

namespace broadsheet {

struct Schedule {
  std::string type = "linear";  // linear | cosine | constant: TrainConfig::lr_scheduler_type
  int64_t warmup_steps = 0;
  int64_t total_steps = 0;

  // What the learning rate is multiplied by in update number `step` (0 for the first): with warm-up the first is 0.
  // Throws UserError("config.lr_scheduler_type") for another type.
  double factor(int64_t step) const;
};

}  // namespace broadsheet
