#include "trainer/metrics/repetition.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "trainer/metrics/pieces.h"

namespace broadsheet {

double repetition(const std::vector<std::string>& pieces, size_t n) {
  const int64_t all = total_ngrams(pieces, n);
  if (all == 0) return 0;
  return 1 - static_cast<double>(count_ngrams(pieces, n).size()) / static_cast<double>(all);
}

LengthStatistics length_statistics(std::vector<int64_t> lengths) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  if (lengths.empty()) return {kNaN, kNaN, kNaN, kNaN, kNaN};
  std::sort(lengths.begin(), lengths.end());
  const size_t count = lengths.size();
  double sum = 0, squares = 0;
  for (const int64_t length : lengths) sum += static_cast<double>(length);
  const double mean = sum / static_cast<double>(count);
  for (const int64_t length : lengths) squares += std::pow(static_cast<double>(length) - mean, 2);
  const double median = static_cast<double>(lengths[(count - 1) / 2] + lengths[count / 2]) / 2;
  return {mean, std::sqrt(squares / static_cast<double>(count)), static_cast<double>(lengths.front()), median,
          static_cast<double>(lengths.back())};
}

}  // namespace broadsheet
