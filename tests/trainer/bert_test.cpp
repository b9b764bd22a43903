// BERT against transformers: golden files of tests/golden/make_bert_golden.py.
#include "trainer/models/bert.h"

#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>

#include "core/errors.h"
#include "core/text.h"
#include "tests/trainer/bert_fixture.h"

namespace broadsheet {
namespace {

using fixtures::batch_of;
using fixtures::golden_folder;
using fixtures::gradients;
using fixtures::load_bert;
using fixtures::max_difference;
using fixtures::read_json;
using fixtures::read_tensors;

constexpr double kTolerance = 1e-5;

struct Forward {
  at::Tensor hidden, logits;
};

// Largest difference over all sequences of a forward golden.
Forward run(const BertModel& model, const ModelHeads& heads, const Batch& batch) {
  const at::NoGradGuard no_grad;
  const PackedInput input = to_input(batch, at::kCPU);
  Forward out;
  out.hidden = model.encode(input, {});
  if (heads.masked_lm) out.logits = model.lm_logits(out.hidden);
  if (heads.labels > 0) out.logits = model.classify(out.hidden, input, {});
  return out;
}

void expect_equal_to_golden(const std::string& name, const ModelHeads& heads) {
  const std::string folder = golden_folder(name);
  const BertModel model = load_bert(folder, heads);
  const auto wanted = read_tensors(folder + "/outputs.safetensors");
  const Batch batch = batch_of(read_json(folder + "/inputs.json")["sequences"]);
  const Forward found = run(model, heads, batch);
  ASSERT_EQ(batch.sequences(), 6);
  for (int64_t s = 0; s < batch.sequences(); ++s) {
    const int64_t begin = batch.boundaries[s], length = batch.boundaries[s + 1] - begin;
    EXPECT_LT(max_difference(found.hidden.narrow(0, begin, length), wanted.at(cat("hidden.", s))), kTolerance) << name;
    if (heads.masked_lm) {
      EXPECT_LT(max_difference(found.logits.narrow(0, begin, length), wanted.at(cat("logits.", s))), kTolerance)
          << name;
    }
    if (heads.labels > 0) {
      EXPECT_LT(max_difference(found.logits[s], wanted.at(cat("logits.", s))), kTolerance) << name;
    }
  }
}

TEST(Bert, EncoderEqualsTransformers) {
  expect_equal_to_golden("encoder", {});
  expect_equal_to_golden("encoder-no-pooler", {});
}

TEST(Bert, MaskedLmLogitsEqualTransformers) {
  expect_equal_to_golden("mlm-gelu", {.masked_lm = true});
}

TEST(Bert, MaskedLmLogitsOfAnUntiedDecoderEqualTransformers) {
  expect_equal_to_golden("mlm-relu", {.masked_lm = true});
}

TEST(Bert, ClassificationLogitsEqualTransformers) {
  expect_equal_to_golden("classification-gelu", {.labels = 3});
  expect_equal_to_golden("classification-gelu_new", {.labels = 2});
}

TEST(Bert, RegressionLogitsEqualTransformers) {
  expect_equal_to_golden("regression", {.labels = 1});
}

void expect_training_equal(const std::string& task, const ModelHeads& heads) {
  const std::string folder = golden_folder("training/" + task);
  BertModel model = load_bert(folder, heads);
  const auto wanted = read_tensors(folder + "/outputs.safetensors");
  const Batch batch = batch_of(read_json(folder + "/batch.json")["sequences"]);
  const PackedInput input = to_input(batch, at::kCPU);
  const PassContext pass = {.training = true};  // the configuration's dropout is 0
  const at::Tensor hidden = model.encode(input, pass);
  const auto ids = [](const std::vector<int64_t>& values) {
    return at::tensor(at::ArrayRef<int64_t>(values), at::kLong);
  };
  at::Tensor loss;
  if (heads.masked_lm) {
    const at::Tensor logits = model.lm_logits(hidden.index_select(0, ids(batch.loss_rows)));
    loss = at::cross_entropy_loss(logits, ids(batch.labels));
  } else if (heads.labels > 1) {
    loss = at::cross_entropy_loss(model.classify(hidden, input, pass), ids(batch.labels));
  } else {
    const at::Tensor targets = at::tensor(at::ArrayRef<float>(batch.targets), at::kFloat);
    loss = at::mse_loss(model.classify(hidden, input, pass).squeeze(1), targets);
  }
  EXPECT_NEAR(loss.item<double>(), wanted.at("loss").item<double>(), kTolerance);
  const auto found = gradients(loss, model.parameters());
  size_t compared = 0;
  for (const auto& [name, tensor] : wanted) {
    if (!starts_with(name, "grad.")) continue;
    const std::string parameter = name.substr(5);
    ASSERT_TRUE(found.count(parameter)) << parameter;
    EXPECT_LT(max_difference(found.at(parameter), tensor),
              kTolerance * std::max(1.0, tensor.abs().max().item<double>()))
        << parameter;
    ++compared;
  }
  EXPECT_EQ(compared, found.size());
}

TEST(Bert, ClassificationLossAndGradientsEqualTransformers) {
  expect_training_equal("classification", {.labels = 3});
}

TEST(Bert, RegressionLossAndGradientsEqualTransformers) {
  expect_training_equal("regression", {.labels = 1});
}

TEST(Bert, MaskedLmLossAndGradientsEqualTransformers) {
  expect_training_equal("mlm", {.masked_lm = true});
}

TEST(Bert, UnderBFloat16AutocastComesNearFloat32AndTrainsEveryParameter) {
  const std::string folder = golden_folder("classification-gelu");
  BertModel model = load_bert(folder, {.labels = 3});
  const Batch batch = batch_of(read_json(folder + "/inputs.json")["sequences"]);
  const PackedInput input = to_input(batch, at::kCPU);
  const PassContext pass = {.training = true, .seed = 1, .step = 2};
  const auto logits = [&] { return model.classify(model.encode(input, pass), input, pass); };
  const at::Tensor exact = logits();
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const at::Tensor rough = logits();
  at::autocast::set_autocast_enabled(at::kCPU, false);
  at::autocast::clear_cache();
  EXPECT_EQ(rough.scalar_type(), at::kFloat);
  EXPECT_GT(max_difference(exact, rough), 0);  // else autocast was not on
  EXPECT_LT(max_difference(exact, rough), 0.1);
  const auto wanted = gradients(exact.square().sum(), model.parameters());
  for (const auto& [name, gradient] : gradients(rough.square().sum(), model.parameters())) {
    EXPECT_EQ(gradient.scalar_type(), at::kFloat) << name;
    EXPECT_LT((gradient - wanted.at(name)).norm().item<double>(), 0.1 * wanted.at(name).norm().item<double>() + 0.02)
        << name;
  }
}

}  // namespace
}  // namespace broadsheet
