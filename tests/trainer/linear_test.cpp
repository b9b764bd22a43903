// A linear layer and its LoRA branch.
#include "trainer/models/linear.h"

#include <gtest/gtest.h>

#include "tests/trainer/bert_fixture.h"

namespace broadsheet {
namespace {

using fixtures::max_difference;

const std::vector<int64_t> kTwoTexts = {0, 3, 7};
const std::vector<int64_t> kTheirNumbers = {40, 41};

Linear layer_with_branch(double dropout) {
  at::manual_seed(5);
  Linear layer{"encoder.query", at::randn({6, 4}), at::randn({6})};
  layer.lora = LoraBranch{at::randn({2, 4}), at::randn({6, 2}), 0.5, dropout};
  return layer;
}

TEST(Linear, AddsTheScaledBranchToWhatTheLayerMakes) {
  const Linear layer = layer_with_branch(0.3);
  const at::Tensor x = at::randn({7, 4});
  const at::Tensor wanted =
      at::matmul(x, (layer.weight + 0.5 * at::matmul(layer.lora->b, layer.lora->a)).t()) + layer.bias;
  EXPECT_LT(max_difference(layer(x, {{}, kTwoTexts, kTheirNumbers}), wanted), 1e-5);  // no dropout in evaluation
  Linear plain = layer;
  plain.lora.reset();
  EXPECT_EQ(max_difference(plain(x, {{}, kTwoTexts, kTheirNumbers}), at::linear(x, layer.weight, layer.bias)), 0);
}

TEST(Linear, DropsElementsOfTheBranchAloneAndTheSameOnesOfAnExampleWhereverItLies) {
  const Linear layer = layer_with_branch(0.5);
  const PassContext pass = {.training = true, .seed = 3, .step = 9};
  const at::Tensor x = at::randn({7, 4});
  const at::Tensor together = layer(x, {pass, kTwoTexts, kTheirNumbers});
  EXPECT_GT(max_difference(together, layer(x, {{}, kTwoTexts, kTheirNumbers})), 0.01);
  const std::vector<int64_t> boundaries = {0, 4}, second = {41};
  const at::Tensor alone = layer(x.slice(0, 3), {pass, boundaries, second});
  EXPECT_LT(max_difference(together.slice(0, 3), alone), 1e-6);
  Linear other = layer;
  other.name = "encoder.value";
  EXPECT_GT(max_difference(other(x, {pass, kTwoTexts, kTheirNumbers}), together), 0.01);
}

}  // namespace
}  // namespace broadsheet
