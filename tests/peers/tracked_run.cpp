// Helper of tracking_resume.py: writes what a run of 60 steps leaves behind.
//   tracked_run FOLDER UNTIL [START]   tracks steps START + 1 .. UNTIL (START 0: from nothing, with the evaluation
//                                      before training), a validation every 10 steps
#include <cmath>
#include <cstdlib>
#include <iostream>

#include "experiments/tracking.h"

namespace {

broadsheet::StepRecord record(const char* kind, int64_t step) {
  broadsheet::StepRecord made;
  made.step = step;
  made.epoch = static_cast<double>(step) / 20;
  made.kind = kind;
  made.loss = 1 / (1 + std::sqrt(static_cast<double>(step)));
  made.tokens = 100 + step;
  made.examples = 16;
  made.seconds = 0.25;
  if (made.kind == "train") {
    made.learning_rate = 2e-5 * (1 - static_cast<double>(step) / 61);
    made.grad_norm = 1.0 / static_cast<double>(step);
  } else {
    made.metrics = {{"accuracy", 1 - made.loss}, {"macro_f1", 0.9 - made.loss}, {"loss", made.loss}, {"examples", 16}};
  }
  return made;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) {
    std::cerr << "usage: tracked_run FOLDER UNTIL [START]\n";
    return 2;
  }
  const int64_t until = std::atoll(arguments[2]), start = count > 3 ? std::atoll(arguments[3]) : 0;
  const std::string folder = arguments[1];
  const broadsheet::Fence fence = broadsheet::Fence::raise(folder + "/checkpoints", 1);
  broadsheet::RunTracker tracker({folder, fence, true, "macro_f1", true});
  tracker.on_start(start, 60, 20);
  // A resumed run evaluates the start again: it knows what it was.
  tracker.on_record(record("validation", 0));
  for (int64_t step = start + 1; step <= until; ++step) {
    tracker.on_record(record("train", step));
    if (step % 10 == 0) tracker.on_record(record("validation", step));
  }
  return 0;
}
