#include "trainer/generation/token_choice.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <utility>

namespace broadsheet {
namespace {

using Choices = std::vector<std::pair<int32_t, double>>;

// Tokens from the most likely on, the lower id first among equals; sorted only as far as somebody asks.
class Ranking {
 public:
  explicit Ranking(std::span<const float> scores) : scores_(scores), order_(scores.size()) {
    std::iota(order_.begin(), order_.end(), 0);
  }
  int32_t operator[](size_t place) {
    while (sorted_ <= place) sort_more();
    return order_[place];
  }
  float score(size_t place) { return scores_[static_cast<size_t>((*this)[place])]; }

 private:
  void sort_more() {
    const auto more_likely = [&](int32_t a, int32_t b) {
      const float x = scores_[static_cast<size_t>(a)], y = scores_[static_cast<size_t>(b)];
      return x > y || (x == y && a < b);
    };
    const size_t end = std::min(order_.size(), std::max(kSortedAtOnce, 2 * sorted_));
    std::partial_sort(order_.begin() + static_cast<ptrdiff_t>(sorted_), order_.begin() + static_cast<ptrdiff_t>(end),
                      order_.end(), more_likely);
    sorted_ = end;
  }

  static constexpr size_t kSortedAtOnce = 128;
  std::span<const float> scores_;
  std::vector<int32_t> order_;
  size_t sorted_ = 0;
};

Choices shares_of(Choices weights) {
  const double sum =
      std::accumulate(weights.begin(), weights.end(), 0.0, [](double s, const auto& one) { return s + one.second; });
  for (auto& [token, weight] : weights) weight /= sum;
  return weights;
}

}  // namespace

void penalise_repetition(std::span<float> scores, const std::vector<int32_t>& text, double penalty) {
  if (penalty == 1) return;
  const auto factor = static_cast<float>(penalty);
  for (const int32_t token : std::set<int32_t>(text.begin(), text.end())) {
    float& score = scores[static_cast<size_t>(token)];
    score = score < 0 ? score * factor : score / factor;
  }
}

Choices drawn_from(std::span<const float> scores, const GenerationOptions& options) {
  const double best = scores[static_cast<size_t>(most_likely(scores))];
  const auto weight = [&](double score) { return std::exp((score - best) / options.temperature); };
  size_t count = scores.size();
  Choices tokens;
  if (options.top_p >= 1 && (options.top_k == 0 || static_cast<size_t>(options.top_k) >= count)) {
    for (size_t id = 0; id < count; ++id) tokens.emplace_back(static_cast<int32_t>(id), weight(scores[id]));
    return shares_of(std::move(tokens));
  }
  Ranking ranking(scores);
  double total = 0;
  if (options.top_k > 0 && static_cast<size_t>(options.top_k) < count) {
    count = static_cast<size_t>(options.top_k);
    while (count < scores.size() && ranking.score(count) == ranking.score(count - 1)) ++count;  // of equals, all
    for (size_t place = 0; place < count; ++place) total += weight(ranking.score(place));
  } else {
    for (const float score : scores) total += weight(score);
  }
  double sum = 0;
  for (size_t place = 0; place < count && (place == 0 || options.top_p >= 1 || sum < options.top_p * total); ++place) {
    tokens.emplace_back(ranking[place], weight(ranking.score(place)));
    sum += tokens.back().second;
  }
  return shares_of(std::move(tokens));
}

int32_t draw(const Choices& tokens, double uniform) {
  double sum = 0;
  for (const auto& [token, probability] : tokens) {
    sum += probability;
    if (uniform < sum) return token;
  }
  return tokens.back().first;  // the sum was rounded below 1
}

int32_t most_likely(std::span<const float> scores) {
  return static_cast<int32_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

}  // namespace broadsheet
