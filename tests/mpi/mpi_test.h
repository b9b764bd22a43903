// What the tests under mpirun share. Every test runs on all ranks and must hold for any number of them: mpirun starts
// the same program with one, two, three and four. An expectation that fails on any rank ends all of them at once.
#pragma once

#include <string>

#include "trainer/parallel/communicator.h"

namespace broadsheet {

// All ranks; alive while tests run.
Communicator& world();
// A folder that all ranks see, new on every call (collective). It stays when a test fails.
std::string shared_folder(const std::string& name);
// A new attempt on what lies under `root`: its number, for TrainerOptions::attempt. Collective over `ranks`.
int64_t begin_attempt(const std::string& root, Communicator& ranks);
// Names, sizes and checksums of the newest checkpoint's files: equal texts, equal weights, optimizer and state.
// Collective.
std::string newest_parts(const std::string& checkpoint_root);

}  // namespace broadsheet
