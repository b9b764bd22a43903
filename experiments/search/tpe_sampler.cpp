// PROTOTYPE
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <set>
#include <tuple>

#include "core/random.h"
#include "experiments/search/distribution.h"
#include "experiments/search/sampling.h"
#include "experiments/search/sobol_points.h"

namespace broadsheet {
namespace {

double tune(const char* name, double fallback) {
  const char* text = std::getenv(name);
  return text ? std::atof(text) : fallback;
}

double phi(double z) { return 0.5 * std::erfc(-z * M_SQRT1_2); }

struct Dim {
  size_t index = 0;   // in the space
  bool conditional = false;
  std::vector<double> borders;  // slots; empty: continuous
  bool unordered = false;
  size_t slot_of(double u) const {
    return static_cast<size_t>(std::clamp<std::ptrdiff_t>(
        std::upper_bound(borders.begin(), borders.end(), u) - borders.begin() - 1, 0,
        static_cast<std::ptrdiff_t>(borders.size()) - 2));
  }
};

struct Group {
  std::vector<size_t> members;
  std::vector<double> weights;              // of members, then prior; sum 1
  std::vector<std::vector<double>> sigma;   // [dim][member]
  std::vector<std::vector<double>> lognorm;
};

class Tpe : public DrawingSampler {
 public:
  Tpe(const SearchSpace& space, uint64_t seed) : DrawingSampler(space), seed_(seed), start_(space.size(), seed) {
    for (size_t i = 0; i < space.size(); ++i) {
      if (!space.is_searched(i)) continue;
      Dim dim;
      dim.index = i;
      dim.conditional = !space.parameters()[i].when.empty();
      const int64_t count = space.cardinality(i);
      const auto& distribution = space.parameters()[i].distribution;
      if (count > 0 && count <= 1000) {
        dim.borders.push_back(0);
        for (int64_t c = 0; c < count; ++c) dim.borders.push_back(2 * slot_unit(space, i, c) - dim.borders.back());
      }
      if (distribution.kind == Distribution::Kind::kValues) {
        bool numbers = distribution.values.size() >= 3;
        for (size_t k = 0; numbers && k < distribution.values.size(); ++k) {
          numbers = distribution.values[k].is_number() &&
                    (k == 0 || distribution.values[k].get<double>() > distribution.values[k - 1].get<double>());
        }
        dim.unordered = !numbers;
      }
      dims_.push_back(dim);
    }
    units_.resize(dims_.size());
  }

  void observe(size_t index, const Assignment& assignment, const Observation& observation) override {
    DrawingSampler::observe(index, assignment, observation);
    if (index >= states_.size()) {
      states_.resize(index + 1);
      keys_.resize(index + 1);
      for (auto& column : units_) column.resize(index + 1, kInactive);
    }
    const UnitPoint units = space().units_of(assignment);
    for (size_t d = 0; d < dims_.size(); ++d) units_[d][index] = units[dims_[d].index];
    ranked_.erase({keys_[index], index});
    states_[index] = observation.state;
    using State = Observation::State;
    if (observation.state == State::kComplete) keys_[index] = {0, 0, observation.value};
    if (observation.state == State::kStopped) keys_[index] = {1, -observation.resource, observation.value};
    if (observation.state == State::kInfeasible) keys_[index] = {2, 0, 0};
    if (observation.state != State::kPending) ranked_.insert({keys_[index], index});
  }

