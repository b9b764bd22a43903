// Where the threads of this process are, for the log of a process that hangs. Addresses are those of the program and
// its libraries, with names where the symbols are public; addr2line names the rest.
#pragma once

#include <string>

namespace broadsheet {

// Installs the signal's handler and loads what unwinding needs: not to be done for the first time while things hang.
void prepare_stack_dump();
// Appends the stacks of all other threads to `file`. Takes at most half a second; a thread that does not answer its
// signal is named. Never throws.
void dump_stacks(const std::string& file) noexcept;

}  // namespace broadsheet
