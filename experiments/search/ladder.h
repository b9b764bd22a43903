// Who stands where: the record that all rules of early termination share. Trials belong to cohorts, and are ranked
// against those of their own cohort; asha and median have a single one.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "experiments/search/early_termination.h"

namespace broadsheet {

// Whether `left` is the better value: NaN is worse than any number, and no better than another NaN.
bool better(double left, double right);

class Ladder : public EarlyTermination {
 public:
  explicit Ladder(std::vector<int64_t> resources) : resources_(std::move(resources)) {}
  size_t start(int64_t trial) override;
  void report(int64_t trial, size_t rung, double value) override;
  void resume(int64_t trial) override;
  void end(int64_t trial, bool failed) override;
  std::vector<int64_t> waiting() const override;
  std::vector<RungCount> rungs() const override;

 protected:
  struct Entry {
    double value = 0;
    int64_t trial = -1;
  };
  struct Rung {
    std::vector<Entry> best_first;  // equal values: in the order of their reports
    int64_t entered = 0;            // trials that were to report here
    int64_t running = 0;            // of these, those that still may
    int64_t went_on = 0;
  };
  struct Cohort {
    size_t first_rung = 0;
    int64_t begun = 0;
    std::vector<Rung> rungs;
  };
  // The cohort of the trial that starts now, made if it must be: one more than there are.
  virtual size_t cohort_of_next() const { return 0; }
  virtual size_t first_rung_of(size_t /*cohort*/) const { return 0; }

  const std::vector<Cohort>& cohorts() const { return cohorts_; }
  size_t rung_count() const { return resources_.size(); }
  bool waits(int64_t trial) const;
  // The trial among the `count` best of a rung that waits there and has a number for its value: `preferred` if it is
  // one of them, else the best; -1: none.
  int64_t pick(const Rung& rung, int64_t count, int64_t preferred) const;
  bool anything_runs() const { return running_ > 0; }
  bool anything_completed() const { return completed_ > 0; }
  // Where every promotion has been made: a sweep of few trials, or one whose best failed, shall not end without any
  // trial trained to the end. The best of the highest rung, or -1.
  int64_t last_resort() const;

 private:
  enum class State { kRuns, kWaits, kEnded };
  struct Trial {
    State state = State::kRuns;
    size_t cohort = 0;
    size_t rung = 0;  // where it waits or reports next
  };
  Trial& find(int64_t trial);

  std::vector<int64_t> resources_;
  std::vector<Cohort> cohorts_;
  std::map<int64_t, Trial> trials_;
  int64_t running_ = 0, completed_ = 0;
};

// One rule each, in a file of its own.
std::unique_ptr<EarlyTermination> make_median(std::vector<int64_t> rungs, int64_t min_trials);
std::unique_ptr<EarlyTermination> make_asha(std::vector<int64_t> rungs, int64_t eta);
// `trials`: 0: unknown.
std::unique_ptr<EarlyTermination> make_halving(std::vector<int64_t> rungs, int64_t eta, int64_t trials);
std::unique_ptr<EarlyTermination> make_hyperband(std::vector<int64_t> rungs, int64_t eta, int64_t trials);

}  // namespace broadsheet
