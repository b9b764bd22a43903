// Which trials go on and which wait. A trial reports its value at certain resources (rungs); whoever asks gets an
// answer that depends on nothing but the reports so far, in their order.
//
//   median    Vizier's rule (Golovin et al. 2017): a trial that at a rung is worse than the median of the values that
//             the trials before it had there is stopped.
//   halving   synchronous successive halving (Jamieson & Talwalkar 2016): cohorts; the best 1/eta of a rung go on when
//             the whole cohort has reported there.
//   hyperband successive halving in brackets that begin at different rungs (Li et al. 2017).
//   asha      asynchronous: a worker that comes free takes a trial in the best 1/eta of a rung, highest rung first,
//             else a new one (Li et al. 2020).
//
// Waiting trials are paused, not ended: they may be promoted for as long as the sweep runs. A trial whose value is NaN
// is never promoted. Where all promotions are made and not one trial was trained to the end (fewer trials than rungs
// want, or the best one failed), the best that waits goes on.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace broadsheet {

struct EarlyTerminationConfig {
  std::string type = "none";       // none | median | halving | hyperband | asha
  std::string resource = "steps";  // steps | epochs
  int64_t min = 0;                 // first rung
  int64_t max = 0;                 // 0: where the run itself ends
  int64_t reduction_factor = 3;    // eta
  int64_t min_trials = 5;          // median: so many must have reported at a rung before anybody is stopped there
};

// Resources at which trials report: min * eta^k below max (median: the multiples of min below max). Not max itself:
// there a trial is complete.
std::vector<int64_t> rungs_of(const EarlyTerminationConfig& config, int64_t max);

// What a worker that has come free should do.
struct NextTrial {
  enum class Kind {
    kNew,     // start the trial with the next number
    kResume,  // `trial` goes on to its next rung
    kWait,    // nothing now: what runs decides
    kDone,    // nothing now, and nothing runs whose report could change that
  };
  Kind kind = Kind::kNew;
  int64_t trial = -1;
};

// Trials are known by number. Values: less is better; NaN is worse than any.
class EarlyTermination {
 public:
  virtual ~EarlyTermination() = default;
  // A new trial began. Returns the index of the rung at which it reports first (hyperband's brackets differ); when
  // there are no rungs, or none is left for it: rungs.size(), it runs to the end.
  virtual size_t start(int64_t trial) = 0;
  // `trial` reported at rung `rung`, its first or the one after that which it left, and waits for an answer. Ask next()
  // what its worker shall do.
  virtual void report(int64_t trial, size_t rung, double value) = 0;
  // A trial that was to go on does: it left its rung.
  virtual void resume(int64_t trial) = 0;
  // It was completed, or failed, and will never report again. (A trial that is started anew after a failure is the same
  // trial, and has not failed yet.)
  virtual void end(int64_t trial, bool failed) = 0;
  // `more`: whether there are trials that were not begun. `just_reported`: the trial that the worker holds in its
  // memory, or -1; among those that may be promoted from the same rung it is preferred.
  virtual NextTrial next(bool more, int64_t just_reported) const = 0;
  // Trials that wait at a rung, and would stay pruned if the sweep ended now.
  virtual std::vector<int64_t> waiting() const = 0;
  // How many reported at each rung, and how many of them went on.
  struct RungCount {
    int64_t resource = 0, reported = 0, promoted = 0;
  };
  virtual std::vector<RungCount> rungs() const = 0;
};

// `trials`: how many configurations there will be (0: unknown); halving and hyperband make their cohorts from it.
std::unique_ptr<EarlyTermination> make_early_termination(const EarlyTerminationConfig& config, int64_t max,
                                                         int64_t trials);

}  // namespace broadsheet
