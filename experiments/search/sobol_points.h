// Sobol's sequence with nested uniform ("Owen") scrambling: as even as the plain one in every power of two of its
// points, and another for every seed. Scrambling by hashing bits from the top: Burley 2020, "Practical hash-based Owen
// scrambling" (JCGT 9:4); direction numbers: Joe & Kuo, as Boost has them.
#pragma once

#include <boost/random/sobol.hpp>
#include <cstdint>
#include <vector>

namespace broadsheet {

class SobolPoints {
 public:
  SobolPoints(size_t dimensions, uint64_t seed);
  // Point `index` (0, 1, ..., below 2^32 - 1), each coordinate in [0, 1).
  std::vector<double> point(uint32_t index);

 private:
  boost::random::sobol_engine<uint32_t, 32> engine_;
  size_t dimensions_;
  uint64_t seed_;
};

}  // namespace broadsheet
