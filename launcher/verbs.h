// The one table of verbs: parsing, help, "did you mean" and docs/cli.md are all made from it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace broadsheet {

struct OptionSpec {
  std::string name;   // without the two dashes
  std::string value;  // placeholder of its value; empty: a flag
  std::string help;   // one sentence
  bool repeatable = false;
};

struct PositionalSpec {
  std::string name;  // as help shows it: "RUN.yaml"
  size_t least = 1;
  size_t most = 1;  // 0: any number
};

struct VerbSpec {
  std::string name;
  std::string summary;  // one line of `broadsheet --help`
  PositionalSpec positional;
  std::vector<OptionSpec> options;  // those of its own; common ones are named by the flags below
  std::string text;                 // the page's body: what it does, what it writes
  std::vector<std::string> examples;
  bool takes_set = false, takes_dry_run = false;
  bool built = true;    // false: designed, not in this version
  bool engine = false;  // runs in broadsheet-engine, which links LibTorch
};

// In the order of the user's day.
const std::vector<VerbSpec>& verbs();
const VerbSpec* find_verb(std::string_view name);  // nullptr: unknown
// A verb's own options and the common ones that it takes, --json and --help last.
std::vector<OptionSpec> all_options(const VerbSpec& verb);

std::string main_help();
std::string verb_help(const VerbSpec& verb);
// The whole of docs/cli.md; a test keeps the file equal to it.
std::string cli_reference();

}  // namespace broadsheet
