#include "data/mixture.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <queue>
#include <tuple>
#include <utility>

#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

constexpr double kMostWeight = 10'000, kPlaces = 10'000;

// Source number by position. In Tijdeman's rule, of k sources with shares w/W, draw n may go to a source that has x
// draws so far when n w/W - x >= 1/(2k - 2), and goes to the one of those with the smallest (x + 1 - 1/(2k - 2)) W/w:
// each source's next draw has a time from which it may be made, and one by which it must be.
std::vector<int32_t> assign_chairs(const std::vector<int64_t>& weights) {
  const auto sources = static_cast<int64_t>(weights.size());
  const int64_t period = std::accumulate(weights.begin(), weights.end(), int64_t{0});
  if (sources == 1) return std::vector<int32_t>(static_cast<size_t>(period), 0);
  const int64_t unit = 2 * sources - 2;
  const auto weight = [&](int64_t source) { return weights[static_cast<size_t>(source)]; };
  // The first n at which it may be made: n w unit >= W (x unit + 1).
  const auto release = [&](int64_t source, int64_t done) {
    return (period * (done * unit + 1) + weight(source) * unit - 1) / (weight(source) * unit);
  };
  using Chair = std::tuple<int64_t, int64_t, int64_t>;  // time, source, draws so far
  std::priority_queue<Chair, std::vector<Chair>, std::greater<>> waiting;
  // Deadlines (x unit + unit - 1) / w are compared as fractions; of equal ones the first source's comes first.
  const auto later = [&](const Chair& a, const Chair& b) {
    const auto [of_a, source_a, done_a] = a;
    const auto [of_b, source_b, done_b] = b;
    const __int128 left = static_cast<__int128>(of_a) * weight(source_b),
                   right = static_cast<__int128>(of_b) * weight(source_a);
    return left != right ? left > right : source_a > source_b;
  };
  std::priority_queue<Chair, std::vector<Chair>, decltype(later)> due(later);
  for (int64_t source = 0; source < sources; ++source) waiting.emplace(release(source, 0), source, 0);
  std::vector<int32_t> chairs;
  for (int64_t draw = 1; draw <= period; ++draw) {
    for (; !waiting.empty() && std::get<0>(waiting.top()) <= draw; waiting.pop()) {
      const auto [time, source, done] = waiting.top();
      due.emplace(done * unit + unit - 1, source, done);
    }
    BROADSHEET_ASSERT(!due.empty());
    const auto [deadline, source, done] = due.top();
    due.pop();
    chairs.push_back(static_cast<int32_t>(source));
    waiting.emplace(release(source, done + 1), source, done + 1);
  }
  return chairs;
}

}  // namespace

std::vector<int64_t> whole_weights(const std::vector<double>& weights) {
  std::vector<int64_t> whole;
  int64_t divisor = 0, sum = 0;
  for (const double weight : weights) {
    if (!(weight > 0 && weight <= kMostWeight)) return {};
    const double scaled = weight * kPlaces;
    whole.push_back(std::llround(scaled));
    if (whole.back() < 1 || std::abs(scaled - std::round(scaled)) > 1e-6) return {};
    divisor = std::gcd(divisor, whole.back());
  }
  for (int64_t& weight : whole) sum += weight /= divisor;
  if (sum > kMostMixtureWeight) return {};
  return whole;
}

void require_examples(const std::vector<SourceShare>& sources, const std::string& corpus) {
  for (size_t source = 0; source < sources.size(); ++source)
    if (sources[source].size() == 0)
      throw UserError("corpus.empty_source",
                      cat(corpus, ": source ", source, " has a weight and no document in the train split"),
                      "prepare the corpus with more of it, or without the source");
}

Mixture::Mixture(std::vector<SourceShare> sources) : sources_(std::move(sources)) {
  std::vector<int64_t> weights;
  for (const SourceShare& source : sources_) {
    weights.push_back(source.weight);
    sizes_.push_back(source.size());
    BROADSHEET_ASSERT(source.weight >= 1 && sizes_.back() >= 1);
  }
  BROADSHEET_ASSERT(std::accumulate(weights.begin(), weights.end(), int64_t{0}) <= kMostMixtureWeight);
  std::vector<int32_t> made(sources_.size());
  for (const int32_t source : assign_chairs(weights)) period_.push_back({source, made[static_cast<size_t>(source)]++});
}

Mixture::Draw Mixture::at(int64_t position) const {
  BROADSHEET_ASSERT(position >= 0 && !period_.empty());
  const Place& place = period_[static_cast<size_t>(position % period())];
  return {place.source, position / period() * sources_[static_cast<size_t>(place.source)].weight + place.number};
}

int64_t Mixture::example(int64_t source, int64_t index) const {
  BROADSHEET_ASSERT(index >= 0 && index < size(source));
  return example_at(sources_[static_cast<size_t>(source)].ranges, index);
}

std::vector<ExampleRange> Mixture::examples(int64_t source, ExampleRange indices) const {
  std::vector<ExampleRange> found;
  int64_t before = 0;
  for (const ExampleRange& range : sources_[static_cast<size_t>(source)].ranges) {
    const int64_t begin = std::max<int64_t>(indices.begin - before, 0);
    const int64_t end = std::min(indices.end - before, range.size());
    if (begin < end) found.push_back({range.begin + begin, range.begin + end});
    before += range.size();
  }
  return found;
}

}  // namespace broadsheet
