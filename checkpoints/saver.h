// Writing checkpoints in the background, one at a time: this process's parts, and on the process that commits also the
// manifest, the rename and the retiring of old ones. Between the two the caller gathers the parts' records of all
// ranks: nothing here knows of ranks or MPI.
//
// write() -> parts_done() -> take_parts() -> [gather] -> commit() -> commit_done() -> take_commit()
//
// Call from one thread. Nothing throws for want of disk: what went wrong is in the answers.
#pragma once

#include <chrono>
#include <cstdint>
#include <future>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "checkpoints/parts.h"
#include "checkpoints/snapshot.h"

namespace broadsheet {

// A part with the same bytes in an earlier checkpoint's folder.
struct EarlierPart {
  std::string folder;
  PartRecord record;
};

struct SaveRequest {
  int64_t step = 0;
  std::vector<TensorPart> tensors;   // borrowed until take_parts() has returned
  std::vector<EarlierPart> earlier;  // of files among `tensors`; the first that can be linked is, none: it is written
  std::vector<std::pair<std::string, std::string>> texts;  // file name, contents
  std::vector<std::string> copies;                         // paths of small files
  std::vector<std::string> records;                        // files that must be on disk before the checkpoint is
  uint64_t all_bytes = 0;                                  // of all ranks together: refused when the disk has less
};

struct SavedParts {
  std::vector<PartRecord> records;
  std::string error;    // empty: all parts are on disk
  bool fenced = false;  // the error is that a newer attempt has taken over
  double seconds = 0;

  nlohmann::json to_json() const;
  static SavedParts from_json(const nlohmann::json& json);
};

struct Committed {
  int64_t step = 0;
  std::string folder, error;
  bool fenced = false;
  double seconds = 0;  // from write() to the end of the commit
};

class Saver {
 public:
  Saver(Fence fence, std::string root);
  ~Saver();  // waits for what is being written
  Saver(const Saver&) = delete;
  Saver& operator=(const Saver&) = delete;

  // Starts writing; the one before must have been taken.
  void write(SaveRequest request);
  bool writing() const { return parts_.valid(); }  // and not taken yet
  bool parts_done() const;
  SavedParts take_parts();  // waits

  // Starts committing the checkpoint that write() began, made of the records of all ranks, and retiring others.
  void commit(std::vector<PartRecord> records, nlohmann::json summary, Retention retention);
  bool committing() const { return commit_.valid(); }
  bool commit_done() const;
  Committed take_commit();  // waits
  // In place of commit(), when some rank failed: removes what was written. For one of the ranks.
  void discard();

 private:
  SavedParts write_parts(const SaveRequest& request) const;
  Committed commit_now(int64_t step, const std::vector<PartRecord>& records, const nlohmann::json& summary,
                       const Retention& retention) const;

  Fence fence_;
  std::string root_;
  int64_t step_ = 0;
  std::chrono::steady_clock::time_point begun_;
  std::future<SavedParts> parts_;
  std::future<Committed> commit_;
};

}  // namespace broadsheet
