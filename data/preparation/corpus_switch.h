// A corpus becomes another one in its place: new files are moved in beside the old ones under names that nothing has,
// then the manifest is replaced by one rename. Killed before, it is the old corpus; after, the new one, whole in both
// cases. What neither lists goes.
#pragma once

#include <string>

#include "data/manifest.h"

namespace broadsheet {

// "train-00000.h5" -> "train-00000.1.h5" -> "train-00000.2.h5"
std::string next_revision(const std::string& name);

// `staged` has a manifest and those of its files that `folder` has not, all of them on disk, on the same file system.
// Goes on where a killed one has stopped. What is left in `folder` of the old corpus is removed.
void switch_corpus(const std::string& staged, const std::string& folder);

// Removes the files of our kinds (shards, seen files, lists of rejects, half-written manifests) that the manifest does
// not list. Nothing else is touched.
void remove_leftovers(const std::string& folder, const Manifest& manifest);

}  // namespace broadsheet
