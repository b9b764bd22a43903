// Verbs whose work several processes share through files, and which go on from what a killed one has left: prepare,
// predict.
#pragma once

#include <optional>

#include "data/preparation/work_board.h"

namespace broadsheet {

// This process as one of several that srun or mpirun has started; nothing when it is alone.
std::optional<Workers> workers_of_job();

// It may be told to leave at any moment: SIGINT, SIGTERM and their like end the process at once, with code 75 and the
// word that the same command goes on.
void leave_when_told();

}  // namespace broadsheet
