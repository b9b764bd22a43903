// The control plane over MPI: votes, gathers and barriers between ranks. Gradients go through MpiBackend instead, on a
// communicator of their own. All sums are in rank order, so their bits do not depend on message lengths.
// Errors: MPI_ERRORS_RETURN is set; a failing call is RunError("mpi.*") naming the operation.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace broadsheet {

// True when this process was started as an MPI rank: PMIX_RANK or OMPI_COMM_WORLD_RANK is set, and only then.
bool started_as_rank();

class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  bool first() const { return rank() == 0; }

  virtual void barrier() = 0;
  virtual std::vector<std::string> all_gather(const std::string& bytes) = 0;  // by rank
  virtual std::string broadcast(const std::string& bytes, int root) = 0;
  // Element-wise over ranks, in rank order.
  virtual std::vector<double> sum(const std::vector<double>& values) = 0;
  virtual std::vector<int64_t> sum(const std::vector<int64_t>& values) = 0;
  virtual int64_t max(int64_t value) = 0;
};

// The MPI world when started_as_rank(), with MPI_THREAD_MULTIPLE; otherwise a world of one that never touches MPI.
// At most one per process; its destructor finalises MPI.
std::unique_ptr<Communicator> make_communicator();
// Ends every rank at once with this exit code (MPI_Abort), after a rank failed. In a world of one: _exit.
[[noreturn]] void abort_all_ranks(int exit_code);

// Set by a signal (INT, TERM, USR1, USR2), read between steps; the ranks vote on it together.
// install_stop_signals() makes each set the flag, also those that were held until now, and a second INT or TERM leave
// at once (exit 128 + n); in a Slurm job TERM is only a notice.
void install_stop_signals();
bool stop_requested();
void request_stop();        // as a signal does; tests
void clear_stop_request();  // tests

}  // namespace broadsheet
