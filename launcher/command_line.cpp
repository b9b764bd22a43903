#include "launcher/command_line.h"

#include <algorithm>
#include <boost/program_options.hpp>
#include <charconv>
#include <cmath>

#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

namespace options = boost::program_options;

std::string did_you_mean(const std::string& found, const std::vector<std::string>& candidates,
                         const std::string& dashes) {
  const std::string near = nearest(found, candidates);
  return near.empty() ? "" : cat("did you mean ", dashes, near, "? ");
}

[[noreturn]] void unknown_option(const VerbSpec& verb, std::string found) {
  std::vector<std::string> names;
  for (const OptionSpec& option : all_options(verb)) names.push_back(option.name);
  const size_t start = found.find_first_not_of('-');
  const std::string bare = start == std::string::npos ? "" : found.substr(start, found.find('=') - start);
  throw UserError("usage.unknown_option", cat("broadsheet ", verb.name, ": unknown option ", found),
                  cat(did_you_mean(bare, names, "--"), "`broadsheet ", verb.name, " --help` lists its options"));
}

const VerbSpec& verb_named(const std::string& name) {
  const VerbSpec* verb = find_verb(name);
  if (verb == nullptr) {
    std::vector<std::string> names;
    for (const VerbSpec& known : verbs()) names.push_back(known.name);
    throw UserError("usage.unknown_verb", cat("unknown verb ", name),
                    cat(did_you_mean(name, names, ""), "`broadsheet --help` lists the verbs"));
  }
  return *verb;
}

options::options_description describe(const VerbSpec& verb) {
  options::options_description description;
  for (const OptionSpec& option : all_options(verb)) {
    if (option.value.empty()) {
      description.add_options()(option.name.c_str(), "");
    } else {
      description.add_options()(option.name.c_str(), options::value<std::vector<std::string>>(), "");
    }
  }
  description.add_options()("positional arguments", options::value<std::vector<std::string>>(), "");
  return description;
}

options::parsed_options parse(const VerbSpec& verb, const std::vector<std::string>& arguments) {
  using options::command_line_style::style_t;
  const options::options_description description = describe(verb);
  options::positional_options_description positional;
  positional.add("positional arguments", -1);
  try {
    return options::command_line_parser(arguments)
        .options(description)
        .positional(positional)
        .style(style_t::allow_long | style_t::long_allow_adjacent | style_t::long_allow_next)
        .run();
  } catch (const options::unknown_option& error) {
    unknown_option(verb, error.get_option_name());
  } catch (const options::error& error) {
    throw UserError("usage.option", cat("broadsheet ", verb.name, ": ", error.what()),
                    cat("see `broadsheet ", verb.name, " --help`"));
  }
}

Override parse_set(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw UserError("usage.set", cat("--set ", text, ": wanted KEY=VALUE"),
                    "for example --set train.learning_rate=1e-5");
  }
  return {text.substr(0, equals), text.substr(equals + 1)};
}

void check_positionals(const Command& command) {
  const VerbSpec& verb = *command.verb;
  const PositionalSpec& wanted = verb.positional;
  const size_t found = command.positionals.size();
  if (found < wanted.least) {
    throw UserError("usage.missing", cat("broadsheet ", verb.name, ": ", wanted.name, " is missing"),
                    cat("see `broadsheet ", verb.name, " --help`"));
  }
  const bool bounded = wanted.name.empty() || wanted.most > 0;
  if (bounded && found > wanted.most) {
    throw UserError("usage.superfluous",
                    cat("broadsheet ", verb.name, ": found ", command.positionals[wanted.most], ", wanted no ",
                        wanted.most == 0 ? "argument" : "further argument"),
                    cat("see `broadsheet ", verb.name, " --help`"));
  }
}

bool is_repeatable(const VerbSpec& verb, const std::string& name) {
  return std::any_of(verb.options.begin(), verb.options.end(),
                     [&](const OptionSpec& option) { return option.name == name && option.repeatable; });
}

void take(Command& command, const options::option& option, const VerbSpec& verb) {
  if (option.string_key == "positional arguments") {
    for (const std::string& value : option.value) {
      if (value.size() > 1 && value[0] == '-') unknown_option(verb, value);
      command.positionals.push_back(value);
    }
  } else if (option.string_key == "set") {
    for (const std::string& value : option.value) command.sets.push_back(parse_set(value));
  } else if (is_repeatable(verb, option.string_key)) {
    command.options[option.string_key] = option.value.at(0);
    command.repeated[option.string_key].push_back(option.value[0]);
  } else {
    const bool repeated =
        !command.options.emplace(option.string_key, option.value.empty() ? "" : option.value[0]).second;
    if (repeated) {
      throw UserError("usage.repeated", cat("broadsheet ", verb.name, ": --", option.string_key, " is given twice"),
                      "give it once");
    }
  }
}

}  // namespace

std::string Command::value(const std::string& option, const std::string& otherwise) const {
  const auto found = options.find(option);
  return found == options.end() ? otherwise : found->second;
}

std::optional<int64_t> Command::number(const std::string& option, int64_t least, int64_t most) const {
  if (!has(option)) return std::nullopt;
  const std::string text = value(option);
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < least || number > most) {
    throw UserError("usage.number", cat("--", option, " ", text, ": wanted a whole number from ", least, " to ", most),
                    cat("for example --", option, " ", std::max<int64_t>(least, 2)));
  }
  return number;
}

std::optional<double> Command::real(const std::string& option) const {
  if (!has(option)) return std::nullopt;
  const std::string text = value(option);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(number))
    throw UserError("usage.number", cat("--", option, " ", text, ": wanted a number"),
                    cat("for example --", option, " 0.8"));
  return number;
}

std::vector<std::string> Command::values(const std::string& option) const {
  const auto found = repeated.find(option);
  return found == repeated.end() ? std::vector<std::string>{} : found->second;
}

Command parse_command_line(const std::vector<std::string>& arguments) {
  Command command;
  command.original = arguments;
  if (arguments.empty() || arguments[0] == "--help") {
    command.help = true;
    return command;
  }
  if (arguments[0] == "--version") {
    command.version = true;
    return command;
  }
  if (arguments[0][0] == '-') {
    throw UserError("usage.verb_first", cat("found ", arguments[0], ", wanted a verb first"),
                    "`broadsheet --help` lists the verbs");
  }
  const VerbSpec& verb = verb_named(arguments[0]);
  command.verb = &verb;
  const std::vector<std::string> rest(arguments.begin() + 1, arguments.end());
  command.json = std::find(rest.begin(), rest.end(), "--json") != rest.end();
  if (std::find(rest.begin(), rest.end(), "--help") != rest.end()) {
    command.help = true;
    return command;
  }
  if (!verb.built) {
    throw UserError("not_in_this_version", cat("broadsheet ", verb.name, " is not in this version"),
                    "`broadsheet --help` lists the verbs that are");
  }
  for (const options::option& option : parse(verb, rest).options) take(command, option, verb);
  command.dry_run = command.has("dry-run");
  check_positionals(command);
  return command;
}

}  // namespace broadsheet
