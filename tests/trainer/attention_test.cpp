#include "trainer/models/attention.h"

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "tests/trainer/bert_fixture.h"
#include "trainer/models/dropout.h"

namespace broadsheet {
namespace {

using fixtures::max_difference;

const std::vector<int64_t> kBoundaries = {0, 5, 6, 18, 23};  // lengths 5, 1, 12, 5
constexpr int64_t kHeads = 3, kWidth = 12;

struct Rows {
  at::Tensor query, key, value;
  std::vector<at::Tensor> all() const { return {query, key, value}; }
};

Rows random_rows(at::ScalarType type) {
  at::manual_seed(5);
  const auto make = [&] { return at::randn({kBoundaries.back(), kWidth}, at::dtype(type)).requires_grad_(true); };
  const at::Tensor query = make(), key = make();
  return {query, key, make()};
}

// Plain operations with torch's own backward, one sequence and head at a time.
at::Tensor reference(const Rows& rows, const AttentionDropout& dropout, Attends attends = Attends::kEverywhere) {
  const int64_t d = kWidth / kHeads;
  std::vector<at::Tensor> sequences;
  for (size_t s = 0; s + 1 < kBoundaries.size(); ++s) {
    const int64_t begin = kBoundaries[s], length = kBoundaries[s + 1] - begin;
    std::vector<at::Tensor> heads;
    at::Tensor keep = at::ones({kHeads, length, length}, at::kByte);
    if (dropout.p > 0) fill_keep(keep.mutable_data_ptr<uint8_t>(), keep.numel(), dropout.keys[s], dropout.p);
    for (int64_t h = 0; h < kHeads; ++h) {
      const auto part = [&](const at::Tensor& x) { return x.narrow(0, begin, length).narrow(1, h * d, d); };
      at::Tensor scores = at::mm(part(rows.query), part(rows.key).t()) / std::sqrt(static_cast<double>(d));
      if (attends == Attends::kBackwards) scores = scores + at::full({length, length}, -1e30).triu(1);
      const at::Tensor kept = at::softmax(scores, 1) * keep[h].to(scores.scalar_type()) / (1 - dropout.p);
      heads.push_back(at::mm(kept, part(rows.value)));
    }
    sequences.push_back(at::cat(heads, 1));
  }
  return at::cat(sequences, 0);
}

at::Tensor ours(const Rows& rows, const AttentionDropout& dropout, Attends attends = Attends::kEverywhere) {
  return packed_attention(rows.query, rows.key, rows.value, kBoundaries, kHeads, dropout, attends);
}

void expect_equal_to_reference(at::ScalarType type, const AttentionDropout& dropout, double tolerance,
                               Attends attends = Attends::kEverywhere) {
  const Rows rows = random_rows(type);
  const at::Tensor weight = at::randn({kBoundaries.back(), kWidth}, at::dtype(type));
  const at::Tensor mine = ours(rows, dropout, attends), theirs = reference(rows, dropout, attends);
  EXPECT_LT(max_difference(mine, theirs), tolerance);
  const auto my_gradients = torch::autograd::grad({(mine * weight).sum()}, rows.all());
  const auto their_gradients = torch::autograd::grad({(theirs * weight).sum()}, rows.all());
  for (size_t i = 0; i < 3; ++i) EXPECT_LT(max_difference(my_gradients[i], their_gradients[i]), tolerance) << i;
}

TEST(Attention, EqualsPlainAutogradInFloat32) {
  expect_equal_to_reference(at::kFloat, {}, 1e-5);
}

TEST(Attention, EqualsPlainAutogradInFloat64) {
  expect_equal_to_reference(at::kDouble, {}, 1e-12);
}

TEST(Attention, EqualsPlainAutogradWithDropout) {
  expect_equal_to_reference(at::kFloat, {0.3, {1, 2, 3, 4}}, 1e-5);
  expect_equal_to_reference(at::kDouble, {0.3, {1, 2, 3, 4}}, 1e-12);
}

TEST(Attention, BackwardsEqualsPlainAutograd) {
  expect_equal_to_reference(at::kFloat, {}, 1e-5, Attends::kBackwards);
  expect_equal_to_reference(at::kDouble, {}, 1e-12, Attends::kBackwards);
  expect_equal_to_reference(at::kDouble, {0.3, {1, 2, 3, 4}}, 1e-12, Attends::kBackwards);
}

TEST(Attention, BackwardsSeesNothingOfWhatComesLater) {
  const Rows rows = random_rows(at::kFloat);
  const at::Tensor before = ours(rows, {}, Attends::kBackwards);
  {
    const at::NoGradGuard no_grad;
    for (const at::Tensor& x : rows.all()) x.narrow(0, 10, 8).mul_(-50);  // the end of the third sequence
  }
  const at::Tensor after = ours(rows, {}, Attends::kBackwards);
  EXPECT_TRUE(at::equal(before.narrow(0, 0, 10), after.narrow(0, 0, 10)));
  EXPECT_TRUE(at::equal(before.narrow(0, 18, 5), after.narrow(0, 18, 5)));
  EXPECT_FALSE(at::equal(before.narrow(0, 10, 8), after.narrow(0, 10, 8)));
}

TEST(Attention, GradientEqualsFiniteDifferences) {
  const AttentionDropout dropout = {0.2, {9, 8, 7, 6}};
  const Rows rows = random_rows(at::kDouble);
  const at::Tensor weight = at::randn({kBoundaries.back(), kWidth}, at::kDouble);
  const auto value = [&] { return (ours(rows, dropout) * weight).sum(); };
  const auto analytic = torch::autograd::grad({value()}, rows.all());
  constexpr double kStep = 1e-6;
  for (size_t t = 0; t < 3; ++t) {
    for (int64_t row = 0; row < kBoundaries.back(); ++row) {
      const at::NoGradGuard no_grad;
      at::Tensor cell = rows.all()[t][row][row % kWidth];
      cell.add_(kStep);
      const double above = value().item<double>();
      cell.sub_(2 * kStep);
      const double below = value().item<double>();
      cell.add_(kStep);
      EXPECT_NEAR(analytic[t][row][row % kWidth].item<double>(), (above - below) / (2 * kStep), 1e-7);
    }
  }
}

TEST(Attention, NeverCrossesABoundary) {
  const Rows rows = random_rows(at::kFloat);
  const at::Tensor before = ours(rows, {});
  {
    const at::NoGradGuard no_grad;
    for (const at::Tensor& x : rows.all()) x.narrow(0, 6, 12).mul_(-50);
  }
  const at::Tensor after = ours(rows, {});
  EXPECT_TRUE(at::equal(before.narrow(0, 0, 6), after.narrow(0, 0, 6)));
  EXPECT_TRUE(at::equal(before.narrow(0, 18, 5), after.narrow(0, 18, 5)));
  EXPECT_FALSE(at::equal(before.narrow(0, 6, 12), after.narrow(0, 6, 12)));
}

TEST(Attention, InBFloat16KeepsItsTypeAndComesNear) {
  const Rows rows = random_rows(at::kFloat);
  const Rows narrow = {rows.query.detach().to(at::kBFloat16).requires_grad_(true),
                       rows.key.detach().to(at::kBFloat16).requires_grad_(true),
                       rows.value.detach().to(at::kBFloat16).requires_grad_(true)};
  const AttentionDropout dropout = {0.3, {1, 2, 3, 4}};
  const at::Tensor mine = ours(narrow, dropout), theirs = reference(rows, dropout);
  EXPECT_EQ(mine.scalar_type(), at::kBFloat16);
  EXPECT_LT(max_difference(mine, theirs), 0.08);
  const auto my_gradients = torch::autograd::grad({mine.sum()}, narrow.all());
  const auto their_gradients = torch::autograd::grad({theirs.sum()}, rows.all());
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(my_gradients[i].scalar_type(), at::kBFloat16);
    EXPECT_LT(max_difference(my_gradients[i], their_gradients[i]), 0.15) << i;
  }
}

TEST(Attention, WorksWhereOnlyOneInputIsTrained) {
  Rows rows = random_rows(at::kFloat);
  rows.query = rows.query.detach();
  rows.key = rows.key.detach();
  const auto mine = torch::autograd::grad({ours(rows, {}).sum()}, {rows.value});
  const auto theirs = torch::autograd::grad({reference(rows, {}).sum()}, {rows.value});
  EXPECT_LT(max_difference(mine[0], theirs[0]), 1e-5);
}

}  // namespace
}  // namespace broadsheet
