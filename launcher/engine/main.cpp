// broadsheet-engine: what needs LibTorch and MPI. Started by `broadsheet`, directly or as ranks of mpirun; see
// launcher/local_ranks.h for what the launcher expects of a rank.
#include <malloc.h>
#include <torch/version.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <iostream>

#include "core/log.h"
#include "core/text.h"
#include "data/library_version.h"
#include "launcher/answer.h"
#include "launcher/engine/models.h"
#include "launcher/engine/rank_watchdog.h"
#include "launcher/engine/run.h"
#include "launcher/engine/worker.h"
#include "launcher/local_ranks.h"
#include "launcher/program.h"
#include "trainer/parallel/library_version.h"

namespace broadsheet {
namespace {

constexpr useconds_t kLetFirstRankSpeak = 500'000;

// Every step takes and gives back the same tensors. malloc would fetch the large ones from the kernel each time, page
// by page, zeroed: a twentieth of a step of a small model.
void keep_freed_memory() {
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
  mallopt(M_TOP_PAD, 64 << 20);
}

int rank_of_environment() {
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK"}) {
    if (const char* value = std::getenv(name)) return std::atoi(value);
  }
  return 0;
}

// Under the launcher the first rank's messages travel on stdout, which mpirun keeps apart from its own. stdout is a
// terminal of mpirun's making, so lines are rewritten in place as on the real one. What libraries say while everything
// ends goes where mpirun's words go.
class Console {
 public:
  Console() {
    const bool ours = std::getenv(kAttemptVariable) != nullptr && started_as() == StartedAs::kRank;
    if (ours && rank_of_environment() == 0) {
      stderr_ = dup(STDERR_FILENO);
      dup2(STDOUT_FILENO, STDERR_FILENO);
    }
  }
  void hush() const {
    if (stderr_ >= 0) dup2(stderr_, STDERR_FILENO);
  }

 private:
  int stderr_ = -1;
};

int run_verb(const Command& command) {
  if (command.version) {
    print_json({{"version", program_version()},
                {"build", program_build_id()},
                {"libtorch", TORCH_VERSION},
                {"mpi", mpi_library_version()},
                {"hdf5", hdf5_library_version()}});
    return 0;
  }
  if (command.verb == nullptr || !command.verb->engine) {
    throw UserError("usage.engine", "broadsheet-engine is started by broadsheet", "type `broadsheet` instead");
  }
  if (command.verb->name == "evaluate") return evaluate(command);
  if (command.verb->name == "predict") return predict(command);
  if (command.verb->name == "generate") return generate(command);
  RankWatchdog watchdog;
  const auto ranks = make_communicator();
  OpenParts parts;
  const int code = run(make_request(command), *ranks, watchdog, parts).exit_code;
  if (ranks->first()) record_job_end(code);  // before anybody's end: that of the communicator is everybody's
  return code;
}

int end_failed(const Failure& failure, bool json, const Console& console) {
  const int rank = rank_of_environment();
  const bool one_of_many = started_as() == StartedAs::kRank;
  const char* attempt = std::getenv(kAttemptVariable);
  if (const std::string job = job_start_folder(); !job.empty()) record_failure(job, rank, failure);
  if (attempt != nullptr) {
    if (!record_failure(attempt, rank, failure)) report_failure(failure, /*json=*/false);
    try {
      LogOptions log;
      log.console = false;  // the launcher shows it, as the last line
      log.rank = rank;
      log.file = RunDirectory::join("", attempt).rank_log(rank);
      init_logging(log);
      log_error(failure.message);
    } catch (...) {
    }
  } else {
    // What all ranks find alike need not be said by all.
    if (one_of_many && rank != 0 && failure.exit_code == static_cast<int>(ExitCode::kUser)) usleep(kLetFirstRankSpeak);
    report_failure(failure, json && rank == 0);
  }
  console.hush();
  if (one_of_many) abort_all_ranks(failure.exit_code);
  return failure.exit_code;
}

}  // namespace
}  // namespace broadsheet

int main(int argc, char** argv) {
  broadsheet::keep_freed_memory();
  // From now on a signal is a wish to save and leave, not the end: under srun it may come at any moment.
  if (broadsheet::started_as() == broadsheet::StartedAs::kRank) broadsheet::install_stop_signals();
  broadsheet::settle_as_rank();
  const broadsheet::Console console;
  const bool json = broadsheet::wants_json(argc, argv);
  try {
    // No verbs of the user's: doctor asks, and the sweep's driver.
    if (argc > 1 && std::string_view(argv[1]) == "--hello") return broadsheet::hello({argv + 2, argv + argc});
    if (argc == 3 && std::string_view(argv[1]) == broadsheet::kWorkerFlag) return broadsheet::serve_trials(argv[2]);
    return broadsheet::run_verb(broadsheet::parse_command_line({argv + 1, argv + argc}));
  } catch (...) {
    return broadsheet::end_failed(broadsheet::current_failure(), json, console);
  }
}
