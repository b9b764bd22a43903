// What must be equal: among the ranks of a job, and between a run and its checkpoints.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/shards.h"
#include "data/tokenizers/tokenizer.h"
#include "experiments/run_config.h"
#include "trainer/parallel/communicator.h"

namespace broadsheet {

// Collective. UserError("ranks.unlike") with a table rank -> differing field when ranks run another program or
// configuration.
void agree_on_identity(const RunConfig& config, Communicator& ranks);
// Collective, likewise, when all have opened what they read: corpus and tokenizer must be the same everywhere.
void agree_on_inputs(const ShardSet& corpus, const Tokenizer& tokenizer, Communicator& ranks);
// The comparison itself: one flat JSON object per rank. Empty when all are equal.
std::string unlike_ranks(const std::vector<nlohmann::json>& identities);

// For TrainerOptions::runtime: the build and the CPU type, on which equal bits depend.
nlohmann::json runtime_identity();
// For TrainerOptions::identity: the parts of the configuration that a resume cannot change.
nlohmann::json checkpoint_identity(const RunConfig& config, const Tokenizer& tokenizer);

// The folder with the tokenizer that belongs to the model, and the paths of its files.
std::string tokenizer_folder_of(const ModelConfig& model);
std::vector<std::string> tokenizer_paths(const std::string& folder);

}  // namespace broadsheet
