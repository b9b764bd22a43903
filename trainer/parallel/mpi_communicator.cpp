#include "trainer/parallel/mpi_communicator.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <limits>

#include "core/activity.h"
#include "core/errors.h"
#include "core/text.h"
#include "trainer/parallel/polling.h"

namespace broadsheet {

void check_mpi(int result, const char* operation) {
  if (result == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = "unknown error";
  int length = 0;
  MPI_Error_string(result, text, &length);
  throw RunError(cat("mpi.", operation), cat("MPI ", operation, " failed: ", text),
                 "another rank may have ended; its message comes first");
}

void wait_all(std::vector<MPI_Request>& requests, const char* operation, const std::atomic<bool>* abandon) {
  const auto test = [&] {
    int done = 0;
    check_mpi(MPI_Testall(static_cast<int>(requests.size()), requests.data(), &done, MPI_STATUSES_IGNORE), operation);
    return done != 0;
  };
  poll_until(test, operation, abandon);
}

namespace {

void wait_one(MPI_Request request, const char* operation) {
  std::vector<MPI_Request> requests{request};
  wait_all(requests, operation);
}

int message_size(size_t size, const char* operation) {
  if (size > static_cast<size_t>(std::numeric_limits<int>::max()))
    throw RunError(cat("mpi.", operation), cat("a message of ", size, " bytes is too large for one ", operation));
  return static_cast<int>(size);
}

}  // namespace

MpiCommunicator::MpiCommunicator(MPI_Comm parent) {
  const WaitScope waiting("comm_dup");
  check_mpi(MPI_Comm_dup(parent, &handle_), "comm_dup");
  check_mpi(MPI_Comm_set_errhandler(handle_, MPI_ERRORS_RETURN), "comm_set_errhandler");
  check_mpi(MPI_Comm_rank(handle_, &rank_), "comm_rank");
  check_mpi(MPI_Comm_size(handle_, &size_), "comm_size");
}

MpiCommunicator::~MpiCommunicator() {
  // While an exception flies the other ranks do not come here: freeing would wait for them.
  if (std::uncaught_exceptions() == 0) MPI_Comm_free(&handle_);
}

void MpiCommunicator::barrier() {
  MPI_Request request;
  check_mpi(MPI_Ibarrier(handle_, &request), "barrier");
  wait_one(request, "barrier");
}

std::vector<std::string> MpiCommunicator::all_gather(const std::string& bytes) {
  const int mine = message_size(bytes.size(), "all_gather");
  std::vector<int> sizes(size_), offsets(size_);
  MPI_Request request;
  check_mpi(MPI_Iallgather(&mine, 1, MPI_INT, sizes.data(), 1, MPI_INT, handle_, &request), "all_gather");
  wait_one(request, "all_gather");
  size_t total = 0;
  for (int rank = 0; rank < size_; ++rank) {
    offsets[rank] = message_size(total, "all_gather");
    total += static_cast<size_t>(sizes[rank]);
  }
  std::string all(total, '\0');
  check_mpi(MPI_Iallgatherv(bytes.data(), mine, MPI_BYTE, all.data(), sizes.data(), offsets.data(), MPI_BYTE, handle_,
                            &request),
            "all_gather");
  wait_one(request, "all_gather");
  std::vector<std::string> parts;
  for (int rank = 0; rank < size_; ++rank) parts.push_back(all.substr(offsets[rank], sizes[rank]));
  return parts;
}

std::string MpiCommunicator::broadcast(const std::string& bytes, int root) {
  int64_t size = static_cast<int64_t>(bytes.size());
  MPI_Request request;
  check_mpi(MPI_Ibcast(&size, 1, MPI_INT64_T, root, handle_, &request), "broadcast");
  wait_one(request, "broadcast");
  std::string result = rank_ == root ? bytes : std::string(static_cast<size_t>(size), '\0');
  check_mpi(MPI_Ibcast(result.data(), message_size(result.size(), "broadcast"), MPI_BYTE, root, handle_, &request),
            "broadcast");
  wait_one(request, "broadcast");
  return result;
}

namespace {

// Gathered and added here, in rank order: MPI_Allreduce may add in another order for another length.
template <class T>
std::vector<T> sum_in_rank_order(MpiCommunicator& ranks, const std::vector<T>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  std::vector<T> total(values.size(), T{0}), part(values.size());
  for (const std::string& gathered : ranks.all_gather(bytes)) {
    if (gathered.size() != bytes.size())
      throw RunError("mpi.sum",
                     cat("ranks disagree on the length of a sum: ", gathered.size(), " and ", bytes.size(), " bytes"));
    std::memcpy(part.data(), gathered.data(), bytes.size());
    for (size_t i = 0; i < total.size(); ++i) total[i] += part[i];
  }
  return total;
}

}  // namespace

std::vector<double> MpiCommunicator::sum(const std::vector<double>& values) {
  return sum_in_rank_order(*this, values);
}
std::vector<int64_t> MpiCommunicator::sum(const std::vector<int64_t>& values) {
  return sum_in_rank_order(*this, values);
}

int64_t MpiCommunicator::max(int64_t value) {
  int64_t largest = value;
  MPI_Request request;
  check_mpi(MPI_Iallreduce(&value, &largest, 1, MPI_INT64_T, MPI_MAX, handle_, &request), "max");
  wait_one(request, "max");
  return largest;
}

}  // namespace broadsheet