  std::optional<Assignment> suggest(int64_t number) override {
    static const auto startup = static_cast<size_t>(tune("T_STARTUP", 10));
    static const bool sobol = tune("T_SOBOL", 1) > 0;
    const RandomStream random(mix(seed_, static_cast<uint64_t>(number)));
    uint64_t draws = 0;
    if (states_.size() < startup || ranked_.size() < 3) {
      const auto draw = [&](int64_t i) {
        if (i == 0 && sobol) return start_.point(static_cast<uint32_t>(number));
        UnitPoint u(space().size());
        for (double& x : u) x = random.uniform(draws++);
        return u;
      };
      return first_new(draw, seed_ + static_cast<uint64_t>(number));
    }
    static const double gamma_factor = tune("T_GAMMA", 0.1);
    static const double gamma_max = tune("T_GAMMAMAX", 25);
    static const double gamma_sqrt = tune("T_GSQRT", 0);
    static const double cands = tune("T_CANDS", 24);
    const double n = static_cast<double>(ranked_.size());
    const double want = gamma_sqrt > 0 ? gamma_sqrt * std::sqrt(n) : gamma_factor * n;
    const auto count = static_cast<size_t>(std::min(std::ceil(want), gamma_max));
    Group good, bad;
    std::vector<char> is_good(states_.size(), 0);
    for (auto it = ranked_.begin(); it != ranked_.end() && good.members.size() < count; ++it) {
      good.members.push_back(it->second);
      is_good[it->second] = 1;
    }
    static const double ei = tune("T_RANKW", 0);
    std::vector<double> gw;
    for (size_t i = 0; i < good.members.size(); ++i) gw.push_back(ei > 0 ? 1.0 - ei * static_cast<double>(i) / static_cast<double>(good.members.size()) : 1.0);
    good.weights = gw;
    for (size_t i = 0; i < states_.size(); ++i) if (!is_good[i]) bad.members.push_back(i);
    const size_t m = bad.members.size();
    static const bool ramp = tune("T_RAMP", 1) > 0;
    for (size_t i = 0; i < m; ++i) {
      double w = 1;
      if (ramp && m > 25 && i < m - 25) w = 1.0 / m + (1 - 1.0 / m) * (m - 25 > 1 ? double(i) / double(m - 25 - 1) : 0);
      bad.weights.push_back(w);
    }
    fit(good, true);
    fit(bad, false);
    // candidates
    std::optional<Assignment> best;
    double best_score = -INFINITY;
    int found = 0;
    for (int tries = 0; tries < cands * 20 && found < cands; ++tries) {
      std::vector<double> x(dims_.size(), kInactive);
      Assignment a = sample(good, random, draws, x);
      if (!space().allowed(a) || !is_new(a)) continue;
      ++found;
      const double s = log_density(good, x) - log_density(bad, x);
      if (s > best_score) { best_score = s; best = std::move(a); }
    }
    if (best) return best;
    const auto draw = [&](int64_t) {
      UnitPoint u(space().size());
      for (double& v : u) v = random.uniform(draws++);
      return u;
    };
    return first_new(draw, seed_ + static_cast<uint64_t>(number));
  }

 private:
  void fit(Group& g, bool is_good) {
    static const int mode_good = int(tune("T_BWGOOD", 0)), mode_bad = int(tune("T_BWBAD", 0));
    static const double magg = tune("T_MAGG", 0.2), magb = tune("T_MAGB", 0.2);
    static const double ming = tune("T_MING", 0.01), minb = tune("T_MINB", 0.01);
    static const double prior_w = tune("T_PRIOR", 1.0);
    static const double clipg = tune("T_CLIPG", 1.0);
    const int mode = is_good ? mode_good : mode_bad;
    const double mag = is_good ? magg : magb, mins = is_good ? ming : minb;
    const size_t m = g.members.size();
    g.weights.push_back(prior_w);
    const double total = std::accumulate(g.weights.begin(), g.weights.end(), 0.0);
    for (double& w : g.weights) w /= total;
    g.sigma.assign(dims_.size(), std::vector<double>(m, 1.0));
    g.lognorm = g.sigma;
    for (size_t d = 0; d < dims_.size(); ++d) {
      std::vector<std::pair<double, size_t>> active;
      for (size_t k = 0; k < m; ++k) if (units_[d][g.members[k]] >= 0) active.push_back({units_[d][g.members[k]], k});
      const double n = static_cast<double>(active.size());
      const double clip = clipg > 0 ? 1.0 / std::min(100.0, 1.0 + n + 1) : 0;
      const double D = static_cast<double>(dims_.size());
      auto& sigma = g.sigma[d];
      if (mode == 0) {
        const double s = std::max({mag * std::pow(std::max(1.0, n), -1.0 / (D + 4)), clip * clipg, mins});
        for (auto& [u, k] : active) sigma[k] = std::min(1.0, s);
      } else if (mode == 1) {  // neighbours
        std::sort(active.begin(), active.end());
        for (size_t i = 0; i < active.size(); ++i) {
          const double left = i == 0 ? 0.0 : active[i - 1].first, right = i + 1 == active.size() ? 1.0 : active[i + 1].first;
          double s = std::max(active[i].first - left, right - active[i].first);
          if (active.size() >= 2) {
            if (i == 0) s = right - active[i].first;
            if (i + 1 == active.size()) s = active[i].first - left;
          }
          sigma[active[i].second] = std::clamp(s, std::max(clip * clipg, mins), 1.0);
        }
      } else {  // Scott by spread, prior included
        double mean = 0, sq = 0;
        static const double pm = tune("T_PM", 1.0);
        for (auto& [u, k] : active) { mean += u; sq += u * u; }
        mean = (mean + 0.5 * pm) / (n + pm);
        sq = (sq + pm / 3) / (n + pm);
        const double sd = std::sqrt(std::max(0.0, sq - mean * mean));
        const double s = std::clamp(mag * sd * std::pow(n + 1, -1.0 / (D + 4)), std::max(clip * clipg, mins), 1.0);
        for (auto& [u, k] : active) sigma[k] = s;
      }
      for (auto& [u, k] : active) {
        const double s = sigma[k];
        g.lognorm[d][k] = -std::log(std::max(1e-300, phi((1 - u) / s) - phi(-u / s)));
      }
    }
  }

