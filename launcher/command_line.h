// The command line: exact option names, every fault with its remedy.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "experiments/run_config.h"
#include "launcher/verbs.h"

namespace broadsheet {

struct Command {
  const VerbSpec* verb = nullptr;  // nullptr: only --help or --version
  std::vector<std::string> positionals;
  std::map<std::string, std::string> options;  // given options by name, without --set; a flag's value is ""
  std::map<std::string, std::vector<std::string>> repeated;  // those of them that may be given several times
  std::vector<Override> sets;
  std::vector<std::string> original;  // the arguments as they were given
  bool json = false, dry_run = false, help = false, version = false;

  bool has(const std::string& option) const { return options.count(option) > 0; }
  std::string value(const std::string& option, const std::string& otherwise = "") const;
  // The option as a whole number in [least, most]; UserError("usage.number") names the option and what was found.
  std::optional<int64_t> number(const std::string& option, int64_t least, int64_t most) const;
  // As a finite number.
  std::optional<double> real(const std::string& option) const;
  // All values of a repeatable option, in their order.
  std::vector<std::string> values(const std::string& option) const;
};

// arguments: argv without the program's name. Throws UserError ("usage.*"): unknown verb or option with the nearest
// name, a missing or superfluous argument, a verb that is not in this version.
Command parse_command_line(const std::vector<std::string>& arguments);

}  // namespace broadsheet
