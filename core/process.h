// Another program, asked something: started without a shell, ended when it takes too long.
#pragma once

#include <string>
#include <string_view>
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

struct ProgramQuestion {
  double seconds = 0;             // how long it may take
  std::string hopeless = "";      // not empty: it is ended as soon as it has said this on stderr
  std::string_view input = "";    // what it reads on stdin, as far as it reads; then the end
  bool outside_of_ranks = false;  // without the variables that would make an MPI program a rank of this job
};
// command[0] is looked up in PATH. The program is in a process group of its own, which is killed after `seconds`.
// No copy of this process's memory is made for it, so it may be large and have any threads.
// Throws RunError("process.system") only when this process has no descriptors or processes left.
ProgramAnswer ask_program(const std::vector<std::string>& command, const ProgramQuestion& question);
ProgramAnswer ask_program(const std::vector<std::string>& command, double seconds);
ProgramAnswer ask_program(const std::vector<std::string>& command, double seconds, const std::string& hopeless);

// The first folder of PATH that has it, with it; empty: none has.
std::string find_in_path(const std::string& program);

}  // namespace broadsheet