  double category_share(const Group& g) const {
    static const double pc = tune("T_CATPRIOR", 1.0);
    return pc / static_cast<double>(g.members.size() + 1);
  }

  double log_density(const Group& g, const std::vector<double>& x) const {
    const size_t m = g.members.size();
    std::vector<double> log_terms(m + 1);
    double most = -INFINITY;
    for (size_t k = 0; k <= m; ++k) {
      double sum = std::log(g.weights[k] + 1e-300);
      for (size_t d = 0; d < dims_.size(); ++d) {
        if (x[d] < 0) continue;
        const Dim& dim = dims_[d];
        const double mu = k < m ? units_[d][g.members[k]] : kInactive;
        if (dim.borders.empty()) {
          if (mu < 0) continue;
          const double s = g.sigma[d][k], z = (x[d] - mu) / s;
          sum += -0.5 * z * z - std::log(s) - 0.9189385332046727 + g.lognorm[d][k];
          continue;
        }
        const size_t slot = dim.slot_of(x[d]);
        const double low = dim.borders[slot], high = dim.borders[slot + 1];
        if (mu < 0) {
          sum += std::log(high - low);
        } else if (dim.unordered) {
          const double c = static_cast<double>(dim.borders.size() - 1), p = category_share(g);
          sum += std::log(((dim.slot_of(mu) == slot ? 1.0 : 0.0) + p) / (1 + c * p));
        } else {
          const double s = g.sigma[d][k];
          sum += std::log(std::max(1e-300, phi((high - mu) / s) - phi((low - mu) / s))) + g.lognorm[d][k];
        }
      }
      log_terms[k] = sum;
      most = std::max(most, sum);
    }
    double total = 0;
    for (const double t : log_terms) total += std::exp(t - most);
    return most + std::log(total);
  }

  Assignment sample(const Group& g, const RandomStream& random, uint64_t& draws, std::vector<double>& x) const {
    const size_t m = g.members.size();
    double pick = random.uniform(draws++);
    size_t k = 0;
    while (k < m && pick >= g.weights[k]) pick -= g.weights[k++];
    UnitPoint units(space().size(), kInactive);
    Assignment so_far;
    bool any_conditional = false;
    for (const Dim& dim : dims_) any_conditional |= dim.conditional;
    for (size_t d = 0; d < dims_.size(); ++d) {
      const Dim& dim = dims_[d];
      if (dim.conditional && !space().active(dim.index, so_far)) continue;
      const double mu = k < m ? units_[d][g.members[k]] : kInactive;
      double u = random.uniform(draws++);
      if (mu >= 0) {
        if (dim.unordered) {
          const double c = static_cast<double>(dim.borders.size() - 1), p = category_share(g);
          if (u < 1 / (1 + c * p)) u = mu;
          else u = random.uniform(draws++);
        } else {
          const double s = g.sigma[d][k];
          for (int i = 0; i < 100; ++i) {
            const double r = std::sqrt(-2 * std::log(1 - random.uniform(draws++)));
            u = mu + s * r * std::cos(6.283185307179586 * random.uniform(draws++));
            if (u >= 0 && u < 1) break;
          }
          u = std::clamp(u, 0.0, 1 - 0x1p-32);
        }
      }
      if (!dim.borders.empty()) {
        const size_t slot = dim.slot_of(u);
        u = (dim.borders[slot] + dim.borders[slot + 1]) / 2;
      }
      x[d] = u;
      units[dim.index] = u;
      if (any_conditional) so_far[space().parameters()[dim.index].name] = space().value_at(dim.index, u);
    }
    return space().at(units);
  }

  uint64_t seed_;
  SobolPoints start_;
  std::vector<Dim> dims_;
  std::vector<std::vector<double>> units_;
  std::vector<Observation::State> states_;
  using Key = std::tuple<int, double, double>;
  std::vector<Key> keys_;
  std::set<std::pair<Key, size_t>> ranked_;
};

}  // namespace

std::unique_ptr<Sampler> make_tpe_sampler(const SearchSpace& space, uint64_t seed) {
  return std::make_unique<Tpe>(space, seed);
}

}  // namespace broadsheet
