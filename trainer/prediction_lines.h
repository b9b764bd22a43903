// What a model says of every document of a split, as lines of JSON: {"id" where the corpus has one, "row", "truth",
// and what Task::predict_batch says}.
#pragma once

#include <string>

#include "data/shards.h"
#include "trainer/parallel/communicator.h"
#include "trainer/tasks/task.h"

namespace broadsheet {

class PredictionLines {
 public:
  // `examples`: Task::examples_of the corpus, which run_evaluation is given too. All borrowed.
  PredictionLines(Task& task, const ShardSet& examples, Split split);
  // The next batch of this rank's part, as run_evaluation hands them out. UserError("evaluate.no_predictions") for a
  // task that says nothing of a document as a whole.
  void add(const Batch& batch);
  // Collective: those of all ranks in the order of the split.
  std::string all(Communicator& ranks) const;

 private:
  Task& task_;
  const ShardSet& examples_;
  Split split_;
  std::string id_field_, text_;
};

}  // namespace broadsheet
