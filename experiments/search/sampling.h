// What the samplers have in common: which configurations are known, and the points of a finite space in their order.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "experiments/search/sampler.h"

namespace broadsheet {

inline constexpr int64_t kMostDraws = 10000;

// Middle of the slot of a finite parameter's value number `choice`.
double slot_unit(const SearchSpace& space, size_t index, int64_t choice);

// How many combinations of finite values there are, conditions and constraints not looked at; 0: a continuum is among
// them. Saturates at 2^40.
int64_t combinations(const SearchSpace& space);

// All points of a finite space, the last parameter fastest. Parameters that are not active are not varied.
class GridWalk {
 public:
  explicit GridWalk(const SearchSpace& space);
  std::optional<Assignment> next();  // nullopt: that was all

 private:
  const SearchSpace& space_;
  std::vector<int64_t> choices_;
  UnitPoint units_;
  bool begun_ = false, ended_ = false;
};

// A sampler that remembers what was observed, and proposes by draws.
class DrawingSampler : public Sampler {
 public:
  explicit DrawingSampler(const SearchSpace& space) : space_(space), combinations_(combinations(space)) {}
  void observe(size_t index, const Assignment& assignment, const Observation& observation) override;

 protected:
  const SearchSpace& space() const { return space_; }
  bool is_new(const Assignment& assignment) const;
  bool is_continuum() const { return combinations_ == 0; }
  // The first draw that is new and allowed. Of small finite spaces that are nearly used up: one of those left, chosen
  // by `key`.
  std::optional<Assignment> first_new(const std::function<UnitPoint(int64_t draw)>& draw, uint64_t key) const;

 private:
  std::optional<Assignment> one_left(uint64_t key) const;

  const SearchSpace& space_;
  int64_t combinations_;
  std::unordered_set<std::string> known_;
};

std::unique_ptr<Sampler> make_random_sampler(const SearchSpace& space, uint64_t seed);
std::unique_ptr<Sampler> make_grid_sampler(const SearchSpace& space);
std::unique_ptr<Sampler> make_sobol_sampler(const SearchSpace& space, uint64_t seed);
std::unique_ptr<Sampler> make_tpe_sampler(const SearchSpace& space, uint64_t seed);

}  // namespace broadsheet
