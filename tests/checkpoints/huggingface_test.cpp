#include "checkpoints/huggingface.h"

#include "checkpoint_testing.h"
#include "checkpoints/json_file.h"
#include "checkpoints/snapshot.h"

namespace broadsheet {
namespace {

using nlohmann::json;

const std::vector<float> kEightValues = {1, 2, 3, 4, 5, 6, 7, 8};

TensorView tensor(const std::string& name, size_t first, size_t count) {
  return view_of(name, DType::kFloat32, {static_cast<int64_t>(count)}, std::span(kEightValues).subspan(first, count));
}

void put_model(const std::string& folder) {
  put_file(folder + "/config.json", R"({"model_type": "bert"})");
  write_safetensors(folder + "/model.safetensors", {tensor("a", 0, 2)}, {});
  put_file(folder + "/vocab.txt", "[PAD]\n");
}

void put_model_checkpoint(const std::string& root, int64_t step) {
  const Attempt attempt(root);
  CheckpointWriter writer = CheckpointWriter::open(attempt.fence(), root, step);
  std::vector<PartRecord> parts = {writer.write_tensors("model.safetensors", {tensor("a", 0, 2)}),
                                   writer.write_json("config.json", {{"model_type", "bert"}}),
                                   writer.write_json("broadsheet.json", {{"task", "classification"}}),
                                   writer.write_text("vocab.txt", "[PAD]\n")};
  writer.commit(parts, {});
}

TEST(ModelFolder, WhatIsWrittenIsReadBack) {
  TemporaryFolder folder;
  put_file(folder / "from/tokenizer.json", "{\"x\": 1}");
  const json config = {{"model_type", "bert"}, {"hidden_size", 4}};
  write_model_folder(folder / "model", config, {tensor("b", 0, 3), tensor("a", 3, 2)}, {folder / "from/tokenizer.json"},
                     {{"task", "regression"}});
  EXPECT_EQ(read_model_config(folder / "model"), config);
  const WeightFiles weights = WeightFiles::open(folder / "model");
  EXPECT_EQ(weights.names(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(weights.find("b")->bytes.size(), 12u);
  EXPECT_EQ(weights.find("c"), nullptr);
  EXPECT_EQ(get_file(folder / "model/tokenizer.json"), "{\"x\": 1}");
  const ModelLocation location = locate_model(folder / "model");
  EXPECT_EQ(location.broadsheet.at("task"), "regression");
  EXPECT_EQ(location.run_folder, "");
}

TEST(ModelFolder, LargeWeightsAreSplitAndReadAsOne) {
  TemporaryFolder folder;
  write_model_folder(folder / "model", json::object(),
                     {tensor("a", 0, 2), tensor("b", 2, 2), tensor("c", 4, 4), tensor("d", 0, 1)}, {}, nullptr, 16);
  EXPECT_FALSE(std::filesystem::exists(folder / "model/model.safetensors"));
  EXPECT_TRUE(std::filesystem::exists(folder / "model/model-00001-of-00003.safetensors"));
  const json index = json::parse(get_file(folder / "model/model.safetensors.index.json"));
  EXPECT_EQ(index["metadata"]["total_size"], 36);
  EXPECT_EQ(index["weight_map"]["c"], "model-00002-of-00003.safetensors");
  const WeightFiles weights = WeightFiles::open(folder / "model");
  EXPECT_EQ(weights.names(), (std::vector<std::string>{"a", "b", "c", "d"}));
  float last = 0;
  std::memcpy(&last, weights.find("c")->bytes.data() + 12, 4);
  EXPECT_EQ(last, 8);
}

TEST(ModelFolder, ANewOneReplacesTheOldOneWhollyAndClearsLeftOvers) {
  TemporaryFolder folder;
  write_model_folder(folder / "model", {{"version", 1}}, {tensor("a", 0, 2)}, {}, {{"old", true}});
  put_file(folder / ".model.99.writing/config.json", "half");
  put_file(folder / ".model.98.retired/config.json", "old");
  write_model_folder(folder / "model", {{"version", 2}}, {tensor("b", 0, 2)}, {}, nullptr);
  EXPECT_EQ(read_model_config(folder / "model").at("version"), 2);
  EXPECT_FALSE(std::filesystem::exists(folder / "model/broadsheet.json"));
  int entries = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    EXPECT_EQ(entry.path().filename(), "model");
    ++entries;
  }
  EXPECT_EQ(entries, 1);
}

TEST(ModelFolder, AFailedWriteLeavesTheOldOneAndNothingElse) {
  TemporaryFolder folder;
  write_model_folder(folder / "model", {{"version", 1}}, {tensor("a", 0, 2)}, {}, nullptr);
  EXPECT_THROW(write_model_folder(folder / "model", {{"version", 2}}, {}, {folder / "absent.json"}, nullptr), RunError);
  EXPECT_EQ(read_model_config(folder / "model").at("version"), 1);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(WeightFiles, OnlyPicklesAreRefusedWithTheCommandThatConvertsThem) {
  TemporaryFolder folder;
  put_file(folder / "pytorch_model-00001-of-00002.bin", "x");
  put_file(folder / "config.json", "{}");
  std::string message;
  EXPECT_EQ(user_error_code([&] { WeightFiles::open(folder.path()); }, &message), "model.pickle");
  EXPECT_NE(message.find("python3 -c"), std::string::npos);
  EXPECT_NE(message.find(folder.path()), std::string::npos);
}

TEST(WeightFiles, APickleUnderTheNameOfSafetensorsIsRefused) {
  TemporaryFolder folder;
  put_file(folder / "model.safetensors", std::string("PK\x03\x04\x00\x00\x08\x08\x00\x00", 10));
  EXPECT_EQ(user_error_code([&] { WeightFiles::open(folder.path()); }), "model.pickle");
}

TEST(WeightFiles, AFolderWithoutWeightsIsRefused) {
  TemporaryFolder folder;
  EXPECT_EQ(user_error_code([&] { WeightFiles::open(folder.path()); }), "model.weights");
}

TEST(WeightFiles, ATensorInTwoShardsIsRefused) {
  TemporaryFolder folder;
  write_safetensors(folder / "m1.safetensors", {tensor("a", 0, 2)}, {});
  write_safetensors(folder / "m2.safetensors", {tensor("a", 0, 2), tensor("b", 0, 1)}, {});
  put_file(folder / "model.safetensors.index.json",
           R"({"weight_map": {"a": "m1.safetensors", "b": "m2.safetensors"}})");
  EXPECT_EQ(user_error_code([&] { WeightFiles::open(folder.path()); }), "model.duplicate_tensor");
}

TEST(WeightFiles, AnIndexIsFollowedOnlyInsideItsFolder) {
  TemporaryFolder folder;
  write_safetensors(folder / "secret.safetensors", {tensor("a", 0, 2)}, {});
  std::filesystem::create_directories(folder / "m");
  write_safetensors(folder / "m/m1.safetensors", {tensor("a", 0, 2)}, {});
  const std::vector<std::string> hostile = {
      R"({"weight_map": {"a": "../secret.safetensors"}})",
      R"({"weight_map": {"a": ")" + (folder / "secret.safetensors") + R"("}})",
      R"({"weight_map": {"a": "./m1.safetensors"}})",
      R"({"weight_map": {"a": ".."}})",
      R"({"weight_map": {"a": ""}})",
      R"({"weight_map": {"a": "m1.safetensors\u0000.bin"}})",
      R"({"weight_map": {"a": "m1.bin"}})",
      R"({"weight_map": {"a": 7}})",
      R"({"weight_map": {"a": null}})",
      R"({"weight_map": {"a": "absent.safetensors"}})",
      R"({"weight_map": {"a": "m1.safetensors", "missing": "m1.safetensors"}})",
      R"({"weight_map": {"a": "m1.safetensors", "a": "m1.safetensors"}})",
      R"({"weight_map": {}})",
      R"({"weight_map": []})",
      R"({})",
      R"([])",
      R"({"weight_map": {"a": "m1.safetensors"})",
      std::string(100000, '['),
      "",
  };
  for (const std::string& index : hostile) {
    put_file(folder / "m/model.safetensors.index.json", index);
    EXPECT_EQ(user_error_code([&] { WeightFiles::open(folder / "m"); }), "model.index") << index.substr(0, 100);
  }
  put_file(folder / "m/model.safetensors.index.json", R"({"weight_map": {"a": "m1.safetensors"}})");
  EXPECT_EQ(WeightFiles::open(folder / "m").names(), std::vector<std::string>{"a"});
}

TEST(ModelConfig, HostileOnesAreRefusedByName) {
  TemporaryFolder folder;
  std::string deep = "{\"a\":";
  for (int i = 0; i < 70; ++i) deep += "[";
  for (int i = 0; i < 70; ++i) deep += "]";
  const std::vector<std::string> hostile = {"",
                                            "[]",
                                            "7",
                                            "{",
                                            "{\"a\":1,\"a\":2}",
                                            "{}{}",
                                            deep + "}",
                                            "{\"a\":\"\xff\"}",
                                            "{'a':1}",
                                            std::string((16 << 20) + 1, ' '),
                                            std::string("{}\0x", 4)};
  for (const std::string& text : hostile) {
    put_file(folder / "config.json", text);
    std::string message;
    EXPECT_EQ(user_error_code([&] { read_model_config(folder.path()); }, &message), "model.config")
        << text.substr(0, 60);
    EXPECT_NE(message.find("config.json"), std::string::npos);
  }
  std::filesystem::remove(folder / "config.json");
  EXPECT_EQ(user_error_code([&] { read_model_config(folder.path()); }), "model.config");
}

TEST(LocateModel, AHubNameIsAnsweredWithTheOneCommandThatDownloadsIt) {
  for (const std::string name : {"google-bert/bert-base-cased", "bert-base-cased-that-is-not-here"}) {
    std::string message;
    EXPECT_EQ(user_error_code([&] { locate_model(name); }, &message), "model.not_found");
    EXPECT_NE(message.find("hf download " + name + " --local-dir models/" + name), std::string::npos) << message;
    EXPECT_EQ(user_error_code([&] { WeightFiles::open(name); }), "model.not_found");
  }
}

TEST(LocateModel, OnlyHubNamesLookLikeOne) {
  EXPECT_TRUE(looks_like_hub_name("a/b.c-d_e"));
  for (const char* path :
       {"", "/abs/olute", "./here", "../up", "a/b/c", "a/", "/a", "a b", "a;rm -rf", "$(x)/y", "-x/y"}) {
    EXPECT_FALSE(looks_like_hub_name(path)) << path;
  }
  std::string message;
  EXPECT_EQ(user_error_code([&] { locate_model("/no/such/folder"); }, &message), "model.not_found");
  EXPECT_EQ(message.find("hf download"), std::string::npos);
}

TEST(LocateModel, ARunIsItsModel) {
  TemporaryFolder folder;
  put_file(folder / "runs/x/run.yaml", "schema: 1\n");
  put_model(folder / "runs/x/model");
  const ModelLocation location = locate_model(folder / "runs/x");
  EXPECT_EQ(location.weights_folder, folder / "runs/x/model");
  EXPECT_EQ(location.tokenizer_folder, folder / "runs/x/model");
  EXPECT_EQ(location.run_folder, folder / "runs/x");
  EXPECT_TRUE(location.broadsheet.is_null());
  EXPECT_EQ(locate_model(folder / "runs/x/model").run_folder, folder / "runs/x");
}

TEST(LocateModel, AnUnfinishedRunIsItsNewestWholeCheckpoint) {
  TemporaryFolder folder;
  put_file(folder / "x/run.yaml", "schema: 1\n");
  EXPECT_EQ(user_error_code([&] { locate_model(folder / "x"); }), "model.unfinished");
  put_model_checkpoint(folder / "x/checkpoints", 10);
  put_model_checkpoint(folder / "x/checkpoints", 20);
  EXPECT_EQ(locate_model(folder / "x").weights_folder, folder / "x/checkpoints/step-00000020");
  put_file(folder / "x/checkpoints/step-00000020/vocab.txt", "damaged");
  const ModelLocation location = locate_model(folder / "x");
  EXPECT_EQ(location.weights_folder, folder / "x/checkpoints/step-00000010");
  EXPECT_EQ(location.broadsheet.at("task"), "classification");
}

TEST(LocateModel, ACheckpointIsVerifiedAndKnowsItsRun) {
  TemporaryFolder folder;
  put_file(folder / "x/run.yaml", "schema: 1\n");
  put_model_checkpoint(folder / "x/checkpoints", 10);
  const std::string path = folder / "x/checkpoints/step-00000010";
  EXPECT_EQ(locate_model(path).run_folder, folder / "x");
  EXPECT_EQ(locate_model(path).tokenizer_folder, path);
  put_file(path + "/vocab.txt", "[PAD]!");
  std::string message;
  EXPECT_EQ(user_error_code([&] { locate_model(path); }, &message), "checkpoint.damaged");
  EXPECT_NE(message.find("vocab.txt"), std::string::npos);
}

TEST(LocateModel, WhatAKilledProcessLeftIsNoModel) {
  TemporaryFolder folder;
  put_model(folder / "checkpoints/.attempt-1/step-00000010");
  EXPECT_EQ(user_error_code([&] { locate_model(folder / "checkpoints/.attempt-1/step-00000010"); }),
            "checkpoint.damaged");
}

TEST(LocateModel, AFileOrAnEmptyFolderIsRefused) {
  TemporaryFolder folder;
  put_file(folder / "model.safetensors", "x");
  EXPECT_EQ(user_error_code([&] { locate_model(folder / "model.safetensors"); }), "model.not_found");
  EXPECT_EQ(user_error_code([&] { locate_model(folder.path()); }), "model.not_found");
}

}  // namespace
}  // namespace broadsheet
