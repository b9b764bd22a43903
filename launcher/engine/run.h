// One training run, as every rank executes it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "data/shards.h"
#include "data/tokenizers/tokenizer.h"
#include "launcher/engine/rank_watchdog.h"
#include "launcher/start.h"
#include "trainer/parallel/communicator.h"
#include "trainer/trainer.h"

namespace broadsheet {

// What one run may leave open for the next in the same process.
class OpenParts {
 public:
  std::shared_ptr<const ShardSet> corpus(const std::string& folder);
  std::shared_ptr<const Tokenizer> tokenizer(const std::string& folder);

 private:
  std::map<std::string, std::shared_ptr<const ShardSet>> corpora_;
  std::map<std::string, std::shared_ptr<const Tokenizer>> tokenizers_;
};

// What differs for a run that is one of many. None of it changes a weight.
struct RunHooks {
  Gate gate;
  bool measure_test = true;
  bool few_checkpoints = false;  // TrainerOptions::best_folder
  // Whether the best weights are written as model/, asked with what they reached; empty: they are.
  std::function<bool(const TrainOutcome& outcome)> keeps_model;
};

struct RunEnd {
  int exit_code = 0;          // 0, or 75 when it was stopped with a checkpoint
  bool was_finished = false;  // there was nothing left to do
  TrainOutcome outcome;       // of this call; empty when it was finished before
};
RunEnd run(RunRequest request, Communicator& ranks, RankWatchdog& watchdog, OpenParts& parts,
           const RunHooks& hooks = {});

}  // namespace broadsheet
