// predict over a file, by any number of processes, going on where a killed one has stopped.
//
// The input is cut at line ends into pieces. A piece's answers are a file of their own beside the output, which appears
// when it is whole; at the end the pieces are joined in order. So order, and which lines are rejected, do not depend on
// who did what or when.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "core/durable.h"
#include "data/preparation/work_board.h"
#include "launcher/engine/predictor.h"

namespace broadsheet {

struct PredictFileRequest {
  std::string model, input, output;  // absolute; the output is replaced
  int64_t ranks = 1;                 // copies of this process that share the work
  std::optional<Workers> task;       // or this process as one of several that somebody else has started
  int threads = 1;                   // of each
  Incarnation incarnation = {};
};

// The counts are the first rank's. To be called while this process has one thread. UserError("predict.no_good_line"),
// ("lock.held") when somebody else works on this output.
PredictCounts predict_file(const PredictFileRequest& request);

}  // namespace broadsheet
