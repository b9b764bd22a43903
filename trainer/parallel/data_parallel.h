// Gradients over all ranks: c10d::Reducer, driven as DistributedDataParallel drives it, but summing instead of
// averaging.
#pragma once

#include <ATen/ATen.h>

#include <memory>
#include <vector>

#include "trainer/models/model.h"
#include "trainer/parallel/communicator.h"
#include "trainer/parallel/gradient_sum.h"
#include "trainer/parallel/mpi_backend.h"

namespace c10d {
class Reducer;
}

namespace broadsheet {

// One step is: begin_step(); then for each micro-batch loss = forward(...); backward(loss, is_last).
// After the last backward every trained parameter's grad() holds the sum over all micro-batches of all ranks, equal in
// bits on every rank. Gradients are views into the Reducer's buckets: zeroed in place, never replaced.
// Every rank must call backward(..., true) exactly once per step, also a rank without examples (Task::loss_sum of an
// empty batch touches every parameter). Before it, any number of backward(..., false): these stay local (no_sync).
class DataParallel : public GradientSum {
 public:
  // Collective. Checks that all ranks hold the same parameters (names, shapes, which are trained): RunError
  // ("parallel.parameters") otherwise. Copies rank 0's values to the others. Only parameters that require gradients are
  // reduced; there must be at least one. `parameters` and `ranks` must outlive this object.
  DataParallel(ParameterList& parameters, Communicator& ranks, ModelValues values = ModelValues::kRead);
  ~DataParallel() override;

  // Zeroes the gradients; after the first step the buckets are rebuilt here in the order in which gradients came.
  void begin_step();
  void begin_step(const LeafRun&) override { begin_step(); }
  void backward(const at::Tensor& loss, bool last) override;
  void end_step() override {}  // the last backward waited for the sums
  double sum_losses(const std::vector<double>& mine) override;
  int64_t computed_at_ns() const override { return backend_->last_posted_ns(); }

  const std::vector<Parameter>& trained() const override { return trained_; }
  MpiBackend& backend() { return *backend_; }

 private:
  Communicator& ranks_;
  c10::intrusive_ptr<MpiBackend> backend_;
  c10::intrusive_ptr<c10d::ProcessGroup> group_;
  std::vector<Parameter> trained_;
  std::unique_ptr<c10d::Reducer> reducer_;
};

// Collective: checks names, shapes and which are trained, copies rank 0's values to the others unless they follow, and
// returns the trained ones.
std::vector<Parameter> share_parameters(ParameterList& parameters, Communicator& ranks, ModelValues values);

}  // namespace broadsheet
