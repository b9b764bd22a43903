// Work that several processes share through a folder, on one machine or over the nodes of a job.
//
// Note [Results, not messages]
// Each task's result is a file that appears under its name when it is whole (rename), and is a pure function of the
// sources and the configuration. So a task is done when its result is there, whoever made it and whenever; a second
// process that does the same task does harm to nobody; and what a killed preparation has left is taken as it is.
// Claims only keep two processes from doing the same at the same time. A claim whose task is not done for very long
// (its process hangs, or its node is gone) is passed over by whoever has nothing else to do.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "core/errors.h"
#include "core/progress.h"

namespace broadsheet {

struct Workers {
  int64_t rank = 0, count = 1;
  std::string start;  // names this start of all ranks: claims of earlier ones mean nothing

  // This process and its copies to be, under a name that no other start has.
  static Workers with_copies(int64_t count);
};

class WorkBoard {
 public:
  // First rank: opens the board in `folder`, which exists. Another waits until the first has, at most `patience`
  // seconds: RunError("prepare.rank"). `look_around`: called now and then while waiting; may throw.
  WorkBoard(std::string folder, Workers workers, double patience, std::function<void()> look_around = {});

  struct Stage {
    std::string name;
    int64_t tasks = 0;
    std::function<bool(int64_t)> is_done;
    std::function<void(int64_t)> work;     // makes is_done(task) true
    std::function<int64_t(int64_t)> size;  // in `unit`, for progress
    std::string doing, unit;               // "reading", "bytes"
  };
  // Does what of the stage nobody else does, and returns when all of it is done. Throws what `work` throws, after
  // telling the others; and what another process has told.
  void share(const Stage& stage);
  // The first rank alone does `work`; the others wait for `is_done`.
  void alone(const std::function<bool()>& is_done, const std::function<void()>& work);

  // First rank, in place of the board: there is nothing to do, which the others learn from dismissed().
  static WorkBoard dismiss(const std::string& folder, const Workers& workers);
  bool dismissed() const;
  // This process needs the folder no more.
  void leave();
  // First rank: waits until all others have left, or `seconds` have passed.
  void wait_for_others(double seconds) const;
  // Tells the others why they cannot go on.
  void fail(const Error& error) noexcept;
  bool first() const { return workers_.rank == 0; }

 private:
  bool claim(const std::string& stage, int64_t task, int attempt) const;
  void check_others() const;
  void throw_what_was_told() const;
  std::string path(const std::string& name) const { return folder_ + "/" + name; }

  std::string folder_;  // of this start's claims
  Workers workers_;
  std::function<void()> look_around_;
};

}  // namespace broadsheet
