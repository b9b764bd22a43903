// Checkpoints of a live run: who writes what, when all of it is there, and what happens when it could not be written.
#pragma once

#include <cstdint>
#include <deque>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "checkpoints/saver.h"
#include "core/fence.h"
#include "trainer/optim/optimizer.h"
#include "trainer/parallel/communicator.h"
#include "trainer/resume.h"
#include "trainer/tasks/task.h"
#include "trainer/trainer.h"

namespace broadsheet {

// Every rank writes a share of each checkpoint in a thread of its own, from the memory that holds the state (Note [Twin
// buffers]): training does not stop for it. At a later step boundary, when all ranks have written theirs, the records
// are gathered and the first rank commits, again in its thread. At most one save is under way; a second waits its turn.
// A save that fails on any rank is a warning: older checkpoints stay as they are, training goes on, and the next one is
// tried. Only a newer attempt's fence ends the run: RunError("run.fenced").
class SnapshotWriter {
 public:
  SnapshotWriter(Task& task, Optimizer& optimizer, Communicator& ranks, const TrainerOptions& options,
                 nlohmann::json identity, TrainObserver& observer);

  // Collective, at the same step on every rank. `told`: goes into the manifest's summary beside step and identity.
  void save(const TrainState& state, const nlohmann::json& told);
  // Collective at every step boundary; costs a message only while parts are being written.
  void collect();
  // Collective: waits, and says why the last save failed; empty when it did not.
  std::string finish();
  // Collective: the folder of the checkpoint of `step` when it is there and whole, else empty.
  std::string find_whole(int64_t step);
  // The longest time from save() to the checkpoint being on disk, so far. First rank only.
  double longest_save() const { return longest_save_; }

 private:
  std::vector<TensorView> state_views();
  // The weights: those for kFrozenFile, where there are such, and the others.
  std::pair<std::vector<TensorView>, std::vector<TensorView>> weight_views() const;
  void gather_parts();
  void report_commit();

  Task& task_;
  Optimizer& optimizer_;
  Communicator& ranks_;
  const TrainerOptions& options_;
  nlohmann::json identity_;
  TrainObserver& observer_;
  Fence fence_;
  Saver saver_;
  std::vector<std::byte> counters_;  // copies of the integers among the optimizer's state
  nlohmann::json summary_;           // of the save under way
  Retention retention_;
  // Of the last two commits, on the first rank. A save links to the older of them, so that neighbours share no file:
  // what damages one leaves the other whole.
  std::deque<EarlierPart> frozen_;
  std::optional<PartRecord> frozen_under_way_;
  std::string last_error_;
  int64_t step_ = -1;
  double longest_save_ = 0;
};

}  // namespace broadsheet
