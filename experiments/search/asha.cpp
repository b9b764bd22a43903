// Asynchronous successive halving (Li et al. 2020, "A system for massively parallel hyperparameter tuning"), and the
// median rule (Golovin et al. 2017, "Google Vizier").
#include <cmath>
#include <set>

#include "experiments/search/ladder.h"

namespace broadsheet {
namespace {

class Asha : public Ladder {
 public:
  Asha(std::vector<int64_t> rungs, int64_t eta) : Ladder(std::move(rungs)), eta_(eta) {}

  NextTrial next(bool more, int64_t just_reported) const override {
    if (!cohorts().empty()) {
      const std::vector<Rung>& all = cohorts().front().rungs;
      for (size_t rung = all.size(); rung-- > 0;) {
        const auto reported = static_cast<int64_t>(all[rung].best_first.size());
        const int64_t trial = pick(all[rung], reported / eta_, just_reported);
        if (trial >= 0) return {NextTrial::Kind::kResume, trial};
      }
    }
    if (more) return {NextTrial::Kind::kNew, -1};
    const int64_t trial = last_resort();
    if (trial >= 0) return {NextTrial::Kind::kResume, trial};
    return {can_change() ? NextTrial::Kind::kWait : NextTrial::Kind::kDone, -1};
  }

 private:
  bool can_change() const {
    if (!anything_runs()) return false;
    if (!anything_completed()) return true;  // if all that runs should fail, the next best goes on
    for (const Rung& rung : cohorts().front().rungs) {
      const auto reported = static_cast<int64_t>(rung.best_first.size());
      if (rung.running > 0 && reported + rung.running >= eta_) return true;
    }
    return false;
  }

  int64_t eta_;
};

class Median : public Ladder {
 public:
  Median(std::vector<int64_t> rungs, int64_t min_trials) : Ladder(std::move(rungs)), min_trials_(min_trials) {}

  void report(int64_t trial, size_t rung, double value) override {
    const bool stops = is_worse_than_median(rung, value);
    Ladder::report(trial, rung, value);
    if (!stops) goes_on_.insert(trial);
  }
  void resume(int64_t trial) override {
    Ladder::resume(trial);
    goes_on_.erase(trial);
  }
  void end(int64_t trial, bool failed) override {
    Ladder::end(trial, failed);
    goes_on_.erase(trial);
  }

  NextTrial next(bool more, int64_t just_reported) const override {
    if (goes_on_.count(just_reported) > 0) return {NextTrial::Kind::kResume, just_reported};
    // Normally empty: its worker takes it at once. One whose worker was lost is here.
    if (!goes_on_.empty()) return {NextTrial::Kind::kResume, *goes_on_.begin()};
    if (more) return {NextTrial::Kind::kNew, -1};
    const int64_t trial = last_resort();
    if (trial >= 0) return {NextTrial::Kind::kResume, trial};
    return {anything_runs() ? NextTrial::Kind::kWait : NextTrial::Kind::kDone, -1};
  }

 private:
  bool is_worse_than_median(size_t rung, double value) const {
    const std::vector<Entry>& before = cohorts().front().rungs[rung].best_first;
    if (before.empty() || static_cast<int64_t>(before.size()) < min_trials_) return false;
    const size_t middle = before.size() / 2;
    const double median =
        before.size() % 2 == 1 ? before[middle].value : (before[middle - 1].value + before[middle].value) / 2;
    return better(median, value);
  }

  int64_t min_trials_;
  std::set<int64_t> goes_on_;
};

}  // namespace

std::unique_ptr<EarlyTermination> make_median(std::vector<int64_t> rungs, int64_t min_trials) {
  return std::make_unique<Median>(std::move(rungs), min_trials);
}

std::unique_ptr<EarlyTermination> make_asha(std::vector<int64_t> rungs, int64_t eta) {
  return std::make_unique<Asha>(std::move(rungs), eta);
}

}  // namespace broadsheet
