#include "trainer/parallel/mpi_backend.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <limits>
#include <utility>

#include "core/errors.h"
#include "core/keep.h"
#include "core/text.h"
#include "core/work_clock.h"
#include "trainer/parallel/mpi_communicator.h"
#include "trainer/parallel/rank_order_sum.h"

namespace broadsheet {

namespace {

class MpiWork : public c10d::Work {
 public:
  MpiWork(int rank, c10d::OpType type)
      : Work(rank, type),
        future_(c10::make_intrusive<c10::ivalue::Future>(c10::ListType::create(c10::TensorType::get()))) {}
  bool isCompleted() override { return future_->completed(); }
  bool isSuccess() const override { return future_->completed() && !future_->hasError(); }
  bool wait(std::chrono::milliseconds) override {
    future_->waitAndThrow();
    return true;
  }
  c10::intrusive_ptr<c10::ivalue::Future> getFuture() override { return future_; }

 private:
  c10::intrusive_ptr<c10::ivalue::Future> future_;
};

at::Tensor checked(const std::vector<at::Tensor>& tensors) {
  BROADSHEET_ASSERT(tensors.size() == 1 && tensors[0].is_contiguous() && tensors[0].is_cpu());
  return tensors[0];
}

}  // namespace

// What crosses the wire, used by the queue's thread only.
struct MpiBackend::Wire {
  Wire(const MpiCommunicator& ranks, const std::atomic<bool>& abandon_flag)
      : communicator(ranks.handle()), abandon(abandon_flag), rank_order(*this) {}

  void wait(std::vector<MPI_Request>& requests, const char* operation) { wait_all(requests, operation, &abandon); }

  // The transport of RankOrderSum.
  int rank() const { return communicator.rank(); }
  int size() const { return communicator.size(); }
  void exchange(const std::vector<Message>& messages, const char* what) {
    std::vector<MPI_Request> requests(2 * messages.size());
    for (size_t i = 0; i < messages.size(); ++i) {
      const Message& one = messages[i];
      check_mpi(MPI_Irecv(one.receive, static_cast<int>(one.receive_bytes), MPI_BYTE, one.peer, one.tag,
                          communicator.handle(), &requests[2 * i]),
                "irecv");
      check_mpi(MPI_Isend(one.send, static_cast<int>(one.send_bytes), MPI_BYTE, one.peer, one.tag,
                          communicator.handle(), &requests[2 * i + 1]),
                "isend");
    }
    wait(requests, what);
  }

  // In pieces: MPI counts are 32-bit.
  void broadcast(char* data, int64_t size, int root) {
    for (int64_t start = 0; start < size; start += kMaxMessage) {
      std::vector<MPI_Request> requests(1);
      const int count = static_cast<int>(std::min(kMaxMessage, size - start));
      check_mpi(MPI_Ibcast(data + start, count, MPI_BYTE, root, communicator.handle(), &requests[0]), "broadcast");
      wait(requests, "broadcast");
    }
  }

  void gather(const char* input, const std::vector<char*>& outputs, int64_t size) {
    BROADSHEET_ASSERT(size * communicator.size() <= std::numeric_limits<int>::max());
    scratch.resize(static_cast<size_t>(size * communicator.size()));
    std::vector<MPI_Request> requests(1);
    check_mpi(MPI_Iallgather(input, static_cast<int>(size), MPI_BYTE, scratch.data(), static_cast<int>(size), MPI_BYTE,
                             communicator.handle(), &requests[0]),
              "all_gather");
    wait(requests, "all_gather");
    for (size_t rank = 0; rank < outputs.size(); ++rank) std::memcpy(outputs[rank], scratch.data() + rank * size, size);
  }

