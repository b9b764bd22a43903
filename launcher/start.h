// From the command line of `train` to a checked configuration; the same in the launcher and in a rank.
#pragma once

#include <string>
#include <vector>

#include "experiments/run_config.h"
#include "experiments/run_directory.h"
#include "launcher/command_line.h"

namespace broadsheet {

struct RunRequest {
  std::string file;            // run.yaml
  std::vector<Override> sets;  // with --ranks among them
  std::string folder;          // of the run, absolute; empty until load_and_check()
  RunChoice choice;
  std::vector<std::string> command;  // as typed, for command.txt
  bool json = false;
  bool quiet = false;       // nothing on the console: one of many runs of a worker
  Incarnation incarnation;  // of a job's start; empty: that of the Slurm job around it, if there is one
};

// UserError when --ranks is given to a process that is a rank already.
RunRequest make_request(const Command& command);
// Reads the file and checks it against the disk: every fault at once. Fills request.folder.
RunConfig load_and_check(RunRequest& request);

}  // namespace broadsheet
