#include "launcher/start.h"

#include "core/errors.h"
#include "core/path.h"
#include "core/text.h"
#include "experiments/check.h"
#include "launcher/local_ranks.h"

namespace broadsheet {

RunRequest make_request(const Command& command) {
  RunRequest request;
  request.file = command.positionals.at(0);
  request.sets = command.sets;
  request.command = command.original;
  request.choice = {command.has("fresh"), command.has("resume")};
  request.json = command.json;
  if (command.has("run-dir")) request.folder = absolute_path(command.value("run-dir"));
  if (const auto ranks = command.number("ranks", 1, 1'000'000)) {
    if (started_as() == StartedAs::kRank) {
      throw UserError("usage.ranks", "--ranks: this process was started as a rank already, by mpirun or srun",
                      "leave --ranks out, or leave mpirun or srun out");
    }
    request.sets.push_back({"launch.ranks", cat(*ranks)});
  }
  return request;
}

RunConfig load_and_check(RunRequest& request) {
  Origins origins;
  RunConfig config = load_run_config(request.file, request.sets, &origins);
  check_run(config, &origins);
  if (request.folder.empty()) request.folder = absolute_path(config.run_dir());
  return config;
}

}  // namespace broadsheet
