#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "../core/scratch_folder.h"
#include "core/durable.h"
#include "core/errors.h"
#include "core/path.h"
#include "core/text.h"
#include "experiments/config_tables.h"
#include "experiments/foreign_keys.h"
#include "experiments/run_config.h"

namespace broadsheet {
namespace {

const std::string kConfigs = BROADSHEET_SOURCE_DIR "/tests/configs";

RunConfig everything() {
  return load_run_config(kConfigs + "/good/run_everything.yaml", {});
}

std::string message_of(const std::string& path, const std::vector<Override>& sets) {
  try {
    load_run_config(path, sets);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(RunConfigFile, EveryKeyReachesItsField) {
  const RunConfig config = everything();
  EXPECT_EQ(config.name, "editorials-sentiment");
  EXPECT_EQ(config.seed, UINT64_MAX);
  EXPECT_EQ(config.run_dir(), kConfigs + "/runs/editorials-sentiment");
  EXPECT_EQ(config.model.from, kConfigs + "/model");
  EXPECT_TRUE(config.freeze.embeddings);
  EXPECT_EQ(config.freeze.layers, 4);
  EXPECT_EQ(config.task.kind, "classification");
  EXPECT_EQ(config.task.text_pair, "title");
  EXPECT_EQ(config.task.label, "sentiment");
  EXPECT_EQ(config.data.corpus, kConfigs + "/good/corpora/editorials");
  EXPECT_EQ(config.data.max_length, 64);
  EXPECT_EQ(config.train.num_train_epochs, 0.5);
  EXPECT_EQ(config.train.max_steps, 100);
  EXPECT_EQ(config.train.global_batch_size, 64);
  EXPECT_EQ(config.train.micro_batch_size, 16);
  EXPECT_EQ(config.train.learning_rate, 2e-5);
  EXPECT_EQ(config.train.adam_beta1, 0.8);
  EXPECT_EQ(config.train.adam_beta2, 0.99);
  EXPECT_EQ(config.train.adam_epsilon, 1e-6);
  EXPECT_EQ(config.train.weight_decay, 0);
  EXPECT_EQ(config.train.lr_scheduler_type, "cosine");
  EXPECT_EQ(config.train.warmup_steps, 10);
  EXPECT_EQ(config.train.max_grad_norm, 0);
  EXPECT_EQ(config.train.precision, "bf16");
  EXPECT_EQ(config.train.dropout, 0.2);
  EXPECT_EQ(config.validation.every_steps, 50);
  EXPECT_EQ(config.validation.metric, "accuracy");
  EXPECT_EQ(config.validation.early_stopping.patience, 3);
  EXPECT_EQ(config.validation.early_stopping.min_delta, 0.001);
  EXPECT_EQ(config.checkpoints.every_steps, 100);
  EXPECT_EQ(config.checkpoints.every_minutes, 0);
  EXPECT_EQ(config.checkpoints.keep_last, 3);
  EXPECT_EQ(config.checkpoints.keep_best, 2);
  EXPECT_EQ(config.watchdog.min_seconds, 30);
  EXPECT_EQ(config.watchdog.max_seconds, 600);
  EXPECT_EQ(config.launch.ranks, 2);
  EXPECT_EQ(config.launch.device, "cpu");
  EXPECT_FALSE(config.tracking.tensorboard);
}

TEST(RunConfigFile, TheMetricsDefaultFollowsTheTask) {
  EXPECT_EQ(load_run_config(kConfigs + "/good/run_smallest.yaml", {}).validation.metric, "loss");
  EXPECT_EQ(load_run_config(kConfigs + "/good/run_regression.yaml", {}).validation.metric, "mse");
}

TEST(RunConfigFile, ClassesAreWeighedByNameOrInProportion) {
  const RunConfig config = load_run_config(kConfigs + "/good/run_classes.yaml", {});
  EXPECT_EQ(config.task.problem, "multi_label");
  EXPECT_EQ(config.task.class_weights.by_name, (std::map<std::string, double>{{"rare", 7.5}, {"sport", 2}}));
  EXPECT_EQ(config.task.focal_gamma, 2);
  EXPECT_EQ(config.validation.metric, "micro_f1");
  EXPECT_TRUE(load_run_config(kConfigs + "/good/run_regression.yaml", {}).task.class_weights.none());
  const RunConfig ordered = load_run_config(kConfigs + "/good/run_classes.yaml", {{"task.problem", "ordinal"},
                                                                                  {"task.class_weights", "balanced"},
                                                                                  {"task.focal_gamma", "0"},
                                                                                  {"validation.metric", "mae"}});
  EXPECT_TRUE(ordered.task.class_weights.balanced);
  EXPECT_NE(message_of(kConfigs + "/good/run_classes.yaml", {{"validation.metric", "mae"}}).find("does not measure"),
            std::string::npos);
}

TEST(RunConfigFile, ModelConfigKeepsJsonTypes) {
  const RunConfig config = load_run_config(kConfigs + "/good/run_from_scratch.yaml", {});
  EXPECT_EQ(
      config.model.config.dump(),
      R"({"hidden_act":"gelu","hidden_size":64,"labels":["a","1",1],"layer_norm_eps":1e-12,"position_buckets":null,"tie":true})");
  EXPECT_EQ(config.train.micro_batch_size, 0);
}

TEST(CorpusConfigFile, EveryKeyReachesItsField) {
  const CorpusConfig config = load_corpus_config(kConfigs + "/good/corpus_editorials.yaml", {});
  EXPECT_EQ(config.output, kConfigs + "/good/corpora/editorials");
  ASSERT_EQ(config.sources.size(), 1U);
  EXPECT_EQ(config.sources[0].files, std::vector<std::string>{kConfigs + "/good/data/*.tsv"});
  EXPECT_FALSE(config.sources[0].header);
  EXPECT_EQ(config.sources[0].columns, (std::vector<std::string>{"id", "rating", "text"}));
  EXPECT_EQ(config.sources[0].licence, "CC BY");
  ASSERT_EQ(config.fields.size(), 5U);
  EXPECT_EQ(config.fields.at("article").kind, FieldKind::kGroup);
  EXPECT_EQ(config.fields.at("article").pattern, "^([0-9]+)_");
  EXPECT_EQ(config.fields.at("sentiment").bins.at("neutral"), std::pair(-0.5, 0.5));
  EXPECT_EQ(config.split.by, "group");
  EXPECT_EQ(config.split.field, "article");
  const CorpusConfig several = load_corpus_config(kConfigs + "/good/corpus_several_sources.yaml", {});
  EXPECT_EQ(several.sources[0].files.size(), 2U);
  EXPECT_EQ(several.fields.at("mood").values, (std::vector<std::string>{"bad", "good"}));
  EXPECT_TRUE(several.fields.at("mood").optional);
  EXPECT_EQ(several.shard_tokens, 1048576);
}

TEST(RunConfigFile, EveryGoodFileComesBackFromItsResolvedYaml) {
  const ScratchFolder folder;
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kConfigs + "/good")) {
    if (!starts_with(entry.path().filename().string(), "run_")) continue;
    const RunConfig config = load_run_config(entry.path().string(), {});
    write_file_durably(folder / "run.yaml", to_yaml(config));
    const RunConfig again = load_run_config(folder / "run.yaml", {});
    EXPECT_TRUE(differences(config, again).empty()) << entry.path();
    EXPECT_EQ(to_json(config), to_json(again));
    EXPECT_EQ(to_yaml(config), to_yaml(again));
    ++files;
  }
  EXPECT_GE(files, 5);
}

TEST(RunConfigFile, TextsThatLookLikeOtherThingsSurviveTheResolvedYaml) {
  const ScratchFolder folder;
  for (const char* text : {"yes", "null", "~", "1e3", "0x10", "- a", "a: b", "#c", "\"", "\\", "tab\there",
                           "line\nbreak", "日本", "*x", "{", " pad "}) {
    RunConfig config = everything();
    config.task.label = text;
    write_file_durably(folder / "run.yaml", to_yaml(config));
    EXPECT_EQ(load_run_config(folder / "run.yaml", {}).task.label, text);
  }
}

TEST(Differences, NameTheKeysAndBothValues) {
  RunConfig after = everything();
  after.train.num_train_epochs = 4;
  after.launch.ranks = 4;
  after.freeze = {};
  std::vector<std::string> found;
  for (const Difference& one : differences(everything(), after)) {
    found.push_back(cat(one.key, " ", one.before, "->", one.after, may_change_on_resume(one.key) ? " free" : ""));
  }
  EXPECT_EQ(found, (std::vector<std::string>{"freeze ->none", "freeze.embeddings true->", "freeze.layers 4->",
                                             "launch.ranks 2->4 free", "train.num_train_epochs 0.5->4 free"}));
  EXPECT_FALSE(may_change_on_resume("train.learning_rate"));
  EXPECT_FALSE(may_change_on_resume("launcher"));
}

TEST(Set, WinsOverTheFileAndSaysSo) {
  Origins origins;
  const RunConfig config = load_run_config(kConfigs + "/good/run_smallest.yaml",
                                           {{"train.learning_rate", "1e-3"},
                                            {"freeze", "all_but_head"},
                                            {"validation.early_stopping.patience", "2"},
                                            {"runs_dir", "here"}},
                                           &origins);
  EXPECT_EQ(config.train.learning_rate, 1e-3);
  EXPECT_TRUE(config.freeze.all_but_head);
  EXPECT_EQ(config.validation.early_stopping.patience, 2);
  EXPECT_EQ(config.runs_dir, absolute_path("here"));
  EXPECT_EQ(origins.at("train.learning_rate"), "--set");
  EXPECT_EQ(origins.at("train.optim"), "default");
  EXPECT_EQ(origins.at("validation.early_stopping.patience"), "--set");
  EXPECT_EQ(origins.at("validation.early_stopping.min_delta"), "default");
  EXPECT_EQ(origins.at("task.kind"), kConfigs + "/good/run_smallest.yaml:5:14");
}

TEST(Set, TakesKeysOfTheSchemaOnly) {
  const std::string file = kConfigs + "/good/run_smallest.yaml";
  EXPECT_EQ(message_of(file, {{"train.learning_rat", "1"}}),
            "--set train.learning_rat: train.learning_rat: unknown key; did you mean learning_rate?");
  EXPECT_EQ(message_of(file, {{"train.learning_rate", "fast"}}),
            "--set train.learning_rate: train.learning_rate: found fast, wanted a number; write it in digits, for "
            "example 0.1 or 5e-5");
  for (const char* key : {"", ".", "train.", ".train", "train..optim"})
    EXPECT_NE(message_of(file, {{key, "1"}}), "") << key;
  EXPECT_NE(message_of(file, {{"train.optim", "[a"}}), "");
}

TEST(FileKind, AFileForAnotherVerbIsRefusedByName) {
  EXPECT_NE(message_of(kConfigs + "/good/corpus_editorials.yaml", {}).find("broadsheet prepare"), std::string::npos);
  EXPECT_THROW(load_corpus_config(kConfigs + "/good/run_smallest.yaml", {}), UserError);
  EXPECT_THROW(file_kind(kConfigs + "/absent.yaml"), UserError);
  EXPECT_THROW(file_kind(kConfigs), UserError);
}

TEST(Counts, FollowFromTheExamples) {
  TrainConfig train;
  train.global_batch_size = 32;
  train.warmup_steps = 0.1;
  StepCounts counts = count_steps(33, train, {});
  EXPECT_EQ(counts.steps_per_epoch, 2);
  EXPECT_EQ(counts.total_steps, 6);
  EXPECT_EQ(counts.warmup_steps, 1);
  EXPECT_EQ(counts.validation_every, 2);
  train.num_train_epochs = 0.1;
  EXPECT_EQ(count_steps(33, train, {}).total_steps, 1);
  train.max_steps = 7;
  train.warmup_steps = 5;
  ValidationConfig validation;
  validation.every_epochs = 0.5;
  counts = count_steps(330, train, validation);
  EXPECT_EQ(counts.total_steps, 7);
  EXPECT_EQ(counts.warmup_steps, 5);
  EXPECT_EQ(counts.validation_every, 6);  // 11 steps in an epoch, half of them rounded
  validation = {};
  validation.every_steps = 3;
  EXPECT_EQ(count_steps(330, train, validation).validation_every, 3);
}

TEST(Counts, OfTokensFollowFromTheMeanLength) {
  TrainConfig train;
  train.global_batch_tokens = 2000;
  train.num_train_epochs = 2;
  // Twenty examples of 100 tokens make a step; a window has 640.
  EXPECT_EQ(count_steps(640, train, {}, 100).steps_per_epoch, 32);
  EXPECT_EQ(count_steps(6400, train, {}, 100).total_steps, 640);
  EXPECT_EQ(count_steps(650, train, {}, 100).steps_per_epoch, 33) << "what is left has one, however few";
  EXPECT_EQ(count_steps(670, train, {}, 100).steps_per_epoch, 34) << "rounded: one and a half";
}

TEST(ForeignKeys, AreManyAndNoneIsOurs) {
  for (const char* kind : {"run", "corpus", "sweep"}) {
    std::set<std::string> ours;
    for (const KeyDoc& doc : key_docs(kind)) {
      if (!doc.later) ours.insert(doc.key);
    }
    for (const std::string& name : foreign_keys(kind)) EXPECT_EQ(ours.count(name), 0U) << name;
  }
  EXPECT_GE(foreign_keys("run").size(), 100U);
}

// What a message tells to write must be a key that the reader knows.
TEST(ForeignKeys, PointToKeysThatExist) {
  ConfigNode value;
  value.kind = ConfigNode::Kind::kScalar;
  value.text = "1";
  std::set<std::string> ours;
  for (const KeyDoc& doc : key_docs("run")) ours.insert(doc.key);
  for (const std::string& name : foreign_keys("run")) {
    const std::string remedy = foreign_key_remedy("train." + name, value, {}, "run").value();
    const size_t at = remedy.find("write ");
    const bool names_one = at != std::string::npos && remedy.find(':', at) != std::string::npos;
    if (!names_one) continue;
    const std::string key = remedy.substr(at + 6, remedy.find(':', at) - at - 6);
    EXPECT_EQ(ours.count(key), 1U) << name << ": " << remedy;
  }
}

TEST(AdapterConfig, IsReadWrittenAndReadAgain) {
  const RunConfig config = load_run_config(kConfigs + "/good/run_lora.yaml", {});
  EXPECT_EQ(config.adapter.kind, "lora");
  EXPECT_EQ(config.adapter.r, 4);
  EXPECT_EQ(config.adapter.lora_alpha, 16);
  EXPECT_EQ(config.adapter.lora_dropout, 0.05);
  EXPECT_EQ(config.adapter.target_modules, (std::vector<std::string>{"query", "output.dense"}));
  EXPECT_EQ(to_json(config)["adapter"]["target_modules"], nlohmann::json({"query", "output.dense"}));
  const RunConfig by_pattern =
      load_run_config(kConfigs + "/good/run_lora.yaml", {{"adapter.target_modules", "'.*\\.(query|key)'"}});
  EXPECT_TRUE(by_pattern.adapter.target_modules.empty());
  EXPECT_EQ(by_pattern.adapter.target_pattern, ".*\\.(query|key)");
  EXPECT_EQ(to_json(by_pattern)["adapter"]["target_modules"], ".*\\.(query|key)");
  const std::vector<Difference> changed = differences(config, by_pattern);
  ASSERT_EQ(changed.size(), 1U);
  EXPECT_EQ(changed[0].key, "adapter.target_modules");
  EXPECT_FALSE(may_change_on_resume("adapter.r"));
}

// So that runs of before there were adapters go on.
TEST(AdapterConfig, WithoutOneNothingButItsKindIsWritten) {
  const RunConfig config = load_run_config(kConfigs + "/good/run_smallest.yaml", {});
  EXPECT_EQ(to_json(config)["adapter"], (nlohmann::json{{"kind", "none"}}));
}

TEST(Reference, TheCommittedPageIsTheGeneratedOne) {
  const std::string page = BROADSHEET_SOURCE_DIR "/docs/configuration.md";
  const std::string generated = configuration_reference();
  if (std::getenv("BROADSHEET_UPDATE_DOCS") != nullptr) write_file_durably(page, generated);
  EXPECT_EQ(read_file(page), generated) << "run this test with BROADSHEET_UPDATE_DOCS=1 and commit the page";
}

TEST(Reference, EveryKeyHasASentence) {
  for (const char* kind : {"run", "corpus", "sweep"}) {
    for (const KeyDoc& doc : key_docs(kind)) {
      EXPECT_TRUE(ends_with(doc.doc, ".")) << doc.key << ": " << doc.doc;
      EXPECT_FALSE(doc.words.empty()) << doc.key;
    }
  }
}

TEST(Help, ShowsEveryKeyThatIsBuilt) {
  for (const char* kind : {"run", "corpus", "sweep"}) {
    const std::string help = configuration_help(kind);
    for (const KeyDoc& doc : key_docs(kind)) {
      const bool shown = help.find(cat("\n  ", doc.key, " ")) != std::string::npos ||
                         help.find(cat("\n  ", doc.key, "\n")) != std::string::npos;
      EXPECT_EQ(shown, !doc.later) << doc.key;
    }
  }
  EXPECT_NE(configuration_help("run").find("\n  seed [1]\n"), std::string::npos);
}

TEST(Schema, IsThereForEveryKindOfFile) {
  EXPECT_THROW(json_schema("site"), UserError);
  for (const char* kind : {"corpus", "sweep"}) EXPECT_EQ(json_schema(kind)["required"][0], "schema");
  EXPECT_EQ(json_schema("run")["$schema"], "http://json-schema.org/draft-07/schema#");
}

}  // namespace
}  // namespace broadsheet
