// Faults on purpose, for the tests of what happens then: BROADSHEET_FAULT="kind:key=value:key=value;..."
//   nan:rank=1:step=7:tensor=NAME[:value=nan|inf|-inf]   one element of that rank's gradient, before ranks are summed
//   flip:rank=1:step=7:tensor=NAME                       one bit of a weight, after that step's update
//   flip_moment:rank=1:step=7:tensor=NAME                one bit of AdamW's first moment, likewise
//   skip:step=7                                          no rank updates in that step, as after a gradient of NaN
//   die:rank=1:step=7                                    SIGKILL in that step
//   slow:rank=1:milliseconds=50                          that long in every step
//   stop:rank=1:step=7:phase=save                        SIGSTOP when that phase (core/activity.h) begins
// Steps count from 1, as in metrics.jsonl. Without the variable nothing here does anything.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "trainer/models/model.h"
#include "trainer/optim/optimizer.h"

namespace broadsheet {

class Injection {
 public:
  // Of this process's environment; a warning tells of every fault that is set. UserError("fault.syntax").
  static Injection from_environment(const std::vector<Parameter>& trained, int rank);
  static Injection parse(const std::string& text, const std::vector<Parameter>& trained, int rank);

  void before_step(int64_t step);
  bool skips(int64_t step) const;
  void after_update(int64_t step, const std::vector<Parameter>& trained, Optimizer& optimizer) const;

 private:
  struct Entry {
    std::string kind, tensor;
    double value = 0;
    int64_t step = 0, milliseconds = 0;
  };
  std::vector<Entry> entries_;             // those of this rank
  std::shared_ptr<int64_t> present_step_;  // shared with the hooks on the gradients, which live as long as the tensors
};

}  // namespace broadsheet
