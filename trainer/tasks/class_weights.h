// What each class counts in the training's loss (task.class_weights).
#pragma once

#include <vector>

#include "data/shards.h"
#include "trainer/config.h"

namespace broadsheet {

// By class id of the label field; empty where no weights are asked for. "balanced", with n documents in the train
// split: one class per text: n / (classes * documents of the class), as scikit-learn's compute_class_weight; several
// labels: documents without the label / documents with it. A class without documents weighs 0, with several labels 1.
// Reads every label of the split then. Rounded to multiples of 2^-24 (Task::loss_weight).
std::vector<double> class_weights(const TaskConfig& task, const ShardSet& corpus);

}  // namespace broadsheet
