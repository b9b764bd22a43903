// GPT-2 against transformers: golden files of tests/golden/make_gpt2_golden.py.
#include "trainer/models/gpt2.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/text.h"
#include "tests/trainer/bert_fixture.h"
#include "trainer/models/linear_cross_entropy.h"

namespace broadsheet {
namespace {

using fixtures::batch_of;
using fixtures::error_of;
using fixtures::gradients;
using fixtures::max_difference;
using fixtures::random_sequences;
using fixtures::read_json;
using fixtures::read_tensors;

constexpr double kNear = 1e-5;

std::string gpt2_folder(const std::string& name) {
  return cat(BROADSHEET_SOURCE_DIR, "/tests/golden/gpt2/", name);
}

std::unique_ptr<LanguageModel> load_gpt2(const std::string& name, const ModelHeads& heads) {
  const std::string folder = gpt2_folder(name);
  const WeightFiles files = WeightFiles::open(folder);
  return make_model(read_architecture(read_json(folder + "/config.json"), folder), heads, &files, 1);
}

void expect_same_gradients(const at::Tensor& loss, const ParameterList& parameters,
                           const std::map<std::string, at::Tensor>& golden) {
  for (const auto& [name, gradient] : gradients(loss, parameters)) {
    const at::Tensor& wanted = golden.at("grad." + name);
    EXPECT_LT(max_difference(gradient, wanted), kNear * std::max(1.0, wanted.abs().max().item<double>())) << name;
  }
}

// Hidden states and, with a head, logits of every sequence of the packed batch.
void expect_equal_to_transformers(const std::string& name, const ModelHeads& heads) {
  const auto model = load_gpt2(name, heads);
  EXPECT_TRUE(model->load_report().missing.empty()) << name;
  EXPECT_TRUE(model->load_report().unused.empty()) << name;
  const auto golden = read_tensors(gpt2_folder(name) + "/outputs.safetensors");
  const Batch batch = batch_of(read_json(gpt2_folder(name) + "/inputs.json")["sequences"]);
  const PackedInput input = to_input(batch, at::kCPU);
  const at::Tensor hidden = model->encode(input, {.training = true});  // the golden models have no dropout
  ASSERT_EQ(batch.sequences(), 6);
  for (int64_t s = 0; s < batch.sequences(); ++s) {
    const auto part = [&](const at::Tensor& rows) {
      return rows.slice(0, batch.boundaries[s], batch.boundaries[s + 1]);
    };
    EXPECT_LT(max_difference(part(hidden), golden.at(cat("hidden.", s))), kNear) << name << s;
    if (heads.causal_lm) {
      EXPECT_LT(max_difference(part(model->lm_logits(hidden)), golden.at(cat("logits.", s))), kNear) << name << s;
    }
    if (heads.labels > 0) {
      const at::Tensor logits = model->classify(hidden, input, {});
      EXPECT_LT(max_difference(logits[s], golden.at(cat("logits.", s))), kNear) << name << s;
    }
  }
  if (heads.causal_lm) {
    const at::Tensor loss = linear_cross_entropy(hidden.index_select(0, index_tensor(batch.loss_rows)),
                                                 model->lm_weight(), index_tensor(batch.labels));
    EXPECT_NEAR(loss.item<double>(), golden.at("loss").item<double>(), kNear * golden.at("loss").item<double>());
    expect_same_gradients(loss, model->parameters(), golden);
  }
  if (heads.labels > 0) {
    const at::Tensor loss =
        at::cross_entropy_loss(model->classify(hidden, input, {}), index_tensor(batch.labels), {}, at::Reduction::Sum);
    expect_same_gradients(loss, model->parameters(), golden);
  }
}

TEST(Gpt2, LanguageModelsEqualTransformers) {
  expect_equal_to_transformers("lm", {.causal_lm = true});
  expect_equal_to_transformers("lm-untied", {.causal_lm = true});
}

TEST(Gpt2, ATrunkWithoutPrefixEqualsTransformers) {
  expect_equal_to_transformers("trunk", {});
}

TEST(Gpt2, TheClassifierReadsTheLastTokenAsTransformersDoes) {
  expect_equal_to_transformers("classification", {.labels = 3});
}

TEST(Gpt2, WhatIsWrittenReadsBackTheSame) {
  const fixtures::TemporaryFolder temporary;
  const auto model = load_gpt2("lm-untied", {.causal_lm = true});
  std::map<std::string, at::Tensor> written;
  for (const Parameter& parameter : model->parameters()) written[parameter.name] = parameter.tensor;
  const auto original = read_tensors(gpt2_folder("lm-untied") + "/model.safetensors");
  ASSERT_EQ(written.size(), original.size());
  for (const auto& [name, tensor] : original) EXPECT_TRUE(tensor.equal(written.at(name))) << name;
  for (const char* name : {"lm", "lm-untied", "trunk"}) {
    const Architecture config = read_architecture(read_json(gpt2_folder(name) + "/config.json"), name);
    EXPECT_EQ(to_json(read_architecture(to_json(config), "again")), to_json(config)) << name;
  }
}

TEST(Gpt2, FromScratchProjectionsBackToTheHiddenStatesAreSmaller) {
  Gpt2Config config;
  config.vocab_size = 50;
  config.n_positions = 16;
  config.n_embd = 64;
  config.n_layer = 8;
  config.n_head = 4;
  const Gpt2Model model(config, {.causal_lm = true}, 1);
  for (const Parameter& parameter : model.parameters()) {
    if (parameter.tensor.dim() != 2) continue;
    const double wanted = ends_with(parameter.name, "c_proj.weight") ? 0.02 / 4 : 0.02;
    EXPECT_NEAR(parameter.tensor.std().item<double>(), wanted, 0.1 * wanted) << parameter.name;
  }
}

TEST(Gpt2, EveryWrongValueIsNamedAtOnce) {
  const nlohmann::json config = {{"model_type", "gpt2"},
                                 {"n_head", 5},
                                 {"n_embd", 32},
                                 {"n_positions", 0},
                                 {"attn_pdrop", 1.5},
                                 {"activation_function", "swish"},
                                 {"scale_attn_by_inverse_layer_idx", true}};
  const std::string message = error_of([&] { read_architecture(config, "models/x/config.json"); });
  for (const char* key : {"n_head", "n_positions", "attn_pdrop", "activation_function",
                          "scale_attn_by_inverse_layer_idx", "models/x/config.json"})
    EXPECT_NE(message.find(key), std::string::npos) << key << " in " << message;
}

TEST(Architectures, AnUnknownKindIsRefusedWithThoseThatAreKnown) {
  const std::string message = error_of([] { read_architecture({{"model_type", "llama"}}, "models/x/config.json"); });
  for (const char* part : {"llama", "bert", "gpt2", "models/x/config.json"})
    EXPECT_NE(message.find(part), std::string::npos) << message;
  EXPECT_NE(error_of([] { read_architecture(nlohmann::json::object(), "c"); }).find("model_type"), std::string::npos);
  EXPECT_NE(error_of([] { read_architecture({{"model_type", 5}}, "c"); }).find("\"5\""), std::string::npos);
}

TEST(Architectures, ALanguageModellingTaskOfTheOtherKindIsRefused) {
  const auto refusal = [](const char* architecture, const ModelHeads& heads) {
    return error_of([&] {
      make_model(read_architecture(architecture, nlohmann::json::object(), "model.config"), heads, nullptr, 1);
    });
  };
  EXPECT_NE(refusal("gpt2", {.masked_lm = true}).find("write kind: causal_lm"), std::string::npos);
  EXPECT_NE(refusal("bert", {.causal_lm = true}).find("write kind: masked_lm"), std::string::npos);
}

TEST(LinearCrossEntropy, EqualsThePlainFormOverSeveralChunks) {
  // Few enough classes for a test, and more rows than one chunk has.
  constexpr int64_t kClasses = int64_t{1} << 17, kWidth = 3;
  const int64_t rows = 2 * cross_entropy_chunk(kClasses) + 5;
  at::manual_seed(3);
  const auto leaf = [](at::IntArrayRef sizes) { return at::randn(sizes, at::kDouble).requires_grad_(true); };
  const at::Tensor hidden = leaf({rows, kWidth}), weight = leaf({kClasses, kWidth});
  const at::Tensor labels = at::randint(kClasses, {rows}, at::kLong);
  const at::Tensor plain = at::cross_entropy_loss(at::mm(hidden, weight.t()), labels, {}, at::Reduction::None);
  const at::Tensor ours = linear_cross_entropy(hidden, weight, labels);
  EXPECT_NEAR(ours.item<double>(), plain.sum().item<double>(), 1e-9 * ours.item<double>());
  EXPECT_LT(max_difference(linear_nll(hidden, weight, labels), plain), 1e-12);
  const ParameterList both = {{"hidden", hidden}, {"weight", weight}};
  const auto mine = gradients(ours / 7, both), theirs = gradients(plain.sum() / 7, both);
  for (const auto& [name, gradient] : theirs) EXPECT_LT(max_difference(mine.at(name), gradient), 1e-12) << name;
}

TEST(LinearCrossEntropy, GivesGradientsOnlyWhereTheyAreAskedFor) {
  const at::Tensor hidden = at::randn({5, 4}).requires_grad_(true), weight = at::randn({9, 4});
  const at::Tensor labels = at::randint(9, {5}, at::kLong);
  const at::Tensor plain = at::cross_entropy_loss(at::mm(hidden, weight.t()), labels, {}, at::Reduction::Sum);
  const ParameterList one = {{"hidden", hidden}};
  EXPECT_LT(max_difference(gradients(linear_cross_entropy(hidden, weight, labels), one).at("hidden"),
                           gradients(plain, one).at("hidden")),
            1e-6);
  EXPECT_FALSE(linear_cross_entropy(hidden.detach(), weight, labels).requires_grad());
}

}  // namespace
}  // namespace broadsheet
