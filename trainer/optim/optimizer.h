// Optimizers: AdamW and SGD with momentum, both with decoupled weight decay (Loshchilov and Hutter, "Decoupled weight
// decay regularization", ICLR 2019), and clipping by the global norm. One pass over the state per update
// (trainer/optim/kernels.h).
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "checkpoints/safetensors.h"
#include "trainer/config.h"
#include "trainer/models/model.h"

namespace broadsheet {

// Updates the parameters it was made with from their grad(). Holds references to their tensors.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  // One update from the gradients times `gradient_scale` (clip_factor()). Parameters whose `decay` is false are not
  // decayed. A parameter that is not trained, or has no gradient, is the caller's mistake.
  virtual void update(double learning_rate, double gradient_scale = 1.0) = 0;

  // For a checkpoint that is written while training goes on: the bytes of the parameters and of state() stay as they
  // are, where they are, until release() (Note [Twin buffers] in trainer/optim/twin_buffers.h).
  virtual void hold() = 0;
  virtual void release() = 0;

  // Everything that the next update depends on, by name: "exp_avg.<parameter>", "updates" (int64 [1]), ...
  // The tensors are the optimizer's own: writing into them sets its state.
  struct NamedState {
    std::string name;
    at::Tensor tensor;
  };
  virtual std::vector<NamedState> state() = 0;
};

// By TrainConfig::optim: adamw | sgd. UserError("config.optim") for another.
std::unique_ptr<Optimizer> make_optimizer(const std::vector<Parameter>& parameters, const TrainConfig& config);

// Borrowed views of the state, to be written or to be filled.
std::vector<TensorView> optimizer_views(const std::vector<Optimizer::NamedState>& state);
// L2 norm over all gradients, in double and in an order that depends on nothing but the shapes: the same bits on every
// rank, whatever the buckets and threads.
double global_gradient_norm(const std::vector<Parameter>& parameters);
// What the gradients are scaled by so that their norm becomes at most max_norm, as torch.nn.utils.clip_grad_norm_:
// max_norm / (norm + 1e-6) where that is below 1, else 1. max_norm 0: never.
double clip_factor(double norm, double max_norm);

}  // namespace broadsheet
