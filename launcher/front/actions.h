// What each verb of `broadsheet` does: from the parsed command to an exit code.
#pragma once

#include <string>
#include <vector>

#include "launcher/command_line.h"

namespace broadsheet {

int do_init(const Command& command);
int do_tokenizer(const Command& command);
int do_prepare(const Command& command);
int do_inspect(const Command& command);
int do_check(const Command& command);
int do_train(const Command& command);
int do_report(const Command& command);
int do_export(const Command& command);
int do_verify(const Command& command);
int do_checkpoint(const Command& command);
int do_sweep(const Command& command);
int do_submit(const Command& command);
int do_status(const Command& command);
int do_logs(const Command& command);
int do_cancel(const Command& command);
// The run is asked for again: neither `cancel`'s mark nor its request, should nobody have answered it, holds any more.
void forget_cancel(const std::string& run_folder);
// Shows the runs' lines until all are over; 0 when all of them finished. `poll`: seconds between two questions to
// Slurm.
int watch_runs(const std::vector<std::string>& folders, int64_t seconds, double poll);
int do_doctor(const Command& command);
int do_schema(const Command& command);
int do_keywords(const Command& command);

// Becomes broadsheet-engine with these arguments.
[[noreturn]] void become_engine(const std::vector<std::string>& arguments);

}  // namespace broadsheet
