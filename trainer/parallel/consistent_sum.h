// train.reduction: consistent. The sum over micro-batches in one fixed binary tree (trainer/parallel/tree.h): the same
// bits on any number of ranks, as long as kernels and threads per rank are the same.
//
// Cost against DataParallel: a buffer of the gradient's size for each node that a rank holds at a time, at most two for
// each level of the tree; reductions do not overlap with the backward pass, and every node that is left crosses the
// wire. Measured in docs/performance.md.
#pragma once

#include <ATen/ATen.h>

#include <memory>
#include <vector>

#include "trainer/parallel/gradient_sum.h"
#include "trainer/parallel/tree.h"

namespace broadsheet {

class MpiCommunicator;

class ConsistentSum : public GradientSum {
 public:
  ConsistentSum(ParameterList& parameters, Communicator& ranks, ModelValues values = ModelValues::kRead);
  ~ConsistentSum() override;

  void begin_step(const LeafRun& micro_batches) override;
  void backward(const at::Tensor& loss, bool last) override;
  void end_step() override;
  double sum_losses(const std::vector<double>& mine) override;
  int64_t computed_at_ns() const override { return computed_at_; }
  const std::vector<Parameter>& trained() const override { return trained_; }

  // Elements of one message's worth of gradient; tests make it small.
  void set_piece(int64_t elements) { piece_ = elements; }

 private:
  using Tree = TreeSum<at::Tensor>;
  at::Tensor take_buffer();
  void point_gradients_to(const at::Tensor& flat);
  void sum_over_ranks(at::Tensor& result);
  void sum_piece(std::vector<Tree::Node>& mine, at::Tensor& result, int64_t start, int64_t count);

  Communicator& ranks_;
  std::unique_ptr<MpiCommunicator> wire_;  // null in a world of one
  std::vector<Parameter> trained_;
  int64_t elements_ = 0;
  int64_t piece_ = int64_t{1} << 20;

  int64_t computed_at_ = 0;
  LeafRun run_;
  int64_t next_ = 0;  // leaf
  Tree tree_;
  at::Tensor current_, result_;   // where gradients accumulate; the last step's sum
  std::vector<at::Tensor> pool_;  // flat buffers that nobody uses now
  std::vector<at::Tensor> received_;
};

}  // namespace broadsheet
