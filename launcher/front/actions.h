// What each verb of `broadsheet` does: from the parsed command to an exit code.
#pragma once

#include <string>
#include <vector>

#include "launcher/command_line.h"

namespace broadsheet {

int do_init(const Command& command);
int do_prepare(const Command& command);
int do_inspect(const Command& command);
int do_check(const Command& command);
int do_train(const Command& command);
int do_report(const Command& command);
int do_export(const Command& command);
int do_verify(const Command& command);
int do_checkpoint(const Command& command);
int do_doctor(const Command& command);
int do_schema(const Command& command);

// Becomes broadsheet-engine with these arguments.
[[noreturn]] void become_engine(const std::vector<std::string>& arguments);

}  // namespace broadsheet
