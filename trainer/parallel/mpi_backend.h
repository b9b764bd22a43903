// The data plane: a c10d::Backend over MPI, for the Reducer and for ProcessGroup.
//
// Note [Rank-order sums]: an all-reduce here adds each element as ((x0 + x1) + x2) + ..., by rank, whatever the
// message's length, the bucket it lies in or the piece it is sent in. MPI_Allreduce does not promise that (at three
// ranks its bits change with the length), and the Reducer rebuilds its buckets after the first step, so a resumed run
// has other buckets than the one that was killed. Because every sum is element-wise and in rank order, their gradients
// are equal anyway.
//
// Algorithm (trainer/parallel/rank_order_sum.h): the message is cut into pieces of bounded size; of each piece, rank r
// owns a contiguous slice, receives that slice from every other rank, adds the W versions in rank order, and the sums
// are gathered again.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <vector>

#include "core/work_queue.h"
#include "trainer/parallel/communicator.h"

namespace broadsheet {

// Operations are queued and executed in order by one thread of the backend's own, so each call returns at once with a
// Work whose future completes later: this is what lets reductions overlap with the backward pass. An error in the
// thread becomes the future's error. Tensors must be contiguous, on the CPU, one per call. Threads: call from one
// thread at a time. A world of one takes the same way without messages.
class MpiBackend : public c10d::Backend {
 public:
  // "posted" when the caller queues an all-reduce, "summed" when it is done (from the backend's thread).
  using Trace = std::function<void(const char* event, int64_t bytes)>;

  // Collective over `ranks`, whose communicator is duplicated: no message of ours meets one of the control plane.
  explicit MpiBackend(const Communicator& ranks);
  // Operations that cannot complete any more (another rank has failed) are abandoned with their buffers.
  ~MpiBackend() override;

  const std::string getBackendName() const override { return "mpi"; }
  // SUM only; float32, float64, bfloat16, float16 (both summed in float32 and rounded once), int32, int64, uint8.
  c10::intrusive_ptr<c10d::Work> allreduce(std::vector<at::Tensor>& tensors,
                                           const c10d::AllreduceOptions& options = {}) override;
  c10::intrusive_ptr<c10d::Work> broadcast(std::vector<at::Tensor>& tensors,
                                           const c10d::BroadcastOptions& options = {}) override;
  c10::intrusive_ptr<c10d::Work> allgather(std::vector<std::vector<at::Tensor>>& outputs,
                                           std::vector<at::Tensor>& inputs,
                                           const c10d::AllgatherOptions& options = {}) override;
  c10::intrusive_ptr<c10d::Work> barrier(const c10d::BarrierOptions& options = {}) override;

  // When the last all-reduce was asked for, by the caller's work clock.
  int64_t last_posted_ns() const { return last_posted_; }
  void set_trace(Trace trace) { trace_ = std::move(trace); }
  // Bytes of one piece; tests make it small.
  void set_piece_bytes(int64_t bytes) { piece_bytes_ = bytes; }

 private:
  struct Wire;
  c10::intrusive_ptr<c10d::Work> post(c10d::OpType type, std::vector<at::Tensor> result, std::function<void()> execute);
  void sum_tensor(at::Tensor tensor);

  std::unique_ptr<Wire> wire_;  // null in a world of one
  Trace trace_;
  std::atomic<int64_t> piece_bytes_{8 << 20};
  std::atomic<int64_t> last_posted_{0};

  WorkQueue queue_;  // last: ends before what its operations use
};

// A ProcessGroup whose CPU backend is `backend`.
c10::intrusive_ptr<c10d::ProcessGroup> make_process_group(const c10::intrusive_ptr<MpiBackend>& backend);

}  // namespace broadsheet
