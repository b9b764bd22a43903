// Another program, asked something: started without a shell, given no input, ended when it takes too long.
#pragma once

#include <string>
#include <vector>

namespace broadsheet {

struct ProgramAnswer {
  int status = -1;         // exit status, or 128+n after signal n; -1: it could not be started
  bool timed_out = false;  // it was ended; `out` and `err` hold what it had said
  bool given_up = false;   // likewise, and before its time: it had said that it would go on in vain
  std::string out, err;    // at most kMostAnswer bytes of each, the rest is read and dropped
  bool good() const { return status == 0 && !timed_out; }
  // What it said last on stderr, else on stdout: up to three lines in one, fit for a message.
  std::string last_words() const;
};
inline constexpr size_t kMostAnswer = size_t{16} << 20;

// command[0] is looked up in PATH. The program is in a process group of its own, which is killed after `seconds`.
// Throws RunError("process.system") only when this process has no descriptors or processes left.
ProgramAnswer ask_program(const std::vector<std::string>& command, double seconds);
// Also ends it as soon as it has said `hopeless` on stderr.
ProgramAnswer ask_program(const std::vector<std::string>& command, double seconds, const std::string& hopeless);

// The first folder of PATH that has it, with it; empty: none has.
std::string find_in_path(const std::string& program);

}  // namespace broadsheet
