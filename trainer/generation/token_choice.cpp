#include "trainer/generation/token_choice.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

namespace broadsheet {
namespace {

using Choices = std::vector<std::pair<int32_t, double>>;

// Divides by the sum of the first `count` and drops the others.
void settle_on(Choices& tokens, size_t count) {
  tokens.resize(count);
  const double sum =
      std::accumulate(tokens.begin(), tokens.end(), 0.0, [](double s, const auto& one) { return s + one.second; });
  for (auto& [token, probability] : tokens) probability /= sum;
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
  std::vector<int32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  const auto score_of = [&](int32_t token) { return scores[static_cast<size_t>(token)]; };
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return score_of(a) > score_of(b); });
  size_t count = order.size();
  if (options.top_k > 0 && static_cast<size_t>(options.top_k) < count) {
    count = static_cast<size_t>(options.top_k);
    while (count < order.size() && score_of(order[count]) == score_of(order[count - 1])) ++count;  // of equals, all
  }
  Choices tokens;
  for (size_t i = 0; i < count; ++i)
    tokens.emplace_back(order[i],
                        std::exp((double{score_of(order[i])} - double{score_of(order[0])}) / options.temperature));
  settle_on(tokens, count);
  size_t kept = 0;
  for (double sum = 0; kept < count && (kept == 0 || sum < options.top_p); ++kept) sum += tokens[kept].second;
  settle_on(tokens, kept);
  return tokens;
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
