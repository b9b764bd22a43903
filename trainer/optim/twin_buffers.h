// A second set of buffers for a set of tensors, so that a checkpoint needs no copy.
//
// Note [Twin buffers]: a checkpoint is written from the very memory that holds the state at its step. hold() promises
// that this memory stays as it is: the next update then writes the new state into the second buffers, which become the
// tensors' memory (flip), while the writer goes on reading the first ones. Forward and backward passes only read
// weights, so training never waits for the writer and nothing is copied. After release() the first buffers are the
// spare ones for the next time. The price is memory: one more copy of the tensors, from the first update after a
// hold() on.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

namespace broadsheet {

// Not for several threads: hold, flip and release between steps, from the training thread.
class TwinBuffers {
 public:
  // float32 tensors on the CPU, each alone in its storage; held by reference.
  explicit TwinBuffers(std::vector<at::Tensor> tensors);

  size_t size() const { return tensors_.size(); }
  uint64_t bytes() const;  // of one set

  // What the tensors hold now stays readable, unchanged, at its present addresses until release().
  void hold();
  void release();
  bool held() const { return state_ != State::kFree; }

  // Where the update shall write the new values of tensor i: its own memory, or the second buffer while the first is
  // held. Call flip() when all are written.
  float* target(size_t i);
  void flip();

 private:
  enum class State { kFree, kHeld, kFlipped };
  std::vector<at::Tensor> tensors_;
  std::vector<at::DataPtr> spare_;  // empty until first needed
  State state_ = State::kFree;
};

}  // namespace broadsheet
