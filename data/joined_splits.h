// A corpus whose validation split belongs to the training: for the last run of all, when there is nothing left to
// choose.
#pragma once

#include <memory>

#include "data/shards.h"

namespace broadsheet {

// The documents of `corpus` with those of validation behind those of train, and an empty validation split. Its
// fingerprint is its own.
std::shared_ptr<const ShardSet> train_on_validation(std::shared_ptr<const ShardSet> corpus);

}  // namespace broadsheet
