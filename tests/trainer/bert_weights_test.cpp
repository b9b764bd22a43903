// Where a BERT's first values come from: a folder, or streams of their own.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "core/errors.h"
#include "core/text.h"
#include "tests/trainer/bert_fixture.h"
#include "trainer/models/bert.h"
#include "trainer/models/initialise.h"

namespace broadsheet {
namespace {

using fixtures::error_of;
using fixtures::golden_folder;
using fixtures::load_bert;
using fixtures::read_json;
using fixtures::read_tensors;
using fixtures::TemporaryFolder;
using fixtures::write_folder;
using Tensors = std::map<std::string, at::Tensor>;

const std::vector<std::string> kMaskedLmHead = {
    "cls.predictions.bias", "cls.predictions.transform.LayerNorm.bias", "cls.predictions.transform.LayerNorm.weight",
    "cls.predictions.transform.dense.bias", "cls.predictions.transform.dense.weight"};

std::vector<std::string> sorted(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  return names;
}

void expect_contains(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) EXPECT_NE(text.find(part), std::string::npos) << part << "\nin: " << text;
}

const at::Tensor& find(BertModel& model, const std::string& name) {
  for (const Parameter& parameter : model.parameters()) {
    if (parameter.name == name) return parameter.tensor;
  }
  throw std::runtime_error("no parameter " + name);
}

TEST(BertWeights, ABareEncoderLoadsAndItsMissingHeadIsListed) {
  BertModel model = load_bert(golden_folder("encoder"), {.masked_lm = true});
  EXPECT_EQ(sorted(model.load_report().missing), kMaskedLmHead);
  EXPECT_EQ(sorted(model.load_report().unused), (std::vector<std::string>{"pooler.dense.bias", "pooler.dense.weight"}));
  const Tensors file = read_tensors(golden_folder("encoder") + "/model.safetensors");
  EXPECT_TRUE(at::equal(find(model, "bert.encoder.layer.1.output.dense.weight"),
                        file.at("encoder.layer.1.output.dense.weight")));
}

TEST(BertWeights, AHeadOfAnotherKindIsUnused) {
  BertModel model = load_bert(golden_folder("classification-gelu"), {.masked_lm = true});
  EXPECT_EQ(sorted(model.load_report().unused),
            (std::vector<std::string>{"bert.pooler.dense.bias", "bert.pooler.dense.weight", "classifier.bias",
                                      "classifier.weight"}));
  BertModel whole = load_bert(golden_folder("classification-gelu"), {.labels = 3});
  EXPECT_TRUE(whole.load_report().unused.empty());
  EXPECT_TRUE(whole.load_report().missing.empty());
}

TEST(BertWeights, WhatACheckpointWillFillIsCheckedAndNotRead) {
  const std::string folder = golden_folder("encoder");
  const BertConfig config = read_bert_config(read_json(folder + "/config.json"), folder + "/config.json");
  const WeightFiles files = WeightFiles::open(folder);
  BertModel model(config, {.masked_lm = true}, files, 1, ModelValues::kFollow);
  EXPECT_TRUE(model.load_report().missing.empty()) << "nothing is initialised anew";
  EXPECT_EQ(model.parameters().size(), load_bert(folder, {.masked_lm = true}).parameters().size());
  BertConfig wider = config;
  wider.vocab_size += 1;
  const std::string error = error_of([&] { BertModel(wider, {.masked_lm = true}, files, 1, ModelValues::kFollow); });
  expect_contains(error, {"word_embeddings", "has shape"});
}

TEST(BertWeights, NoParameterExistsThatTheLossNeverUses) {
  BertModel model = load_bert(golden_folder("encoder"), {.masked_lm = true});
  for (const Parameter& parameter : model.parameters()) {
    EXPECT_EQ(parameter.name.find("pooler"), std::string::npos) << parameter.name;
    EXPECT_EQ(parameter.name.find("decoder"), std::string::npos) << parameter.name;
  }
}

TEST(BertWeights, OldSpellingsHalfPrecisionAndBuffersAreRead) {
  const nlohmann::json config = read_json(golden_folder("mlm-gelu") + "/config.json");
  const Tensors file = read_tensors(golden_folder("mlm-gelu") + "/model.safetensors");
  Tensors old;
  for (const auto& [name, tensor] : file) {
    std::string old_name = name;
    if (ends_with(name, "LayerNorm.weight")) old_name.replace(name.size() - 6, 6, "gamma");
    if (ends_with(name, "LayerNorm.bias")) old_name.replace(name.size() - 4, 4, "beta");
    old[old_name] = tensor.to(at::kHalf);
  }
  old["bert.embeddings.position_ids"] = at::arange(40).unsqueeze(0);
  old["cls.predictions.decoder.weight"] = old["bert.embeddings.word_embeddings.weight"];
  const TemporaryFolder folder;
  write_folder(folder.path(), config, old);
  BertModel model = load_bert(folder.path(), {.masked_lm = true});
  EXPECT_TRUE(model.load_report().missing.empty());
  EXPECT_TRUE(model.load_report().unused.empty());
  for (const Parameter& parameter : model.parameters()) {
    EXPECT_EQ(parameter.tensor.scalar_type(), at::kFloat);
    EXPECT_TRUE(at::equal(parameter.tensor, file.at(parameter.name).to(at::kHalf).to(at::kFloat))) << parameter.name;
  }
}

TEST(BertWeights, AWrongShapeNamesTensorFoundAndWanted) {
  nlohmann::json config = read_json(golden_folder("encoder") + "/config.json");
  config["intermediate_size"] = 65;
  const TemporaryFolder folder;
  write_folder(folder.path(), config, read_tensors(golden_folder("encoder") + "/model.safetensors"));
  expect_contains(error_of([&] { load_bert(folder.path()); }),
                  {"encoder.layer.0.intermediate.dense.weight", "[64, 32]", "[65, 32]", "config.json"});
}

TEST(BertWeights, AbsurdSizesAreRefusedBeforeMemoryIsTaken) {
  nlohmann::json config = read_json(golden_folder("encoder") + "/config.json");
  config["vocab_size"] = 16000000;
  config["hidden_size"] = 65536;
  const TemporaryFolder folder;
  write_folder(folder.path(), config, read_tensors(golden_folder("encoder") + "/model.safetensors"));
  expect_contains(error_of([&] { load_bert(folder.path()); }), {"[50, 32]", "[16000000, 65536]"});
  const BertConfig huge = read_bert_config(config, "config.json");
  expect_contains(error_of([&] { BertModel(huge, {}, 1); }), {"parameters", "hidden_size"});
}

TEST(BertWeights, AMissingEncoderTensorIsAnError) {
  Tensors tensors = read_tensors(golden_folder("encoder") + "/model.safetensors");
  tensors.erase("encoder.layer.1.attention.self.key.bias");
  const TemporaryFolder folder;
  write_folder(folder.path(), read_json(golden_folder("encoder") + "/config.json"), tensors);
  expect_contains(error_of([&] { load_bert(folder.path()); }), {"bert.encoder.layer.1.attention.self.key.bias"});
}

TEST(BertWeights, IntegerWeightsAreRefused) {
  Tensors tensors = read_tensors(golden_folder("encoder") + "/model.safetensors");
  at::Tensor& bias = tensors.at("encoder.layer.0.output.dense.bias");
  bias = bias.to(at::kLong);
  const TemporaryFolder folder;
  write_folder(folder.path(), read_json(golden_folder("encoder") + "/config.json"), tensors);
  expect_contains(error_of([&] { load_bert(folder.path()); }), {"encoder.layer.0.output.dense.bias", "I64", "F32"});
}

TEST(BertWeights, TensorViewsAreTheParametersBytes) {
  BertModel model = load_bert(golden_folder("mlm-gelu"), {.masked_lm = true});
  const std::vector<TensorView> views = tensor_views(model.parameters());
  ASSERT_EQ(views.size(), model.parameters().size());
  std::set<std::string> names;
  for (const TensorView& view : views) names.insert(view.name);
  // The names that transformers itself wrote: a folder of ours loads there without missing keys.
  std::set<std::string> wanted;
  for (const auto& [name, tensor] : read_tensors(golden_folder("mlm-gelu") + "/model.safetensors")) {
    wanted.insert(name);
    const auto view = std::find_if(views.begin(), views.end(), [&](const TensorView& v) { return v.name == name; });
    ASSERT_NE(view, views.end()) << name;
    EXPECT_EQ(std::memcmp(view->bytes.data(), tensor.const_data_ptr(), tensor.nbytes()), 0) << name;
  }
  EXPECT_EQ(names, wanted);
}

BertConfig small_config() {
  BertConfig config;
  config.vocab_size = 300;
  config.hidden_size = 64;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 4;
  config.intermediate_size = 128;
  return config;
}

TEST(BertWeights, FromScratchFollowsBertsInitialisation) {
  BertModel model(small_config(), {.labels = 3}, 1);
  for (const Parameter& parameter : model.parameters()) {
    const at::Tensor& tensor = parameter.tensor;
    if (ends_with(parameter.name, "LayerNorm.weight")) {
      EXPECT_TRUE(at::equal(tensor, at::ones_like(tensor))) << parameter.name;
    } else if (ends_with(parameter.name, "bias")) {
      EXPECT_TRUE(at::equal(tensor, at::zeros_like(tensor))) << parameter.name;
    } else {
      const double count = static_cast<double>(tensor.numel());
      EXPECT_NEAR(tensor.mean().item<double>(), 0, 5 * 0.02 / std::sqrt(count)) << parameter.name;
      EXPECT_NEAR(tensor.std().item<double>(), 0.02, 0.02 * 5 / std::sqrt(2 * count) + 0.0001) << parameter.name;
      EXPECT_FALSE(ends_with(parameter.name, "bias"));
    }
    EXPECT_EQ(parameter.decay, !ends_with(parameter.name, "bias") && !ends_with(parameter.name, "LayerNorm.weight"));
    EXPECT_TRUE(parameter.tensor.requires_grad() && parameter.tensor.is_leaf());
  }
  EXPECT_TRUE(at::equal(find(model, "bert.embeddings.word_embeddings.weight")[0], at::zeros({64})));
  EXPECT_NE(find(model, "bert.embeddings.word_embeddings.weight")[1].abs().sum().item<double>(), 0);
}

TEST(BertWeights, InitialValuesAreNormal) {
  at::Tensor values = at::empty({400001});
  fill_normal(values, 1, "x", 1.0);
  const at::Tensor wide = values.to(at::kDouble);
  EXPECT_NEAR(wide.pow(3).mean().item<double>(), 0, 0.03);
  EXPECT_NEAR(wide.pow(4).mean().item<double>(), 3, 0.08);
  EXPECT_NEAR((wide.abs() < 1).to(at::kDouble).mean().item<double>(), 0.6827, 0.004);
  EXPECT_NEAR((wide.slice(0, 0, -1) * wide.slice(0, 1)).mean().item<double>(), 0, 0.008);
}

TEST(BertWeights, InitialValuesDependOnSeedAndNameAlone) {
  BertModel both(small_config(), {.labels = 3}, 1), bare(small_config(), {}, 1), other(small_config(), {}, 2);
  for (const Parameter& parameter : bare.parameters()) {
    EXPECT_TRUE(at::equal(parameter.tensor, find(both, parameter.name))) << parameter.name;
  }
  const std::string query = "bert.encoder.layer.0.attention.self.query.weight";
  EXPECT_FALSE(at::equal(find(bare, query), find(other, query)));
  EXPECT_FALSE(at::equal(find(bare, query), find(bare, "bert.encoder.layer.0.attention.self.key.weight")));
  // The head that a folder lacks gets the same values as one from scratch.
  BertModel loaded = load_bert(golden_folder("encoder"), {.labels = 3}, 5);
  BertModel scratch(loaded.config(), {.labels = 3}, 5);
  EXPECT_TRUE(at::equal(find(loaded, "classifier.weight"), find(scratch, "classifier.weight")));
}

TEST(BertConfig, EveryWrongValueIsNamedAtOnce) {
  const nlohmann::json config = {{"model_type", "roberta"},
                                 {"hidden_size", 0},
                                 {"num_attention_heads", "12"},
                                 {"hidden_act", "swish"},
                                 {"vocab_size", -5},
                                 {"num_hidden_layers", 1e9},
                                 {"layer_norm_eps", -1},
                                 {"hidden_dropout_prob", 1},
                                 {"is_decoder", true},
                                 {"pad_token_id", 99999999},
                                 {"position_embedding_type", "relative_key"}};
  const std::string message = error_of([&] { read_bert_config(config, "models/x/config.json"); });
  expect_contains(message, {"models/x/config.json"});
  for (const auto& [key, value] : config.items()) expect_contains(message, {key});
  EXPECT_EQ(static_cast<size_t>(std::count(message.begin(), message.end(), '\n')) + 1, config.size());
}

TEST(BertConfig, HeadsMustDivideTheHiddenSize) {
  expect_contains(error_of([] {
                    read_bert_config({{"model_type", "bert"}, {"hidden_size", 100}, {"num_attention_heads", 12}}, "c");
                  }),
                  {"num_attention_heads", "100", "12"});
}

TEST(BertConfig, WhatIsWrittenReadsBackTheSame) {
  for (const char* name : {"classification-gelu_new", "mlm-relu", "encoder"}) {
    const BertConfig config = read_bert_config(read_json(golden_folder(name) + "/config.json"), name);
    EXPECT_EQ(to_json(read_bert_config(to_json(config), "again")), to_json(config)) << name;
  }
}

TEST(BertConfig, AbsentKeysTakeTransformersDefaults) {
  const BertConfig config = read_bert_config({{"model_type", "bert"}}, "c");
  EXPECT_EQ(config.vocab_size, 30522);
  EXPECT_EQ(config.hidden_size, 768);
  EXPECT_EQ(config.layer_norm_eps, 1e-12);
  expect_contains(error_of([] { read_bert_config(nlohmann::json::object(), "c"); }), {"model_type"});
  expect_contains(error_of([] { read_bert_config({1, 2}, "c"); }), {"JSON object"});
}

}  // namespace
}  // namespace broadsheet
