// What is wrong with numbers, and on which rank: non-finite updates and replicas that have drifted apart.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/models/model.h"
#include "trainer/parallel/communicator.h"

namespace broadsheet {

// 64 bits over every value of every parameter: equal hashes, equal bits. Two memory passes a second are plenty: about
// as long as reading the weights once.
uint64_t replica_hash(const ParameterList& parameters);

// Collective. Empty when all ranks hold the same bits; else a sentence that names the ranks whose weights differ from
// those of most ranks (with two ranks: both).
std::string find_odd_replicas(const ParameterList& parameters, Communicator& ranks);

// The trained parameters whose gradient is not finite.
std::vector<std::string> non_finite_gradients(const std::vector<Parameter>& trained);
void zero_gradients(const std::vector<Parameter>& trained);

// One micro-batch of this rank whose own loss or gradient is not finite.
struct Culprit {
  std::vector<std::string> tensors;
  bool loss = false;
  std::vector<int64_t> examples;  // of the train split
};

// Collective, after a gradient that was not finite: a sentence that names the tensors (of the sum), and of each rank
// with a culprit the rank, its tensors and examples.
std::string describe_non_finite(const std::vector<std::string>& tensors, const std::vector<Culprit>& culprits,
                                Communicator& ranks);

}  // namespace broadsheet
