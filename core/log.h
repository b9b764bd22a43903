// Logging. Logs go to stderr and, where set, to a file per rank; results go to stdout and never through here.
#pragma once

#include <string>

namespace broadsheet {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

struct LogOptions {
  LogLevel level = LogLevel::kInfo;
  bool console = true;  // whether lines reach the console at all (only the first rank's do)
  bool console_stdout =
      false;         // write console lines to stdout: a rank under our own mpirun talks to the launcher there
  std::string file;  // appended to; empty: none. File lines carry time (UTC, ms), level and rank.
  int rank = 0;
};

// Replaces the process's logger. Thread-safe thereafter. Before the first call lines go to stderr at kInfo.
void init_logging(const LogOptions& options);

void log_debug(const std::string& message);
void log_info(const std::string& message);
void log_warning(const std::string& message);
void log_error(const std::string& message);

// True when stderr is a terminal and NO_COLOR does not forbid: only then may a line be coloured or rewritten.
bool console_is_terminal();
bool colour_allowed();

}  // namespace broadsheet
