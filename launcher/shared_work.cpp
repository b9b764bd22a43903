#include "launcher/shared_work.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <initializer_list>
#include <string>

#include "core/errors.h"
#include "core/text.h"
#include "launcher/local_ranks.h"
#include "launcher/program.h"

namespace broadsheet {
namespace {

std::string first_of(std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (const char* value = std::getenv(name)) return value;
  return "";
}

}  // namespace

std::optional<Workers> workers_of_job() {
  if (started_as() == StartedAs::kAlone) return std::nullopt;
  Workers workers;
  workers.rank = std::atoll(first_of({"OMPI_COMM_WORLD_RANK", "SLURM_PROCID", "PMIX_RANK"}).c_str());
  workers.count = std::atoll(first_of({"OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS"}).c_str());
  const std::string job = first_of({"SLURM_JOB_ID"}), step = first_of({"SLURM_STEP_ID"});
  // PMIx gives each start of the ranks a name of its own.
  workers.start =
      printable(job.empty() ? first_of({"PMIX_NAMESPACE"}) : cat(job, ".", step, ".", job_incarnation().restart));
  std::replace(workers.start.begin(), workers.start.end(), '/', '-');
  return workers;
}

void leave_when_told() {
  struct sigaction leave {};
  leave.sa_handler = [](int) {
    static constexpr char kWords[] = "\nstopped; the same command goes on from what is done\n";
    [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, kWords, sizeof kWords - 1);
    ::_exit(static_cast<int>(ExitCode::kStopped));
  };
  sigset_t told;
  sigemptyset(&told);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}) {
    sigaddset(&told, number);
    ::sigaction(number, &leave, nullptr);
  }
  ::sigprocmask(SIG_UNBLOCK, &told, nullptr);  // held since the start of a rank
}

}  // namespace broadsheet
