#include "trainer/optim/fresh_memory.h"

#include <sys/mman.h>

#include <new>
#include <utility>

#include "core/errors.h"

namespace broadsheet {

struct FreshMemory::Mapping {
  explicit Mapping(size_t bytes) : size(bytes) {
    void* place = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (place == MAP_FAILED) throw std::bad_alloc();
    begin = static_cast<std::byte*>(place);
  }
  ~Mapping() { ::munmap(begin, size); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  std::byte* begin = nullptr;
  size_t size;
};

FreshMemory::FreshMemory(size_t bytes) {
  if (bytes > 0) mapping_ = std::make_shared<Mapping>(bytes);
}

at::DataPtr FreshMemory::take(size_t bytes) {
  if (bytes == 0) return {nullptr, at::Device(at::kCPU)};
  BROADSHEET_ASSERT(mapping_ && used_ + rounded(bytes) <= mapping_->size);
  std::byte* place = mapping_->begin + used_;
  used_ += rounded(bytes);
  auto owner = std::make_unique<std::shared_ptr<Mapping>>(mapping_);
  return {place, owner.release(), [](void* context) { delete static_cast<std::shared_ptr<Mapping>*>(context); },
          at::Device(at::kCPU)};
}

std::vector<at::Tensor> fresh_zeros_like(const std::vector<at::Tensor>& tensors) {
  size_t bytes = 0;
  for (const at::Tensor& tensor : tensors) bytes += FreshMemory::rounded(tensor.numel() * sizeof(float));
  FreshMemory memory(bytes);
  std::vector<at::Tensor> zeros;
  for (const at::Tensor& tensor : tensors) {
    const size_t size = tensor.numel() * sizeof(float);
    const at::Storage storage(at::Storage::use_byte_size_t(), size, memory.take(size), /*allocator=*/nullptr,
                              /*resizable=*/false);
    zeros.push_back(at::empty({0}, at::kFloat).set_(storage, 0, tensor.sizes()));
  }
  return zeros;
}

}  // namespace broadsheet
