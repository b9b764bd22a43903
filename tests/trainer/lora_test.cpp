// LoRA against peft: golden files of tests/golden/make_lora_golden.py.
#include "trainer/adapters/lora.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <set>

#include "checkpoints/peft.h"
#include "core/text.h"
#include "tests/trainer/bert_fixture.h"
#include "trainer/optim/optimizer.h"

namespace broadsheet {
namespace {

using fixtures::batch_of;
using fixtures::error_of;
using fixtures::max_difference;
using fixtures::read_json;
using fixtures::read_tensors;
using fixtures::request_for;
using fixtures::TemporaryFolder;
using fixtures::WordTokenizer;

constexpr double kSameLogits = 1e-5, kSameSteps = 1e-6;

std::string lora_folder(const std::string& name) {
  return cat(BROADSHEET_SOURCE_DIR, "/tests/golden/lora/", name);
}

bool is_mlm(const std::string& name) {
  return name == "bert-mlm";
}

bool is_lm(const std::string& name) {
  return name == "gpt2-lm";
}

ModelHeads heads_of(const std::string& name) {
  return {.masked_lm = is_mlm(name), .causal_lm = is_lm(name), .labels = is_mlm(name) || is_lm(name) ? 0 : 3};
}

AdapterConfig lora_on(std::vector<std::string> names, std::string pattern = "") {
  AdapterConfig adapter;
  adapter.kind = "lora";
  adapter.target_modules = std::move(names);
  adapter.target_pattern = std::move(pattern);
  return adapter;
}

// What run.yaml would say.
AdapterConfig asked_for(const std::string& name) {
  const nlohmann::json theirs = read_json(lora_folder(name) + "/adapter/adapter_config.json");
  const nlohmann::json targets = read_json(lora_folder(name) + "/inputs.json")["targets"];
  AdapterConfig adapter = lora_on({});
  adapter.r = theirs["r"];
  adapter.lora_alpha = theirs["lora_alpha"];
  if (theirs["use_rslora"]) adapter.lora_alpha *= std::sqrt(static_cast<double>(adapter.r));
  if (targets.is_array()) adapter.target_modules = targets.get<std::vector<std::string>>();
  if (targets.is_string()) adapter.target_pattern = targets;
  return adapter;
}

std::string model_type_of(const std::string& name) {
  return name.substr(0, name.find('-'));
}

std::unique_ptr<LanguageModel> model_of(const std::string& name, const std::string& folder) {
  const WeightFiles files = WeightFiles::open(folder);
  const Architecture architecture = read_architecture(read_json(lora_folder(name) + "/base/config.json"), name);
  return make_model(architecture, heads_of(name), &files, 1);
}

// The base with branches that have the golden adapter's values.
std::unique_ptr<LanguageModel> adapted(const std::string& name) {
  std::unique_ptr<LanguageModel> model = model_of(name, lora_folder(name) + "/base");
  attach_lora(*model, asked_for(name), model_type_of(name), 1);
  ParameterList branches = adapter_parameters(model->parameters());
  const WeightFiles files = WeightFiles::open_adapter(lora_folder(name) + "/adapter");
  const LoadReport report = load_parameters(branches, files, {});
  EXPECT_TRUE(report.missing.empty()) << join(report.missing, " ");
  EXPECT_TRUE(report.unused.empty()) << join(report.unused, " ");
  return model;
}

at::Tensor logits_of(const LanguageModel& model, const std::string& name, const Batch& batch) {
  const PackedInput input = to_input(batch, at::kCPU);
  const at::Tensor hidden = model.encode(input, {.training = true});  // the golden models have no dropout
  return is_mlm(name) || is_lm(name) ? model.lm_logits(hidden) : model.classify(hidden, input, {.training = true});
}

at::Tensor mean_loss(const LanguageModel& model, const std::string& name, const Batch& batch) {
  const at::Tensor logits = logits_of(model, name, batch);
  const bool by_token = is_mlm(name) || is_lm(name);
  return at::cross_entropy_loss(by_token ? logits.index_select(0, index_tensor(batch.loss_rows)) : logits,
                                index_tensor(batch.labels));
}

void expect_golden_logits(const LanguageModel& model, const std::string& name) {
  const auto golden = read_tensors(lora_folder(name) + "/outputs.safetensors");
  const Batch batch = batch_of(read_json(lora_folder(name) + "/inputs.json")["sequences"]);
  const at::Tensor logits = logits_of(model, name, batch);
  for (int64_t s = 0; s < batch.sequences(); ++s) {
    const at::Tensor mine =
        is_mlm(name) || is_lm(name) ? logits.slice(0, batch.boundaries[s], batch.boundaries[s + 1]) : logits[s];
    EXPECT_LT(max_difference(mine, golden.at(cat("logits.", s))), kSameLogits) << s;
  }
}

class Lora : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(OfEachKind, Lora,
                         ::testing::Values("bert-classification", "bert-mlm", "roberta-classification",
                                           "distilbert-classification", "electra-classification", "gpt2-classification",
                                           "gpt2-lm"),
                         [](const auto& name) {
                           std::string text = name.param;
                           for (char& letter : text)
                             if (letter == '-') letter = '_';
                           return text;
                         });

TEST_P(Lora, OfPeftGivesItsLogitsAsBranches) {
  expect_golden_logits(*adapted(GetParam()), GetParam());
}

TEST_P(Lora, OfPeftGivesItsLogitsMergedIntoTheBase) {
  const auto model = model_of(GetParam(), lora_folder(GetParam()) + "/adapter");
  EXPECT_TRUE(model->load_report().missing.empty()) << join(model->load_report().missing, " ");
  EXPECT_TRUE(model->load_report().unused.empty()) << join(model->load_report().unused, " ");
  expect_golden_logits(*model, GetParam());
}

TEST_P(Lora, TrainsWhatPeftTrainsAndNothingElse) {
  const auto model = adapted(GetParam());
  int64_t trained = 0;
  for (const Parameter& parameter : model->parameters())
    if (parameter.tensor.requires_grad()) trained += parameter.tensor.numel();
  EXPECT_EQ(trained, read_json(lora_folder(GetParam()) + "/inputs.json")["trainable"].get<int64_t>());
  EXPECT_FALSE(model->trunk_is_frozen());
  const Batch batch = batch_of(read_json(lora_folder(GetParam()) + "/inputs.json")["sequences"]);
  mean_loss(*model, GetParam(), batch).backward();
  for (const Parameter& parameter : model->parameters())
    EXPECT_EQ(parameter.tensor.grad().defined(), parameter.tensor.requires_grad()) << parameter.name;
}

TEST_P(Lora, TwentyStepsArePefts) {
  const auto golden = read_tensors(lora_folder(GetParam()) + "/outputs.safetensors");
  const Batch batch = batch_of(read_json(lora_folder(GetParam()) + "/inputs.json")["sequences"]);
  for (const std::string optim : {"sgd", "adamw"}) {
    const auto model = adapted(GetParam());
    ParameterList trained = adapter_parameters(model->parameters());
    TrainConfig config;
    config.optim = optim;
    config.adam_epsilon = 1e-5;  // as in the generator, which says why
    config.weight_decay = optim == "sgd" ? 0 : 0.01;
    const auto optimizer = make_optimizer(trained, config);
    const at::Tensor losses = golden.at(optim + ".losses");
    for (int64_t step = 0; step < losses.size(0); ++step) {
      const at::Tensor loss = mean_loss(*model, GetParam(), batch);
      EXPECT_NEAR(loss.item<double>(), losses[step].item<double>(), kSameSteps) << optim << ' ' << step;
      for (Parameter& parameter : trained) parameter.tensor.mutable_grad().reset();
      loss.backward();
      optimizer->update(optim == "sgd" ? 0.01 : 1e-3);
    }
    for (const Parameter& parameter : trained)
      EXPECT_LT(max_difference(parameter.tensor, golden.at(cat(optim, ".", parameter.name))), kSameSteps)
          << optim << ' ' << parameter.name;
  }
}

TEST_P(Lora, BeginsAsItsBaseAndDependsOnTheSeedAlone) {
  const std::string name = GetParam(), base = lora_folder(name) + "/base";
  const Batch batch = batch_of(read_json(lora_folder(name) + "/inputs.json")["sequences"]);
  const auto plain = model_of(name, base), one = model_of(name, base), two = model_of(name, base);
  attach_lora(*one, asked_for(name), model_type_of(name), 7);
  attach_lora(*two, asked_for(name), model_type_of(name), 7);
  EXPECT_EQ(max_difference(logits_of(*plain, name, batch), logits_of(*one, name, batch)), 0);
  for (size_t i = 0; i < one->parameters().size(); ++i) {
    const Parameter& parameter = one->parameters()[i];
    EXPECT_TRUE(at::equal(parameter.tensor, two->parameters()[i].tensor)) << parameter.name;
    if (!ends_with(parameter.name, kBranchA)) continue;
    const double bound = 1 / std::sqrt(static_cast<double>(parameter.tensor.size(1)));
    EXPECT_LE(parameter.tensor.abs().max().item<double>(), bound);
    EXPECT_GT(parameter.tensor.abs().max().item<double>(), 0.8 * bound);
    EXPECT_NEAR(parameter.tensor.mean().item<double>(), 0, 0.35 * bound);
  }
}

TEST_P(Lora, DescribesItselfAsPeftDoes) {
  const std::string name = GetParam();
  const auto model = adapted(name);
  const Architecture architecture = read_architecture(read_json(lora_folder(name) + "/base/config.json"), name);
  const HeadKind head = is_mlm(name) || is_lm(name) ? HeadKind::kLanguageModel : HeadKind::kSequenceClassification;
  const nlohmann::json ours =
      lora_config(*model, asked_for(name), model_type_of(name), class_with_head(architecture, head), "../base");
  const nlohmann::json theirs = read_json(lora_folder(name) + "/adapter/adapter_config.json");
  for (const char* key : {"peft_type", "task_type", "r", "lora_dropout", "bias", "base_model_name_or_path",
                          "inference_mode", "init_lora_weights"})
    EXPECT_EQ(ours.at(key), theirs.at(key)) << key;
  // peft names both of the heads that any model might have.
  const nlohmann::json saved = ours.at("modules_to_save");
  EXPECT_EQ(saved.is_null(), theirs.at("modules_to_save").is_null());
  for (const std::string module : saved.is_null() ? nlohmann::json::array() : saved) {
    const auto& all = theirs.at("modules_to_save");
    EXPECT_NE(std::find(all.begin(), all.end(), module), all.end()) << module;
  }
}

TEST(LoraTargets, ThatNoLayerIsCalledAreRefusedWithTheNamesThatThereAre) {
  const auto message = [](const AdapterConfig& adapter) {
    const auto model = model_of("bert-classification", lora_folder("bert-classification") + "/base");
    return error_of([&] { attach_lora(*model, adapter, "bert", 1); });
  };
  const std::string typo = message(lora_on({"query", "qeury"}));
  EXPECT_NE(typo.find("found qeury, which no linear layer is called"), std::string::npos) << typo;
  EXPECT_NE(typo.find("bert.encoder.layer.*.attention.self.query"), std::string::npos) << typo;
  EXPECT_NE(message(lora_on({}, "query")).find("matches no whole name"), std::string::npos);
  EXPECT_EQ(message(lora_on({}, ".*query")), "no error");
  // The end of a name means whole components of it.
  EXPECT_NE(message(lora_on({"uery"})).find("found uery"), std::string::npos);
}

TEST(LoraHeads, OfALanguageModelStayAsTheyAreAndMustBeThere) {
  const auto mlm = adapted("bert-mlm");
  for (const Parameter& parameter : mlm->parameters())
    EXPECT_EQ(parameter.tensor.requires_grad(), starts_with(parameter.name, kAdapterPrefix)) << parameter.name;
  const WeightFiles files = WeightFiles::open(lora_folder("bert-classification") + "/base");
  const Architecture architecture = read_architecture(read_json(lora_folder("bert-mlm") + "/base/config.json"), "bert");
  const auto without = make_model(architecture, {.masked_lm = true}, &files, 1);
  EXPECT_NE(error_of([&] { attach_lora(*without, lora_on({}), "bert", 1); }).find("cls.predictions.bias"),
            std::string::npos);
}

TEST(LoraHeads, APoolerThatTheBaseLacksIsTrainedAndSaved) {
  const WeightFiles files = WeightFiles::open(lora_folder("bert-mlm") + "/base");
  const Architecture architecture = read_architecture(read_json(lora_folder("bert-mlm") + "/base/config.json"), "bert");
  const auto model = make_model(architecture, {.labels = 3}, &files, 1);
  attach_lora(*model, lora_on({}, "all-linear"), "bert", 1);
  std::set<std::string> names;
  for (const Parameter& parameter : adapter_parameters(model->parameters())) names.insert(parameter.name);
  EXPECT_EQ(names.count("base_model.model.bert.pooler.dense.weight"), 1u);
  EXPECT_EQ(names.count("base_model.model.bert.pooler.dense.lora_A.weight"), 0u);
  const nlohmann::json config = lora_config(*model, lora_on({}), "bert", "BertForSequenceClassification", "base");
  EXPECT_EQ(config.at("modules_to_save"), nlohmann::json({"classifier", "pooler"}));
}

TaskRequest lora_request(const std::string& base) {
  TaskRequest request = request_for("classification");
  request.model = {};
  request.model.from = base;
  request.adapter = lora_on({});
  request.adapter.r = 4;
  return request;
}

// A base on the disk, and the folder of an adapter on it, as a run leaves it.
class LoraFolder : public ::testing::Test {
 protected:
  LoraFolder() {
    const auto whole = make_task(request_for("classification"));
    write_model_folder(base_, whole->model_config(), tensor_views(whole->parameters()), {}, whole->broadsheet_config());
    task_ = make_task(lora_request(base_));
    for (const Parameter& parameter : saved_parameters(*task_)) {
      const at::NoGradGuard no_grad;
      if (ends_with(parameter.name, kBranchB)) parameter.tensor.normal_(0, 0.1);
    }
    write_model_folder(model_, task_->model_config(), tensor_views(saved_parameters(*task_)), {},
                       task_->broadsheet_config(), kShardBytes, task_->adapter_config());
  }

