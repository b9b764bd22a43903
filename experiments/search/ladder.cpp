#include "experiments/search/ladder.h"

#include <algorithm>
#include <cmath>

#include "core/errors.h"

namespace broadsheet {

bool better(double left, double right) {
  if (std::isnan(left)) return false;
  return std::isnan(right) || left < right;
}

Ladder::Trial& Ladder::find(int64_t trial) {
  const auto found = trials_.find(trial);
  BROADSHEET_ASSERT(found != trials_.end());
  return found->second;
}

size_t Ladder::start(int64_t trial) {
  const size_t number = cohort_of_next();
  while (cohorts_.size() <= number) {
    Cohort made;
    made.first_rung = first_rung_of(cohorts_.size());
    made.rungs.resize(resources_.size());
    cohorts_.push_back(std::move(made));
  }
  Cohort& cohort = cohorts_[number];
  const bool is_new = trials_.emplace(trial, Trial{State::kRuns, number, cohort.first_rung}).second;
  BROADSHEET_ASSERT(is_new);
  ++cohort.begun;
  ++running_;
  if (cohort.first_rung < resources_.size()) {
    ++cohort.rungs[cohort.first_rung].entered;
    ++cohort.rungs[cohort.first_rung].running;
  }
  return cohort.first_rung;
}

void Ladder::report(int64_t trial, size_t rung, double value) {
  Trial& its = find(trial);
  BROADSHEET_ASSERT(its.state == State::kRuns && its.rung == rung && rung < resources_.size());
  Rung& here = cohorts_[its.cohort].rungs[rung];
  const auto place = std::upper_bound(here.best_first.begin(), here.best_first.end(), value,
                                      [](double left, const Entry& right) { return better(left, right.value); });
  here.best_first.insert(place, {value, trial});
  --here.running;
  --running_;
  its.state = State::kWaits;
}

void Ladder::resume(int64_t trial) {
  Trial& its = find(trial);
  BROADSHEET_ASSERT(its.state == State::kWaits);
  Cohort& cohort = cohorts_[its.cohort];
  ++cohort.rungs[its.rung].went_on;
  ++its.rung;
  ++running_;
  its.state = State::kRuns;
  if (its.rung < resources_.size()) {
    ++cohort.rungs[its.rung].entered;
    ++cohort.rungs[its.rung].running;
  }
}

void Ladder::end(int64_t trial, bool failed) {
  Trial& its = find(trial);
  if (its.state == State::kRuns) {
    --running_;
    if (its.rung < resources_.size()) --cohorts_[its.cohort].rungs[its.rung].running;
  }
  if (its.state != State::kEnded && !failed) ++completed_;
  its.state = State::kEnded;
}

bool Ladder::waits(int64_t trial) const {
  const auto found = trials_.find(trial);
  return found != trials_.end() && found->second.state == State::kWaits;
}

int64_t Ladder::pick(const Rung& rung, int64_t count, int64_t preferred) const {
  int64_t best = -1;
  for (const Entry& entry : rung.best_first) {
    if (count-- <= 0 || std::isnan(entry.value)) break;
    const Trial& its = trials_.at(entry.trial);
    // A trial that has gone on and waits higher up has an entry here still.
    if (its.state != State::kWaits || &cohorts_[its.cohort].rungs[its.rung] != &rung) continue;
    if (entry.trial == preferred) return preferred;
    if (best < 0) best = entry.trial;
  }
  return best;
}

int64_t Ladder::last_resort() const {
  if (anything_completed() || anything_runs()) return -1;
  for (size_t rung = resources_.size(); rung-- > 0;) {
    int64_t found = -1;
    double value = std::nan("");
    for (const Cohort& cohort : cohorts_) {
      const int64_t its_best = pick(cohort.rungs[rung], static_cast<int64_t>(trials_.size()), -1);
      if (its_best < 0) continue;
      for (const Entry& entry : cohort.rungs[rung].best_first) {
        if (entry.trial != its_best || !better(entry.value, value)) continue;
        found = its_best;
        value = entry.value;
      }
    }
    if (found >= 0) return found;
  }
  return -1;
}

std::vector<int64_t> Ladder::waiting() const {
  std::vector<int64_t> found;
  for (const auto& [trial, its] : trials_) {
    if (its.state == State::kWaits) found.push_back(trial);
  }
  return found;
}

std::vector<EarlyTermination::RungCount> Ladder::rungs() const {
  std::vector<RungCount> counts(resources_.size());
  for (size_t rung = 0; rung < counts.size(); ++rung) {
    counts[rung].resource = resources_[rung];
    for (const Cohort& cohort : cohorts_) {
      counts[rung].reported += static_cast<int64_t>(cohort.rungs[rung].best_first.size());
      counts[rung].promoted += cohort.rungs[rung].went_on;
    }
  }
  return counts;
}

}  // namespace broadsheet
