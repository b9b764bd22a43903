#include "trainer/optim/twin_buffers.h"

#include <utility>

#include "core/errors.h"
#include "trainer/fresh_memory.h"

namespace broadsheet {

TwinBuffers::TwinBuffers(std::vector<at::Tensor> tensors) : tensors_(std::move(tensors)) {
  for (const at::Tensor& tensor : tensors_) {
    BROADSHEET_ASSERT(tensor.is_cpu() && tensor.is_contiguous() && tensor.scalar_type() == at::kFloat);
    BROADSHEET_ASSERT(tensor.storage_offset() == 0 && tensor.storage().nbytes() == tensor.nbytes());
  }
}

uint64_t TwinBuffers::bytes() const {
  uint64_t sum = 0;
  for (const at::Tensor& tensor : tensors_) sum += tensor.nbytes();
  return sum;
}

void TwinBuffers::hold() {
  BROADSHEET_ASSERT(state_ == State::kFree);
  state_ = State::kHeld;
  if (!spare_.empty()) return;
  size_t bytes = 0;
  for (const at::Tensor& tensor : tensors_) bytes += FreshMemory::rounded(tensor.nbytes());
  FreshMemory memory(bytes, FreshMemory::Pages::kWhenTouched);  // training waits for hold()
  for (const at::Tensor& tensor : tensors_) spare_.push_back(memory.take(tensor.nbytes()));
}

void TwinBuffers::release() {
  state_ = State::kFree;
}

float* TwinBuffers::target(size_t i) {
  if (state_ == State::kHeld) return static_cast<float*>(spare_[i].get());
  return static_cast<float*>(tensors_[i].mutable_data_ptr());
}

void TwinBuffers::flip() {
  if (state_ != State::kHeld) return;
  for (size_t i = 0; i < tensors_.size(); ++i) spare_[i] = tensors_[i].storage().set_data_ptr(std::move(spare_[i]));
  state_ = State::kFlipped;
}

}  // namespace broadsheet