  std::unique_ptr<Task> loaded() const {
    const ModelLocation location = locate_model(model_);
    // The word tokenizer of these tests has no files.
    TaskRequest request = request_for("classification");
    request.model = {};
    request.model.from = location.weights_folder;
    return make_task(request);
  }

  TemporaryFolder folder_;
  const std::string base_ = folder_.path() + "/base", model_ = folder_.path() + "/model";
  const WordTokenizer tokenizer_;
  std::unique_ptr<Task> task_;
};

TEST_F(LoraFolder, AnswersAsTheTaskThatWroteIt) {
  const std::vector<std::string> texts = {"w5 w9 w30", "w12", "w41 w40 w39 w8 w7"};
  const std::vector<Prediction> wanted = task_->predict(tokenizer_, texts, {}),
                                found = loaded()->predict(tokenizer_, texts, {});
  for (size_t i = 0; i < texts.size(); ++i) {
    for (const auto& [name, probability] : wanted[i]["probabilities"].items())
      EXPECT_NEAR(found[i]["probabilities"][name].get<double>(), probability.get<double>(), 1e-6);
  }
}

TEST_F(LoraFolder, HoldsTheAdapterAlone) {
  const WeightFiles files = WeightFiles::open_adapter(model_);
  for (const std::string& name : files.names())
    EXPECT_TRUE(name.find(".lora_") != std::string::npos || name.find(".classifier.") != std::string::npos) << name;
  EXPECT_EQ(files.names().size(), saved_parameters(*task_).size());
}

TEST_F(LoraFolder, NamesAMissingAndAnotherBase) {
  std::filesystem::rename(base_, base_ + "-moved");
  const std::string missing = error_of([&] { loaded(); });
  EXPECT_NE(missing.find(base_), std::string::npos) << missing;
  EXPECT_NE(missing.find(model_), std::string::npos) << missing;
  TaskRequest other = request_for("classification");
  other.seed = 99;
  const auto whole = make_task(other);
  write_model_folder(base_, whole->model_config(), tensor_views(whole->parameters()), {}, whole->broadsheet_config());
  EXPECT_NE(error_of([&] { loaded(); }).find("the adapter was trained on weights"), std::string::npos);
}

TEST_F(LoraFolder, IsNoBaseOfAnotherAdapter) {
  const std::string error = error_of([&] { make_task(lora_request(model_)); });
  EXPECT_NE(error.find("is the folder of an adapter itself"), std::string::npos) << error;
}

}  // namespace
}  // namespace broadsheet
