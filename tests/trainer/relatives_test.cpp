// RoBERTa, DistilBERT and ELECTRA's discriminator against transformers: golden files of
// tests/golden/make_relatives_golden.py.
#include <gtest/gtest.h>

#include "core/text.h"
#include "tests/trainer/bert_fixture.h"
#include "trainer/models/bert.h"

namespace broadsheet {
namespace {

using fixtures::batch_of;
using fixtures::error_of;
using fixtures::gradients;
using fixtures::max_difference;
using fixtures::read_json;
using fixtures::read_tensors;

constexpr double kRelativesTolerance = 1e-5;

std::string relative_folder(const std::string& name) {
  return cat(BROADSHEET_SOURCE_DIR, "/tests/golden/relatives/", name);
}

class Relatives : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(OfBert, Relatives,
                         ::testing::Values("roberta-mlm", "roberta-classification", "distilbert-mlm",
                                           "distilbert-classification", "electra-narrow", "electra-wide"),
                         [](const auto& name) {
                           std::string text = name.param;
                           for (char& letter : text)
                             if (letter == '-') letter = '_';
                           return text;
                         });

TEST_P(Relatives, EqualTransformersForwardAndBackward) {
  const std::string folder = relative_folder(GetParam());
  const bool mlm = ends_with(folder, "mlm");
  const WeightFiles files = WeightFiles::open(folder);
  const auto model = make_model(read_architecture(read_json(folder + "/config.json"), folder),
                                {.masked_lm = mlm, .labels = mlm ? 0 : 3}, &files, 1);
  EXPECT_TRUE(model->load_report().missing.empty()) << join(model->load_report().missing, " ");
  EXPECT_TRUE(model->load_report().unused.empty()) << join(model->load_report().unused, " ");
  const auto golden = read_tensors(folder + "/outputs.safetensors");
  const Batch batch = batch_of(read_json(folder + "/inputs.json")["sequences"]);
  const PackedInput input = to_input(batch, at::kCPU);
  const at::Tensor hidden = model->encode(input, {.training = true});  // the golden models have no dropout
  const at::Tensor logits = mlm ? model->lm_logits(hidden) : model->classify(hidden, input, {.training = true});
  for (int64_t s = 0; s < batch.sequences(); ++s) {
    const auto part = [&](const at::Tensor& rows) {
      return rows.slice(0, batch.boundaries[s], batch.boundaries[s + 1]);
    };
    EXPECT_LT(max_difference(part(hidden), golden.at(cat("hidden.", s))), kRelativesTolerance) << s;
    EXPECT_LT(max_difference(mlm ? part(logits) : logits[s], golden.at(cat("logits.", s))), kRelativesTolerance) << s;
  }
  const at::Tensor loss = at::cross_entropy_loss(mlm ? logits.index_select(0, index_tensor(batch.loss_rows)) : logits,
                                                 index_tensor(batch.labels), {}, at::Reduction::Sum);
  EXPECT_NEAR(loss.item<double>(), golden.at("loss").item<double>(),
              kRelativesTolerance * golden.at("loss").item<double>());
  for (const auto& [name, gradient] : gradients(loss, model->parameters())) {
    const at::Tensor& wanted = golden.at("grad." + name);
    EXPECT_LT(max_difference(gradient, wanted), kRelativesTolerance * std::max(1.0, wanted.abs().max().item<double>()))
        << name;
  }
}

TEST_P(Relatives, WhatIsWrittenOfTheirConfigurationReadsBackTheSame) {
  const Architecture config = read_architecture(read_json(relative_folder(GetParam()) + "/config.json"), GetParam());
  EXPECT_EQ(to_json(read_architecture(to_json(config), "again")), to_json(config));
  EXPECT_TRUE(starts_with(GetParam(), traits_of(config).model_type));
}

TEST(RelativesOfBert, RobertaHasFewerPositionsThanItsTable) {
  const Architecture config = read_architecture(read_json(relative_folder("roberta-mlm") + "/config.json"), "c");
  EXPECT_EQ(traits_of(config).max_length, 38);
  EXPECT_EQ(class_with_head(config, HeadKind::kLanguageModel), "RobertaForMaskedLM");
}

TEST(RelativesOfBert, ElectrasDiscriminatorHasNoHeadForMaskedPlaces) {
  const Architecture config = read_architecture("electra", nlohmann::json::object(), "model.config");
  const std::string error = error_of([&] { make_model(config, {.masked_lm = true}, nullptr, 1); });
  EXPECT_NE(error.find("no head for masked places"), std::string::npos) << error;
}

}  // namespace
}  // namespace broadsheet
