// broadsheet: answers at once, without LibTorch and MPI, and starts broadsheet-engine for what needs them.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>

#include "core/text.h"
#include "experiments/run_config.h"
#include "launcher/answer.h"
#include "launcher/front/actions.h"
#include "launcher/local_ranks.h"
#include "launcher/program.h"
#include "launcher/sweep/workers.h"

namespace broadsheet {

void become_engine(const std::vector<std::string>& arguments) {
  const std::string engine = engine_path();
  std::vector<char*> argv = {const_cast<char*>(engine.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  std::fflush(stdout);
  execv(engine.c_str(), argv.data());
  throw RunError("install.engine", cat(engine, ": ", std::strerror(errno)));
}

namespace {

// The keys of the file that a verb reads follow its own page.
std::string keys_of(const VerbSpec& verb) {
  if (verb.name == "train") return "\n" + configuration_help("run");
  if (verb.name == "prepare" || verb.name == "tokenizer") return "\n" + configuration_help("corpus");
  if (verb.name == "sweep") return "\n" + configuration_help("sweep");
  return "";
}

int run(const Command& command, const std::vector<std::string>& arguments) {
  static const std::map<std::string, int (*)(const Command&)> actions = {
      {"init", do_init},           {"prepare", do_prepare},   {"inspect", do_inspect},       {"check", do_check},
      {"train", do_train},         {"report", do_report},     {"export", do_export},         {"verify", do_verify},
      {"doctor", do_doctor},       {"schema", do_schema},     {"checkpoint", do_checkpoint}, {"submit", do_submit},
      {"status", do_status},       {"logs", do_logs},         {"cancel", do_cancel},         {"sweep", do_sweep},
      {"tokenizer", do_tokenizer}, {"keywords", do_keywords},
  };
  if (command.version) {
    print_text(cat("broadsheet ", program_version(), " (build ", program_build_id().substr(0, 12), ")\n"));
    return 0;
  }
  if (command.help) {
    print_text(command.verb == nullptr ? main_help() : verb_help(*command.verb) + keys_of(*command.verb));
    return arguments.empty() ? static_cast<int>(ExitCode::kUser) : 0;
  }
  const auto action = actions.find(command.verb->name);
  if (action == actions.end()) become_engine(arguments);
  return action->second(command);
}

}  // namespace
}  // namespace broadsheet

int main(int argc, char** argv) {
  // A rank becomes the engine, which has handlers: until then nothing that srun passes on may end it.
  if (broadsheet::started_as() == broadsheet::StartedAs::kRank) broadsheet::hold_stop_signals();
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 2 && arguments[0] == broadsheet::kWorkerFlag) {
    return broadsheet::answer(/*json=*/false, [&] {
      if (broadsheet::started_as() == broadsheet::StartedAs::kRank) broadsheet::become_engine(arguments);
      return broadsheet::supervise_worker(arguments[1]);
    });
  }
  return broadsheet::answer(broadsheet::wants_json(argc, argv),
                            [&] { return broadsheet::run(broadsheet::parse_command_line(arguments), arguments); });
}
