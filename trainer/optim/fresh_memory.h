// Zeroed memory for many tensors at once: one mapping.
#pragma once

#include <ATen/ATen.h>

#include <cstddef>
#include <memory>

namespace broadsheet {

// Pages cost nothing until they are touched, and are zeros then: state that is read from a checkpoint is written once,
// not zeroed first. Huge pages were tried: on a virtual machine the first use of each waits for the host, and a resume
// took from 0.1 s less to 0.5 s more.
class FreshMemory {
 public:
  // Room for pieces of `bytes` in all, each rounded up to kAlignment. std::bad_alloc when there is none.
  explicit FreshMemory(size_t bytes);

  static constexpr size_t kAlignment = 64;
  static size_t rounded(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

  // The next piece. The mapping lives as long as any piece of it.
  at::DataPtr take(size_t bytes);

 private:
  struct Mapping;
  std::shared_ptr<Mapping> mapping_;
  size_t used_ = 0;
};

// A float32 tensor of zeros of the same shape for each of `tensors`, each alone in its storage.
std::vector<at::Tensor> fresh_zeros_like(const std::vector<at::Tensor>& tensors);

}  // namespace broadsheet
