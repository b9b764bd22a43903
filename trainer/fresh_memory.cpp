#include "trainer/fresh_memory.h"

#include <c10/util/accumulate.h>
#include <sys/mman.h>

#include <new>
#include <thread>
#include <utility>

#include "core/errors.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23  // since Linux 5.14
#endif

namespace broadsheet {
namespace {

constexpr size_t kWorthAThread = size_t{16} << 20;

}  // namespace

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

FreshMemory::FreshMemory(size_t bytes, Pages pages) {
  if (bytes == 0) return;
  mapping_ = std::make_shared<Mapping>(bytes);
  if (pages == Pages::kWhenTouched || bytes < kWorthAThread) return;
  // Beside whatever comes next; whoever touches a page before that gets it as always. Where the kernel is too old for
  // this call, all pages come that way.
  std::thread([mapping = mapping_] { ::madvise(mapping->begin, mapping->size, MADV_POPULATE_WRITE); }).detach();
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

std::vector<at::Tensor> fresh_zeros(const std::vector<std::vector<int64_t>>& shapes) {
  std::vector<size_t> sizes;
  size_t all = 0;
  for (const std::vector<int64_t>& shape : shapes) {
    sizes.push_back(static_cast<size_t>(c10::multiply_integers(shape)) * sizeof(float));
    all += FreshMemory::rounded(sizes.back());
  }
  FreshMemory memory(all, FreshMemory::Pages::kSoon);
  std::vector<at::Tensor> zeros;
  for (size_t i = 0; i < shapes.size(); ++i) {
    const at::Storage storage(at::Storage::use_byte_size_t(), sizes[i], memory.take(sizes[i]), /*allocator=*/nullptr,
                              /*resizable=*/false);
    zeros.push_back(at::empty({0}, at::kFloat).set_(storage, 0, shapes[i]));
  }
  return zeros;
}

}  // namespace broadsheet
