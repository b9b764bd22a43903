#include <gtest/gtest.h>

#include <functional>

#include "core/errors.h"
#include "tests/trainer/bert_fixture.h"
#include "trainer/tasks/task.h"

namespace broadsheet {
namespace {

using fixtures::error_of;
using fixtures::gradients;

BertModel small_model(int64_t labels) {
  BertConfig config;
  config.vocab_size = 50;
  config.hidden_size = 16;
  config.num_attention_heads = 2;
  config.num_hidden_layers = 2;
  config.intermediate_size = 24;
  config.initializer_range = 0.1;
  return BertModel(config, {.labels = labels}, 1);
}

// layer -> {trained, frozen}
using Counts = std::map<int64_t, std::pair<int, int>>;

Counts counts(const ParameterList& parameters) {
  Counts by_layer;
  for (const Parameter& parameter : parameters) {
    auto& [trained, frozen] = by_layer[parameter.layer];
    ++(parameter.tensor.requires_grad() ? trained : frozen);
  }
  return by_layer;
}

TEST(Freeze, FreezesEmbeddingsLayersOrAllButTheHead) {
  BertModel model = small_model(3);
  apply_freeze(model.parameters(), {});
  EXPECT_EQ(counts(model.parameters()), (Counts{{-2, {4, 0}}, {-1, {5, 0}}, {0, {16, 0}}, {1, {16, 0}}}));
  apply_freeze(model.parameters(), {.all_but_head = true});
  EXPECT_EQ(counts(model.parameters()), (Counts{{-2, {4, 0}}, {-1, {0, 5}}, {0, {0, 16}}, {1, {0, 16}}}));
  apply_freeze(model.parameters(), {.all_but_head = false, .embeddings = true, .layers = 1});
  EXPECT_EQ(counts(model.parameters()), (Counts{{-2, {4, 0}}, {-1, {0, 5}}, {0, {0, 16}}, {1, {16, 0}}}));
}

TEST(Freeze, FrozenParametersAreNotInTheGraphAndTheOthersGetTheSameGradient) {
  BertModel model = small_model(3);
  const Batch batch = fixtures::batch_of(fixtures::random_sequences({7, 3, 12}, 50, 1));
  const PackedInput input = to_input(batch, at::kCPU);
  const PassContext pass = {.training = true};
  const auto loss = [&] { return model.classify(model.encode(input, pass), input, pass).square().sum(); };
  const auto all = gradients(loss(), model.parameters());
  apply_freeze(model.parameters(), {.all_but_head = false, .embeddings = true, .layers = 1});
  const auto some = gradients(loss(), model.parameters());
  EXPECT_EQ(all.size(), 41u);
  EXPECT_EQ(some.size(), 20u);
  for (const auto& [name, gradient] : some) EXPECT_TRUE(at::equal(gradient, all.at(name))) << name;
}

TEST(Freeze, MoreLayersThanTheModelHasIsAnError) {
  BertModel model = small_model(3);
  const FreezeConfig freeze = {.all_but_head = false, .embeddings = false, .layers = 3};
  EXPECT_NE(error_of([&] { apply_freeze(model.parameters(), freeze); }).find("the model has 2 layers"),
            std::string::npos);
}

TEST(Freeze, TrainingNothingIsAnError) {
  BertModel model = small_model(0);  // no head
  EXPECT_NE(
      error_of([&] { apply_freeze(model.parameters(), {.all_but_head = true}); }).find("nothing would be trained"),
      std::string::npos);
}

}  // namespace
}  // namespace broadsheet
