// Note [A frozen trunk is computed once]: where nothing below the head is trained, the trunk runs without dropout, and
// what it makes of a document is the same in every epoch, run and trial. So it is computed once for a corpus and kept
// beside it (data/feature_store.h), under a key that names the weights, the texts and the code; training and evaluation
// begin with the row that the head reads. The sample order, the cutting into micro-batches, the head's dropout and all
// counts are those of a run that computes the trunk every time. The rows do not depend on the number of ranks: the
// documents are cut into passes before ranks are considered.
#pragma once

#include <cstdint>
#include <string>

#include "data/shards.h"
#include "trainer/parallel/communicator.h"
#include "trainer/tasks/task.h"

namespace broadsheet {

struct FeatureUse {
  std::string file;      // empty: the task computes its trunk in every pass
  std::string checksum;  // of the rows: equal rows, equal bits
  int64_t computed = 0;  // documents that the trunk ran on for it, by all ranks; 0: they were there already
};

// Collective, with the same weights on every rank. Gives the task the rows of `corpus` from `folder`, where it can use
// some (Task::feature_width), and computes and keeps them first where there are none or they are damaged. Where another
// run computes them just now, it waits for that one (data/feature_claim.h). A folder that
// cannot be read or written, or is not the same for all ranks, is a warning, and the task goes on without. An empty
// folder's name: without.
FeatureUse take_features(Task& task, const ShardSet& corpus, const std::string& folder, Communicator& ranks);

}  // namespace broadsheet
