#include "data/mixture.h"

#include <gtest/gtest.h>

#include <numeric>

#include "core/errors.h"
#include "core/random.h"

namespace broadsheet {
namespace {

std::vector<SourceShare> sources_of(const std::vector<int64_t>& weights) {
  std::vector<SourceShare> sources;
  int64_t begin = 0;
  for (const int64_t weight : weights) {
    sources.push_back({weight, {{begin, begin + 10}}});
    begin += 10;
  }
  return sources;
}

// Of every prefix of two periods.
void expect_within_one(const std::vector<int64_t>& weights) {
  const Mixture mixture(sources_of(weights));
  const int64_t all = std::accumulate(weights.begin(), weights.end(), int64_t{0});
  ASSERT_EQ(mixture.period(), all);
  std::vector<int64_t> drawn(weights.size());
  for (int64_t position = 0; position < 2 * all; ++position) {
    const Mixture::Draw draw = mixture.at(position);
    ASSERT_EQ(draw.number, drawn[static_cast<size_t>(draw.source)]++) << "the next of its source";
    for (size_t source = 0; source < weights.size(); ++source) {
      const int64_t off = drawn[source] * all - weights[source] * (position + 1);
      ASSERT_LT(std::abs(off), all) << "source " << source << " after " << position + 1 << " draws";
    }
  }
}

TEST(Mixture, NoPrefixIsAWholeExampleFromAnySourcesShare) {
  for (const auto& weights : std::vector<std::vector<int64_t>>{
           {1}, {1, 1}, {7, 3}, {1, 999}, {999, 1}, {5, 5, 1}, {1, 2, 3, 4, 5, 6}, {6000, 3000, 999, 1}})
    expect_within_one(weights);
}

TEST(Mixture, NorWithManySourcesOfAnyWeights) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    std::vector<int64_t> weights;
    const uint64_t sources = 2 + mix64(seed) % 30;
    for (uint64_t i = 0; i < sources; ++i) weights.push_back(1 + static_cast<int64_t>(mix(seed, i) % 40));
    expect_within_one(weights);
  }
}

TEST(Mixture, AnyDrawIsFoundAtOnce) {
  const Mixture mixture(sources_of({700'000, 299'999, 1}));
  const int64_t far = 1'000'000'000'000;
  EXPECT_EQ(mixture.period(), 1'000'000);
  EXPECT_EQ(mixture.at(far).source, mixture.at(0).source);
  EXPECT_EQ(mixture.at(far).number,
            far / 1'000'000 * mixture.sources()[static_cast<size_t>(mixture.at(0).source)].weight);
}

TEST(Mixture, ASourceMayLieInSeveralRanges) {
  const Mixture mixture({{1, {{0, 3}, {10, 14}}}, {2, {{3, 10}}}});
  EXPECT_EQ(mixture.size(0), 7);
  EXPECT_EQ(mixture.example(0, 2), 2);
  EXPECT_EQ(mixture.example(0, 3), 10);
  EXPECT_EQ(mixture.example(0, 6), 13);
  EXPECT_EQ(mixture.example(1, 6), 9);
  EXPECT_EQ(mixture.examples(0, {2, 5}), (std::vector<ExampleRange>{{2, 3}, {10, 12}}));
  EXPECT_EQ(mixture.examples(0, {4, 7}), (std::vector<ExampleRange>{{11, 14}}));
}

TEST(Mixture, ASourceWithoutExamplesIsNamed) {
  EXPECT_NO_THROW(require_examples({{1, {{0, 3}}}}, "corpora/news"));
  try {
    require_examples({{1, {{0, 3}}}, {2, {}}}, "corpora/news");
    FAIL() << "nothing was thrown";
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("corpora/news: source 1 has a weight"), std::string::npos) << error.what();
  }
}

using Whole = std::vector<int64_t>;

TEST(WholeWeights, HaveNoCommonDivisor) {
  EXPECT_EQ(whole_weights({0.7, 0.3}), (Whole{7, 3}));
  EXPECT_EQ(whole_weights({2, 2, 4}), (Whole{1, 1, 2}));
  EXPECT_EQ(whole_weights({0.1234, 1}), (Whole{617, 5000}));
  EXPECT_EQ(whole_weights({5}), (Whole{1}));
  EXPECT_EQ(whole_weights({0.3333, 0.3333, 0.3334}), (Whole{3333, 3333, 3334}));
}

TEST(WholeWeights, AreNoneOfWhatCannotBeOne) {
  for (const std::vector<double>& weights :
       std::vector<std::vector<double>>{{0, 1}, {-1, 1}, {0.00001, 1}, {0.12345}, {10'001, 1}, {10'000, 0.0001}})
    EXPECT_TRUE(whole_weights(weights).empty()) << weights[0];
}

}  // namespace
}  // namespace broadsheet