  static constexpr int64_t kMaxMessage = int64_t{1} << 30;
  MpiCommunicator communicator;
  const std::atomic<bool>& abandon;
  RankOrderSum<Wire> rank_order;
  std::vector<char> scratch;
};

MpiBackend::MpiBackend(const Communicator& ranks) : Backend(ranks.rank(), ranks.size()) {
  if (ranks.size() == 1) return;
  const auto* world = dynamic_cast<const MpiCommunicator*>(&ranks);
  BROADSHEET_ASSERT(world != nullptr);
  wire_ = std::make_unique<Wire>(*world, queue_.closing());
}

MpiBackend::~MpiBackend() = default;

c10::intrusive_ptr<c10d::Work> MpiBackend::post(c10d::OpType type, std::vector<at::Tensor> result,
                                                std::function<void()> execute) {
  auto work = c10::make_intrusive<MpiWork>(getRank(), type);
  queue_.post(std::move(execute), [this, work, result = std::move(result)](const std::exception_ptr& failure) {
    if (!failure) return work->getFuture()->markCompleted(result);
    work->getFuture()->setError(failure);
    // Messages may still be under way into its buffers: they are kept for the rest of the process.
    if (wire_) keep_forever(std::move(wire_));
  });
  return work;
}

void MpiBackend::sum_tensor(at::Tensor tensor) {
  const int64_t count = tensor.numel(), piece = piece_bytes_;
  void* data = tensor.data_ptr();
  switch (tensor.scalar_type()) {
    case at::kFloat:
      return wire_->rank_order.sum(static_cast<float*>(data), count, piece);
    case at::kDouble:
      return wire_->rank_order.sum(static_cast<double*>(data), count, piece);
    case at::kBFloat16:
      return wire_->rank_order.sum<at::BFloat16, float>(static_cast<at::BFloat16*>(data), count, piece);
    case at::kHalf:
      return wire_->rank_order.sum<at::Half, float>(static_cast<at::Half*>(data), count, piece);
    case at::kInt:
      return wire_->rank_order.sum(static_cast<int32_t*>(data), count, piece);
    case at::kLong:
      return wire_->rank_order.sum(static_cast<int64_t*>(data), count, piece);
    case at::kByte:
      return wire_->rank_order.sum(static_cast<uint8_t*>(data), count, piece);
    default:
      throw InternalError(cat("all-reduce of ", at::toString(tensor.scalar_type())));
  }
}

c10::intrusive_ptr<c10d::Work> MpiBackend::allreduce(std::vector<at::Tensor>& tensors,
                                                     const c10d::AllreduceOptions& options) {
  BROADSHEET_ASSERT(options.reduceOp.op_ == c10d::ReduceOp::SUM);
  const at::Tensor tensor = checked(tensors);
  const int64_t bytes = static_cast<int64_t>(tensor.nbytes());
  last_posted_ = work_clock_ns();
  if (trace_) trace_("posted", bytes);
  return post(c10d::OpType::ALLREDUCE, tensors, [this, tensor, bytes] {
    if (wire_) sum_tensor(tensor);
    if (trace_) trace_("summed", bytes);
  });
}

c10::intrusive_ptr<c10d::Work> MpiBackend::broadcast(std::vector<at::Tensor>& tensors,
                                                     const c10d::BroadcastOptions& options) {
  const at::Tensor tensor = checked(tensors);
  return post(c10d::OpType::BROADCAST, tensors, [this, tensor, root = options.rootRank] {
    if (wire_)
      wire_->broadcast(static_cast<char*>(tensor.data_ptr()), static_cast<int64_t>(tensor.nbytes()),
                       static_cast<int>(root));
  });
}

c10::intrusive_ptr<c10d::Work> MpiBackend::allgather(std::vector<std::vector<at::Tensor>>& outputs,
                                                     std::vector<at::Tensor>& inputs, const c10d::AllgatherOptions&) {
  const at::Tensor input = checked(inputs);
  BROADSHEET_ASSERT(outputs.size() == 1 && static_cast<int>(outputs[0].size()) == getSize());
  return post(c10d::OpType::ALLGATHER, outputs[0], [this, input, tensors = outputs[0]] {
    if (!wire_) {
      tensors[0].copy_(input);
      return;
    }
    std::vector<char*> pointers;
    for (const at::Tensor& tensor : tensors) {
      BROADSHEET_ASSERT(tensor.is_contiguous() && tensor.nbytes() == input.nbytes());
      pointers.push_back(static_cast<char*>(tensor.data_ptr()));
    }
    wire_->gather(static_cast<const char*>(input.data_ptr()), pointers, static_cast<int64_t>(input.nbytes()));
  });
}

c10::intrusive_ptr<c10d::Work> MpiBackend::barrier(const c10d::BarrierOptions&) {
  return post(c10d::OpType::BARRIER, {}, [this] {
    if (wire_) wire_->communicator.barrier();
  });
}

c10::intrusive_ptr<c10d::ProcessGroup> make_process_group(const c10::intrusive_ptr<MpiBackend>& backend) {
  auto group = c10::make_intrusive<c10d::ProcessGroup>(backend->getRank(), backend->getSize());
  group->setBackend(c10::DeviceType::CPU, c10d::ProcessGroup::BackendType::CUSTOM, backend);
  group->setDefaultBackend(c10d::ProcessGroup::BackendType::CUSTOM);
  return group;
}

}  // namespace broadsheet
