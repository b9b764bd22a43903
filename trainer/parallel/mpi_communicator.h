// The MPI side of Communicator, for the files of this folder and for tests that need a part of the world.
#pragma once

// MPI's retired C++ bindings would need a library of their own.
#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#include <atomic>
#include <memory>
#include <vector>

#include "trainer/parallel/communicator.h"

namespace broadsheet {

// Throws RunError("mpi.<operation>") with MPI's own text when `result` is not MPI_SUCCESS.
void check_mpi(int result, const char* operation);

// Completes all requests by polling with short sleeps: a rank that waits must not take the core from a rank, or from a
// thread of its own, that computes (MPI_Wait spins). When `abandon` becomes true, throws RunError("mpi.abandoned"); the
// requests stay active then, and whoever owns their buffers must keep them.
void wait_all(std::vector<MPI_Request>& requests, const char* operation, const std::atomic<bool>* abandon = nullptr);

// A communicator of its own (a duplicate), MPI_ERRORS_RETURN set.
class MpiCommunicator : public Communicator {
 public:
  explicit MpiCommunicator(MPI_Comm parent);
  ~MpiCommunicator() override;
  MpiCommunicator(const MpiCommunicator&) = delete;
  MpiCommunicator& operator=(const MpiCommunicator&) = delete;

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  void barrier() override;
  std::vector<std::string> all_gather(const std::string& bytes) override;
  std::string broadcast(const std::string& bytes, int root) override;
  std::vector<double> sum(const std::vector<double>& values) override;
  std::vector<int64_t> sum(const std::vector<int64_t>& values) override;
  int64_t max(int64_t value) override;

  MPI_Comm handle() const { return handle_; }

 private:
  MPI_Comm handle_ = MPI_COMM_NULL;
  int rank_ = 0;
  int size_ = 1;
};

// A world of one that never touches MPI: what make_communicator() gives a process that is no rank.
std::unique_ptr<Communicator> make_world_of_one();

}  // namespace broadsheet
