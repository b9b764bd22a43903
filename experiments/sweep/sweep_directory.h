// A sweep's directory: whose it is, and whether it belongs to this sweep file.
//   sweep.yaml base.yaml   resolved: the sweep, and the run file that it varies
//   lock                   held by the driver
//   journal/               experiments/sweep/journal.h
//   trials/<nnnn>/         a run's directory each
//   workers/<name>/        mailboxes, while the sweep lasts
//   results.json report.html
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/durable.h"
#include "experiments/run_directory.h"
#include "experiments/sweep/sweep_config.h"

namespace broadsheet {

bool is_sweep_folder(const std::string& folder);

class SweepDirectory {
 public:
  // Makes the folder and takes its lock (UserError("lock.held") names the holder). UserError("sweep.changed") when it
  // holds a sweep of another file: lists the keys, and says what --fresh and --resume would do. With `resume`, trials,
  // concurrency, on, budget, keep_best and max_failures may differ, and of the run file launch and slurm.
  static SweepDirectory open(const Sweep& sweep, const std::string& folder, RunChoice choice,
                             const Incarnation& incarnation = {});
  // Where open() would have it, by the same rules, and the same refusals of another file's sweep; writes nothing.
  static std::string place_of(const Sweep& sweep, const std::string& folder, RunChoice choice);
  // For those who only look: the sweep as it was begun. UserError("sweep.not_found").
  static Sweep read(const std::string& folder);

  const std::string& folder() const { return folder_; }
  std::string journal() const { return folder_ + "/journal"; }
  bool changed() const { return changed_; }  // resumed with other values
  bool held() const { return lock_->held(); }

 private:
  explicit SweepDirectory(std::string folder) : folder_(std::move(folder)) {}
  std::string folder_;
  bool changed_ = false;
  std::unique_ptr<FolderLock> lock_;
};

}  // namespace broadsheet
