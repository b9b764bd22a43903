#include "trainer/models/dropout.h"

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <set>

#include "core/random.h"
#include "tests/trainer/bert_fixture.h"

namespace broadsheet {
namespace {

constexpr PassContext kPass = {.training = true, .seed = 7, .step = 3};

TEST(Dropout, KeepsTheStatedShareOfElements) {
  for (const double p : {0.1, 0.5, 0.9}) {
    constexpr int64_t kCount = 1000003;
    std::vector<uint8_t> keep(kCount);
    fill_keep(keep.data(), kCount, 42, p);
    const auto kept = static_cast<double>(std::count(keep.begin(), keep.end(), 1));
    const double deviation = std::sqrt(kCount * p * (1 - p));
    EXPECT_NEAR(kept, kCount * (1 - p), 5 * deviation) << p;
  }
}

TEST(Dropout, ReadsWordNumberIOfTheStream) {
  const RandomStream stream(99);
  std::vector<uint8_t> keep(1023);
  fill_keep(keep.data(), 1023, 99, 0.3);
  for (uint64_t i = 0; i < keep.size(); ++i) ASSERT_EQ(keep[i] == 1, stream.uniform(i) >= 0.3) << i;
}

TEST(Dropout, ScalesWhatItKeepsAndZeroesTheRest) {
  const at::Tensor rows = at::ones({40, 25}) * 3;
  const at::Tensor out = packed_dropout(rows, {0, 40}, {5}, 0.25);
  const at::Tensor is_zero = out == 0, is_scaled = (out - 4).abs() < 1e-6;
  EXPECT_TRUE(is_zero.logical_or(is_scaled).all().item<bool>());
  EXPECT_GT(is_zero.sum().item<int64_t>(), 180);
  EXPECT_LT(is_zero.sum().item<int64_t>(), 320);
}

TEST(Dropout, GradientPassesWhereTheValuePassed) {
  const at::Tensor rows = (at::rand({12, 8}) + 1).requires_grad_(true);
  const at::Tensor out = packed_dropout(rows, {0, 5, 12}, {1, 2}, 0.5);
  const at::Tensor gradient = torch::autograd::grad({out.sum()}, {rows})[0];
  EXPECT_TRUE(at::equal(gradient, (out != 0).to(at::kFloat) * 2));
}

TEST(Dropout, ZeroProbabilityChangesNothing) {
  const at::Tensor rows = at::rand({3, 4});
  EXPECT_TRUE(packed_dropout(rows, {0, 3}, {1}, 0).is_same(rows));
}

TEST(Dropout, AnExampleLosesTheSameElementsWhateverElseIsInTheBatch) {
  const std::vector<uint64_t> keys = dropout_keys(kPass, {11, 12, 13}, 0, DropoutSite::kFeedForward);
  const at::Tensor a = at::rand({5, 6}), b = at::rand({2, 6}), c = at::rand({7, 6});
  const at::Tensor together = packed_dropout(at::cat({a, b, c}), {0, 5, 7, 14}, keys, 0.4);
  const at::Tensor turned = packed_dropout(at::cat({c, a}), {0, 7, 12}, {keys[2], keys[0]}, 0.4);
  const at::Tensor alone = packed_dropout(b, {0, 2}, {keys[1]}, 0.4);
  EXPECT_TRUE(at::equal(together.narrow(0, 0, 5), turned.narrow(0, 7, 5)));
  EXPECT_TRUE(at::equal(together.narrow(0, 7, 7), turned.narrow(0, 0, 7)));
  EXPECT_TRUE(at::equal(together.narrow(0, 5, 2), alone));
}

TEST(Dropout, EverySeedStepExampleLayerAndSiteHasAStreamOfItsOwn) {
  std::set<uint64_t> keys;
  size_t count = 0;
  for (const uint64_t seed : {1, 2}) {
    for (const uint64_t step : {0, 1, 2}) {
      for (const int64_t layer : {-2, -1, 0, 1, 2}) {
        for (const DropoutSite site : {DropoutSite::kEmbeddings, DropoutSite::kAttention, DropoutSite::kAttentionOutput,
                                       DropoutSite::kFeedForward, DropoutSite::kHead}) {
          for (const uint64_t key : dropout_keys({true, seed, step}, {0, 1, 2, 3}, layer, site)) {
            keys.insert(key);
            ++count;
          }
        }
      }
    }
  }
  EXPECT_EQ(keys.size(), count);
}

TEST(Dropout, MasksDoNotDependOnTheType) {
  const at::Tensor rows = at::ones({9, 16});
  const at::Tensor wide = packed_dropout(rows, {0, 9}, {3}, 0.5);
  const at::Tensor narrow = packed_dropout(rows.to(at::kBFloat16), {0, 9}, {3}, 0.5);
  EXPECT_EQ(narrow.scalar_type(), at::kBFloat16);
  EXPECT_TRUE(at::equal(wide, narrow.to(at::kFloat)));
}

}  // namespace
}  // namespace broadsheet
