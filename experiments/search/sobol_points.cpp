#include "experiments/search/sobol_points.h"

#include <algorithm>

#include "core/random.h"

namespace broadsheet {
namespace {

uint32_t reversed(uint32_t bits) {
  bits = ((bits >> 1) & 0x55555555u) | ((bits & 0x55555555u) << 1);
  bits = ((bits >> 2) & 0x33333333u) | ((bits & 0x33333333u) << 2);
  bits = ((bits >> 4) & 0x0F0F0F0Fu) | ((bits & 0x0F0F0F0Fu) << 4);
  return __builtin_bswap32(bits);
}

// Every bit is turned or not by a hash of the bits above it: Laine-Karras permutation with Vegdahl's constants.
uint32_t scrambled(uint32_t bits, uint32_t key) {
  uint32_t x = reversed(bits);
  x ^= x * 0x3D20ADEAu;
  x += key;
  x *= (key >> 16) | 1u;
  x ^= x * 0x05526C56u;
  x ^= x * 0x53A22864u;
  return reversed(x);
}

}  // namespace

SobolPoints::SobolPoints(size_t dimensions, uint64_t seed)
    : engine_(std::max<size_t>(1, dimensions)), dimensions_(dimensions), seed_(seed) {}

std::vector<double> SobolPoints::point(uint32_t index) {
  // Boost leaves out the first point, the origin, without which powers of two are not even.
  if (index > 0) engine_.seed(index - 1);
  std::vector<double> coordinates(dimensions_);
  for (size_t i = 0; i < dimensions_; ++i) {
    const uint32_t bits = index > 0 ? engine_() : 0;
    coordinates[i] = scrambled(bits, static_cast<uint32_t>(mix(seed_, i))) * 0x1p-32;
  }
  return coordinates;
}

}  // namespace broadsheet
