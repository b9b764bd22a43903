// The best weights so far of a run that writes few checkpoints: in memory, and on a disk only when the run leaves.
//
// A trial of a sweep lasts seconds and is often thrown away: a checkpoint at each validation would cost more than the
// training. So a copy of what is trained is kept in memory, and put beside each checkpoint that does not hold it
// itself.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/fence.h"
#include "trainer/parallel/communicator.h"
#include "trainer/tasks/task.h"

namespace broadsheet {

class BestWeights {
 public:
  // `folder`: where put_away() writes a model folder (of transformers' layout, with the step in broadsheet.json);
  // empty: nothing is kept, and every method does nothing. All borrowed.
  BestWeights(std::string folder, Task& task, Communicator& ranks, const std::vector<std::string>& tokenizer_files);

  bool kept() const { return !folder_.empty(); }
  // The present weights are the best, those of `step`.
  void take(int64_t step);
  // First rank: the weights that take() was last given are on disk when it returns. RunError.
  void put_away(const Fence& fence);
  // Collective: the task has the weights of `step` again; false when neither memory nor disk holds them.
  bool restore(int64_t step);

 private:
  bool load(int64_t step);
  std::string folder_;
  Task& task_;
  Communicator& ranks_;
  std::vector<std::string> tokenizer_files_;
  int64_t step_ = -1, written_ = -1;
  std::vector<at::Tensor> copies_;  // of the trained parameters, in order
};

}  // namespace broadsheet
