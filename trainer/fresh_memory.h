// Zeroed memory for many tensors at once: one mapping.
#pragma once

#include <ATen/ATen.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace broadsheet {

// Weights and moments are hundreds of megabytes. Taken page by page, as they are first written, they cost a resume more
// time than reading the checkpoint: kSoon takes all pages in one call, on a thread, zeroed by the kernel. Huge pages
// were tried: on a virtual machine the first use of each waits for the host, and a resume took from 0.1 s less to 0.5 s
// more.
class FreshMemory {
 public:
  enum class Pages { kSoon, kWhenTouched };
  // Room for pieces of `bytes` in all, each rounded up to kAlignment. std::bad_alloc when there is none.
  FreshMemory(size_t bytes, Pages pages);

  static constexpr size_t kAlignment = 64;
  static size_t rounded(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

  // The next piece. The mapping lives as long as any piece of it.
  at::DataPtr take(size_t bytes);

 private:
  struct Mapping;
  std::shared_ptr<Mapping> mapping_;
  size_t used_ = 0;
};

// A float32 tensor of zeros for each shape, alone in its storage; pages are taken soon.
std::vector<at::Tensor> fresh_zeros(const std::vector<std::vector<int64_t>>& shapes);

}  // namespace broadsheet
