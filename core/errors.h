// The three kinds of error, because an operator can do three things: change something, retry, report a bug.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace broadsheet {

// Exit codes are part of the contract with scripts; see docs/cli.md.
enum class ExitCode : int {
  kDone = 0,
  kFailed = 1,    // the run failed; a retry may help
  kUser = 2,      // the user must change something: usage, config, data, model files
  kBug = 70,      // a bug of ours
  kStopped = 75,  // stopped early with a good checkpoint; run the same command again
  kHang = 124,    // the watchdog ended a hang
};

// A place in a file of the user's. line and column count from 1; 0 means unknown.
struct Place {
  std::string file;
  int line = 0;
  int column = 0;
};
// "file:line:column", leaving out what is unknown.
std::string to_string(const Place& place);

// One thing that is wrong. `what` names what was found and what was wanted, `remedy` what to do about it.
struct Fault {
  std::string code = "user";  // stable, dotted: "config.unknown_key", "data.rejected_share", "model.missing_tensor"
  Place place;
  std::string key;  // dotted configuration key, or empty
  std::string what;
  std::string remedy;
};
// "file:line:column: key: what; remedy"
std::string to_string(const Fault& fault);

// Base of every exception that Broadsheet throws on purpose. what() is the full message, one line per fault.
class Error : public std::runtime_error {
 public:
  Error(ExitCode exit_code, std::vector<Fault> faults);
  ExitCode exit_code() const { return exit_code_; }
  const std::vector<Fault>& faults() const { return faults_; }  // never empty

 private:
  ExitCode exit_code_;
  std::vector<Fault> faults_;
};

// The user must change something (exit 2).
class UserError : public Error {
 public:
  explicit UserError(std::vector<Fault> faults) : Error(ExitCode::kUser, std::move(faults)) {}
  explicit UserError(Fault fault) : UserError(std::vector<Fault>{std::move(fault)}) {}
  UserError(std::string code, std::string what, std::string remedy);
};

// The run failed for a reason outside the user's files: disk, network, a lost rank (exit 1).
class RunError : public Error {
 public:
  RunError(std::string code, std::string what, std::string remedy = "");
};

// A bug of ours (exit 70). Thrown by BROADSHEET_ASSERT, never for bad input.
class InternalError : public Error {
 public:
  explicit InternalError(std::string what);
};

// A collector: readers add every fault they find and throw once, so that the user sees all of them.
class Faults {
 public:
  void add(Fault fault) { faults_.push_back(std::move(fault)); }
  bool empty() const { return faults_.empty(); }
  const std::vector<Fault>& all() const { return faults_; }
  void throw_if_any() const;  // UserError with all of them

 private:
  std::vector<Fault> faults_;
};

[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

}  // namespace broadsheet

#define BROADSHEET_ASSERT(condition)                                                  \
  do {                                                                                \
    if (!(condition)) ::broadsheet::assertion_failed(#condition, __FILE__, __LINE__); \
  } while (false)
