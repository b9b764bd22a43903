// Successive halving (Jamieson & Talwalkar 2016, "Non-stochastic best arm identification and hyperparameter
// optimization") and Hyperband (Li et al. 2017, "Hyperband: a novel bandit-based approach").
#include <algorithm>
#include <cmath>
#include <numeric>

#include "experiments/search/ladder.h"

namespace broadsheet {
namespace {

// Trials that begin at one rung and are ranked among themselves.
struct Bracket {
  size_t first_rung = 0;
  int64_t size = 0;
};

class Halving : public Ladder {
 public:
  // Brackets in the order in which they are filled; after the last, from the first again.
  Halving(std::vector<int64_t> rungs, int64_t eta, std::vector<Bracket> brackets)
      : Ladder(std::move(rungs)), eta_(eta), brackets_(std::move(brackets)) {}

  NextTrial next(bool more, int64_t just_reported) const override {
    for (size_t rung = rung_count(); rung-- > 0;) {
      int64_t found = -1;
      for (size_t cohort = 0; cohort < cohorts().size(); ++cohort) {
        const int64_t trial = promotable(cohort, rung, more, just_reported);
        if (trial == just_reported || found < 0) found = trial;
        if (found == just_reported && found >= 0) break;
      }
      if (found >= 0) return {NextTrial::Kind::kResume, found};
    }
    if (more) return {NextTrial::Kind::kNew, -1};
    const int64_t trial = last_resort();
    if (trial >= 0) return {NextTrial::Kind::kResume, trial};
    return {can_change() ? NextTrial::Kind::kWait : NextTrial::Kind::kDone, -1};
  }

 protected:
  size_t cohort_of_next() const override {
    if (cohorts().empty()) return 0;
    const size_t last = cohorts().size() - 1;
    return cohorts()[last].begun < bracket(last).size ? last : last + 1;
  }
  size_t first_rung_of(size_t cohort) const override { return bracket(cohort).first_rung; }

 private:
  const Bracket& bracket(size_t cohort) const { return brackets_[cohort % brackets_.size()]; }

  // Whether all that will ever report at a rung have; `more`: whether new trials can fill the last cohort.
  bool complete(size_t number, size_t rung, bool more) const {
    const Cohort& cohort = cohorts()[number];
    if (cohort.rungs[rung].running > 0) return false;
    if (rung > cohort.first_rung) return complete(number, rung - 1, more) && promotable(number, rung - 1, more, -1) < 0;
    return !more || cohort.begun >= bracket(number).size || number + 1 < cohorts().size();
  }

  // Failed trials are among those that entered: the place that they would have had is the last, not nobody's.
  int64_t promotable(size_t number, size_t rung, bool more, int64_t preferred) const {
    const Cohort& cohort = cohorts()[number];
    if (rung < cohort.first_rung || cohort.rungs[rung].entered == 0) return -1;
    const int64_t go_on = std::max<int64_t>(1, cohort.rungs[rung].entered / eta_);
    const int64_t trial = pick(cohort.rungs[rung], go_on, preferred);
    return trial >= 0 && complete(number, rung, more) ? trial : -1;
  }

  bool can_change() const {
    if (!anything_runs()) return false;
    if (!anything_completed()) return true;  // if all that runs should fail, the next best goes on
    for (const Cohort& cohort : cohorts()) {
      for (const Rung& rung : cohort.rungs) {
        if (rung.running > 0) return true;
      }
    }
    return false;
  }

  int64_t eta_;
  std::vector<Bracket> brackets_;
};

// eta^exponent, not beyond what any sweep has.
int64_t power(int64_t eta, size_t exponent) {
  constexpr int64_t kEnough = int64_t{1} << 40;
  int64_t product = 1;
  for (size_t i = 0; i < exponent && product < kEnough; ++i) product *= eta;
  return std::min(product, kEnough);
}

// `trials` in parts proportional to `shares`, by largest remainders; of equal ones the first.
std::vector<int64_t> apportion(int64_t trials, const std::vector<int64_t>& shares) {
  const int64_t total = std::accumulate(shares.begin(), shares.end(), int64_t{0});
  std::vector<int64_t> parts;
  std::vector<size_t> order(shares.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::vector<double> remainders;
  int64_t left = trials;
  for (const int64_t share : shares) {
    const double exact = static_cast<double>(trials) * static_cast<double>(share) / static_cast<double>(total);
    parts.push_back(static_cast<int64_t>(exact));
    remainders.push_back(exact - std::floor(exact));
    left -= parts.back();
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return remainders[a] > remainders[b]; });
  for (size_t i = 0; left > 0; i = (i + 1) % order.size(), --left) ++parts[order[i]];
  return parts;
}

// One round of brackets of about the given sizes, so often that they hold `trials` between them.
std::vector<Bracket> rounds(const std::vector<Bracket>& one, int64_t trials) {
  std::vector<int64_t> shares;
  int64_t in_one = 0;
  for (const Bracket& bracket : one) in_one += bracket.size;
  if (trials <= 0) return one;
  const int64_t count = std::max<int64_t>(1, trials / in_one);
  std::vector<Bracket> all;
  for (int64_t round = 0; round < count; ++round) {
    for (const Bracket& bracket : one) {
      all.push_back(bracket);
      shares.push_back(bracket.size);
    }
  }
  const std::vector<int64_t> sizes = apportion(trials, shares);
  for (size_t i = 0; i < all.size(); ++i) all[i].size = sizes[i];
  all.erase(std::remove_if(all.begin(), all.end(), [](const Bracket& bracket) { return bracket.size == 0; }),
            all.end());
  return all;
}

}  // namespace

std::unique_ptr<EarlyTermination> make_halving(std::vector<int64_t> rungs, int64_t eta, int64_t trials) {
  const std::vector<Bracket> brackets = rounds({{0, power(eta, rungs.size())}}, trials);
  return std::make_unique<Halving>(std::move(rungs), eta, brackets);
}

std::unique_ptr<EarlyTermination> make_hyperband(std::vector<int64_t> rungs, int64_t eta, int64_t trials) {
  std::vector<Bracket> one;
  const auto most = static_cast<int64_t>(rungs.size());
  for (int64_t halvings = most; halvings >= 0; --halvings) {
    const int64_t numerator = (most + 1) * power(eta, static_cast<size_t>(halvings));
    one.push_back({static_cast<size_t>(most - halvings), (numerator + halvings) / (halvings + 1)});
  }
  return std::make_unique<Halving>(std::move(rungs), eta, rounds(one, trials));
}

}  // namespace broadsheet
