#include "trainer/parallel/communicator.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "core/activity.h"
#include "core/errors.h"
#include "core/text.h"
#include "trainer/parallel/mpi_communicator.h"

namespace broadsheet {

bool started_as_rank() {
  return std::getenv("PMIX_RANK") != nullptr || std::getenv("OMPI_COMM_WORLD_RANK") != nullptr;
}

namespace {

class WorldOfOne : public Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  void barrier() override {}
  std::vector<std::string> all_gather(const std::string& bytes) override { return {bytes}; }
  std::string broadcast(const std::string& bytes, int) override { return bytes; }
  std::vector<double> sum(const std::vector<double>& values) override { return values; }
  std::vector<int64_t> sum(const std::vector<int64_t>& values) override { return values; }
  int64_t max(int64_t value) override { return value; }
};

// Declared as a base so that MPI is initialised before, and finalised after, the communicator.
struct MpiLibrary {
  MpiLibrary() {
    const WaitScope waiting("init");
    int provided = 0;
    check_mpi(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_MULTIPLE, &provided), "init");
    if (provided < MPI_THREAD_MULTIPLE)
      throw RunError("mpi.threads", "this MPI library gives no MPI_THREAD_MULTIPLE",
                     "use an Open MPI that was built with thread support");
  }
  ~MpiLibrary() {
    // MPI_Finalize waits for every rank. When this one is leaving because of an exception, the others never come.
    const WaitScope waiting("finalize");
    if (std::uncaught_exceptions() == 0) MPI_Finalize();
  }
};

class MpiWorld : private MpiLibrary, public MpiCommunicator {
 public:
  MpiWorld() : MpiCommunicator(MPI_COMM_WORLD) {}
};

}  // namespace

std::unique_ptr<Communicator> make_world_of_one() {
  return std::make_unique<WorldOfOne>();
}

std::unique_ptr<Communicator> make_communicator() {
  if (!started_as_rank()) return make_world_of_one();
  return std::make_unique<MpiWorld>();
}

void abort_all_ranks(int exit_code) {
  std::fflush(stdout);
  std::fflush(stderr);
  int initialized = 0, finalized = 0;
  MPI_Initialized(&initialized);
  MPI_Finalized(&finalized);
  if (initialized && !finalized) MPI_Abort(MPI_COMM_WORLD, exit_code);
  _exit(exit_code);
}

namespace {

std::atomic<bool> stop_flag{false}, asked_to_leave{false};
std::atomic<bool> term_is_a_notice{false};
static_assert(std::atomic<bool>::is_always_lock_free, "the signal handler needs it");

// USR1 and USR2 are notices: Slurm's comes before its TERM, and the launcher passes one on beside it.
extern "C" void on_stop_signal(int number) {
  stop_flag.store(true);
  const bool asks = number == SIGINT || (number == SIGTERM && !term_is_a_notice.load());
  if (asks && asked_to_leave.exchange(true)) _exit(128 + number);
}

}  // namespace

void install_stop_signals() {
  // Slurm sends TERM when it preempts and once more when the time to leave is over; what is left until KILL is for
  // saving.
  term_is_a_notice.store(std::getenv("SLURM_JOB_ID") != nullptr);
  sigset_t held;
  sigemptyset(&held);
  struct sigaction action = {};
  action.sa_handler = on_stop_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int number : {SIGINT, SIGTERM, SIGUSR1, SIGUSR2}) {
    sigaddset(&held, number);
    if (sigaction(number, &action, nullptr) != 0)
      throw RunError("signals", cat("no handler for signal ", number, " could be installed"));
  }
  sigprocmask(SIG_UNBLOCK, &held, nullptr);  // `broadsheet` may have held them until now
}

bool stop_requested() {
  return stop_flag.load();
}
void request_stop() {
  stop_flag.store(true);
}
void clear_stop_request() {
  stop_flag.store(false);
  asked_to_leave.store(false);
}

}  // namespace broadsheet
