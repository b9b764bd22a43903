// Gradients summed over micro-batches and ranks: what a step needs, whatever the way. DataParallel is the fast way
// (train.reduction: fast), ConsistentSum the one whose bits do not depend on the number of ranks (consistent).
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "trainer/models/model.h"
#include "trainer/parallel/communicator.h"
#include "trainer/parallel/tree.h"

namespace broadsheet {

class GradientSum {
 public:
  virtual ~GradientSum() = default;

  // One step is: begin_step(); for each micro-batch of this rank's run a forward pass and backward(); end_step(). Then
  // every trained parameter's grad() holds the sum over all micro-batches of all ranks, equal in bits on every rank.
  // All but backward() are collective, also for a rank whose run is empty.
  virtual void begin_step(const LeafRun& micro_batches) = 0;
  virtual void backward(const at::Tensor& loss, bool last) = 0;
  virtual void end_step() = 0;
  // The losses of this rank's micro-batches summed over all ranks. Collective.
  virtual double sum_losses(const std::vector<double>& mine) = 0;

  // When this rank had computed its own share of the last step, by its work clock (core/work_clock.h); what came after
  // was waiting for others.
  virtual int64_t computed_at_ns() const = 0;

  virtual const std::vector<Parameter>& trained() const = 0;
};

// `reduction`: fast | consistent. Collective: checks that all ranks hold the same parameters (RunError
// "parallel.parameters") and copies rank 0's values to the others, unless they follow: every rank reads them from a
// checkpoint. `parameters` and `ranks` must outlive the result.
std::unique_ptr<GradientSum> make_gradient_sum(const std::string& reduction, ParameterList& parameters,
                                               Communicator& ranks, ModelValues values = ModelValues::kRead);

}  // namespace broadsheet
