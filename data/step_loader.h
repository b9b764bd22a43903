// StepLoader: what each step reads, made ahead of it by threads of their own.
//
// Note [Reading ahead changes nothing]: which examples a step reads and what is drawn for them is a pure function of
// the step's number, so it may be made at any time, by any thread, twice or in vain. Nothing of the loader is in a
// checkpoint; after a resume or a step back it begins anew at the step that is asked for.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "data/batch.h"

namespace broadsheet {

// One rank's micro-batches of a step, and which they are among those of all ranks where that is known before.
struct StepBatches {
  std::vector<Batch> batches;
  int64_t first = 0, all = 0;  // the micro-batches are number first, first + 1, ... of `all`

  int64_t tokens() const;
};

class StepLoader {
 public:
  // Called by any thread, several at once. What it throws comes out of take() of that step.
  using Make = std::function<StepBatches(int64_t step)>;
  struct Limits {
    int readers = 2;
    int64_t steps = 4;         // so many steps ahead at most
    int64_t tokens = 4 << 20;  // and none is begun while so many tokens wait (about 24 bytes each)
    double patience = 10;      // seconds that a step waits before the log says so
  };

  // `source` is named when it is slow: the corpus's folder. No step from `end_step` on is made ahead. Nothing is read
  // before the first take().
  StepLoader(Make make, int64_t end_step, std::string source)
      : StepLoader(std::move(make), end_step, std::move(source), Limits()) {}
  StepLoader(Make make, int64_t end_step, std::string source, Limits limits);
  // Waits for what the readers have begun.
  ~StepLoader();
  StepLoader(const StepLoader&) = delete;
  StepLoader& operator=(const StepLoader&) = delete;

  // The batches of `step`: at once when they are ready. One thread asks.
  StepBatches take(int64_t step);

 private:
  struct Made {
    StepBatches batches;
    std::exception_ptr failure;
  };
  void read();
  bool may_begin() const;
  void wait_for(int64_t step, std::unique_lock<std::mutex>& lock);

  const Make make_;
  const int64_t end_step_;
  const std::string source_;
  const Limits limits_;

  std::mutex mutex_;
  std::condition_variable made_, wanted_;
  bool closing_ = false;
  int64_t generation_ = 0;  // which restart a reader works for
  int64_t next_take_ = -1, next_make_ = 0;
  int64_t waiting_tokens_ = 0;
  std::map<int64_t, Made> ready_;  // by step
  std::vector<std::thread> readers_;
};

}  // namespace broadsheet
