// Densities over a search space from kernels at observed configurations: the two sides of the tree-structured Parzen
// estimator (Bergstra et al. 2011). Everything is in units (space.h), where every distribution is even, so that the
// prior's density is 1 on every axis.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "core/random.h"
#include "experiments/search/space.h"

namespace broadsheet {

// A searched parameter as the estimator sees it.
struct ParzenAxis {
  size_t parameter = 0;         // in the space
  bool is_conditional = false;  // it is not active everywhere
  bool is_unordered = false;    // its values are names: none is nearer to one than another
  std::vector<double> borders;  // of its slots, 0 ... 1; empty: a continuum, or too many slots to tell from one

  bool has_slots() const { return !borders.empty(); }
  size_t slots() const { return borders.size() - 1; }
  size_t slot_of(double unit) const;
  double middle(size_t slot) const { return (borders[slot] + borders[slot + 1]) / 2; }
};
std::vector<ParzenAxis> axes_of(const SearchSpace& space);

// One axis of all observations, by their index.
struct ParzenColumn {
  std::vector<double> units;    // kInactive: it had no value
  std::vector<uint32_t> slots;  // slots(): it had no value
};

// Numbers from a stream, one after the other.
class Draws {
 public:
  explicit Draws(uint64_t key) : stream_(key) {}
  double uniform() { return stream_.uniform(next_++); }
  double normal();

 private:
  RandomStream stream_;
  uint64_t next_ = 0;
};

// Widths of the kernels on every axis (Note [Widths of kernels] in parzen.cpp).
enum class KernelWidth { kByCount, kBySpread };

// A mixture of products of truncated Gaussians (on slots: their integral over each; of names: the observed one and a
// share for all), one for each member and, last, the prior. On axes where a member has no value it is the prior.
class ParzenMixture {
 public:
  // `weights` of the members, in any unit in which the prior weighs 1. The axes and columns must outlive it.
  ParzenMixture(const std::vector<ParzenAxis>& axes, const std::vector<ParzenColumn>& columns,
                std::vector<size_t> members, std::vector<double> weights, KernelWidth width);

  // log of the density at a point, over the axes on which it is not kInactive.
  double log_density(const std::vector<double>& point);

  // A component, chosen by weight, and a coordinate from it.
  size_t draw_component(Draws& draws) const;
  double draw(size_t component, size_t axis, Draws& draws) const;

 private:
  void fit_axis(size_t axis, KernelWidth width);
  double spread_on(size_t axis, double count) const;
  void add_continuum(size_t axis, double unit);
  void add_slots(size_t axis, size_t slot);
  // log of the share of `slot` under a kernel in each slot, and, last, under the prior.
  const std::vector<double>& shares(size_t axis, size_t slot);

  struct Axis {
    double sigma = 1;
    double other_share = 0;                        // of names: what every one of them gets
    std::vector<double> centers, scales, offsets;  // of a continuum: of each kernel
    std::vector<uint32_t> slots;                   // otherwise
    std::map<size_t, std::vector<double>> shares;
  };
  const std::vector<ParzenAxis>& axes_;
  const std::vector<ParzenColumn>& columns_;
  std::vector<size_t> members_;
  std::vector<double> weights_, log_weights_;  // the prior's last; sum 1
  std::vector<Axis> fitted_;
  std::vector<double> terms_;
};

}  // namespace broadsheet
