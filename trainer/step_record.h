// StepRecord: what one optimizer step (or one validation) did. metrics.jsonl holds the deterministic half,
// timings.jsonl the rest.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace broadsheet {

struct StepRecord {
  int64_t step = 0;  // steps done, 1.. after the first update; 0 for the evaluation before training
  double epoch = 0;  // examples seen / N
  std::string kind;  // "train" | "validation"
  double loss = 0;   // mean over the global batch's labels
  double learning_rate = 0;
  double grad_norm = 0;  // global L2 norm before clipping
  int64_t tokens = 0;    // real tokens of the global batch
  int64_t examples = 0;
  std::map<std::string, double> metrics;  // validation: accuracy, macro_f1, ...
  // Not deterministic: timings.jsonl only.
  double seconds = 0;
  std::map<std::string, double> phases;  // data, forward_backward, optimizer, validation, checkpoint
  // validation: the same of each rank, summed over the steps since the validation before; own_work is what a rank did
  // of data, forward and backward by itself, without waiting for others.
  std::vector<std::map<std::string, double>> ranks;
};

}  // namespace broadsheet
