// Metrics that a program of the user's computes (validation.external): it gets the lines of PredictionLines on stdin
// and answers with one JSON object of numbers on stdout.
#pragma once

#include <string>
#include <vector>

#include "trainer/parallel/communicator.h"
#include "trainer/trainer.h"

namespace broadsheet {

inline constexpr double kExternalSeconds = 3600;

// Collective. The first rank runs the program, by itself, without a shell, in a process group of its own and without
// the variables that make a process a rank; all ranks get what it answered, by the names external.NAME. Meanwhile the
// ranks hear of each other every second: to a watchdog it is no hang. `lines`: of the first rank.
// On all ranks: UserError("validation.external") when it cannot be started or its answer is not such an object;
// RunError when it fails, is ended by a signal or takes longer than `seconds`. Both say what it said last.
MetricValues external_metrics(const std::vector<std::string>& command, const std::string& lines, Communicator& ranks,
                              double seconds = kExternalSeconds);

// The numbers of an answer, by external.NAME; UserError as above.
MetricValues read_external_metrics(const std::string& program, const std::string& answer);

}  // namespace broadsheet
