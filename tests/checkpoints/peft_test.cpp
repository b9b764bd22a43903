// Folders of adapters in peft's layout.
#include "checkpoints/peft.h"

#include "checkpoint_testing.h"
#include "checkpoints/huggingface.h"
#include "core/durable.h"
#include "core/random.h"

namespace broadsheet {
namespace {

using nlohmann::json;

// W [2, 3] of the module bert.a, A [1, 3], B [2, 1], and a head of two classes.
const std::vector<float> kBase = {1, 2, 3, 4, 5, 6}, kA = {1, 10, 100}, kB = {2, 3}, kOldHead = {0, 0, 0},
                         kNewHead = {7, 8, 9, 10, 11, 12};
const char* const kGoodConfig =
    R"({"peft_type": "LORA", "task_type": "SEQ_CLS", "base_model_name_or_path": "../base", "r": 1, "lora_alpha": 2})";

class Peft : public ::testing::Test {
 protected:
  Peft() {
    put_file(folder_ / "base/config.json", R"({"model_type": "bert", "architectures": ["BertForMaskedLM"]})");
    put_file(folder_ / "base/vocab.txt", "[PAD]\n");
    put_base("bert.a.weight", {2, 3});
    put_file(folder_ / "adapter/adapter_config.json", kGoodConfig);
    put_adapter({view_of("base_model.model.bert.a.lora_A.weight", DType::kFloat32, {1, 3}, kA),
                 view_of("base_model.model.bert.a.lora_B.weight", DType::kFloat32, {2, 1}, kB),
                 view_of("base_model.model.classifier.weight", DType::kFloat32, {2, 3}, kNewHead)});
  }
  void put_base(const std::string& name, std::vector<int64_t> shape) {
    std::filesystem::remove(folder_ / "base/model.safetensors");
    write_safetensors(folder_ / "base/model.safetensors",
                      {view_of(name, DType::kFloat32, std::move(shape), kBase),
                       view_of("classifier.weight", DType::kFloat32, {1, 3}, kOldHead)},
                      {});
  }
  void put_adapter(const std::vector<TensorView>& tensors) {
    std::filesystem::remove(adapter_ + "/adapter_model.safetensors");
    write_safetensors(adapter_ + "/adapter_model.safetensors", tensors, {});
  }
  void put_config(const std::string& key, const json& value) {
    json config = json::parse(kGoodConfig);
    config[key] = value;
    put_file(adapter_ + "/adapter_config.json", config.dump());
  }
  std::vector<float> values_of(const std::string& name) const {
    const WeightFiles weights = WeightFiles::open(adapter_);
    const TensorView* found = weights.find(name);
    if (found == nullptr) return {};
    std::vector<float> values(found->bytes.size() / sizeof(float));
    copy_bytes(*found, reinterpret_cast<std::byte*>(values.data()));
    return values;
  }
  std::string refused(std::string* message = nullptr) const {
    return user_error_code([&] { WeightFiles::open(adapter_); }, message);
  }

  TemporaryFolder folder_;
  const std::string adapter_ = folder_ / "adapter";
};

TEST_F(Peft, TheBranchIsAddedToTheBasesWeightAndTheHeadTakesItsPlace) {
  // W + 2 / 1 * B A
  EXPECT_EQ(values_of("bert.a.weight"), (std::vector<float>{5, 42, 403, 10, 65, 606}));
  EXPECT_EQ(values_of("classifier.weight"), kNewHead);
  const WeightFiles own = WeightFiles::open_adapter(adapter_);
  EXPECT_EQ(own.names().size(), 3u);
}

TEST_F(Peft, TransposedWeightsGetTheTransposedBranch) {
  put_base("bert.a.weight", {3, 2});
  put_config("fan_in_fan_out", true);
  EXPECT_EQ(values_of("bert.a.weight"), (std::vector<float>{5, 8, 43, 64, 405, 606}));
}

TEST_F(Peft, ScalingByTheRootOfTheRankIsRead) {
  const std::vector<float> a = {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, b = {1, 0, 0, 0, 0, 0, 0, 0};
  put_adapter({view_of("base_model.model.bert.a.lora_A.weight", DType::kFloat32, {4, 3}, a),
               view_of("base_model.model.bert.a.lora_B.weight", DType::kFloat32, {2, 4}, b)});
  EXPECT_EQ(values_of("bert.a.weight")[0], 1.5F);
  put_config("use_rslora", true);
  EXPECT_EQ(values_of("bert.a.weight")[0], 2);
}

TEST_F(Peft, ABaseWithoutThePrefixIsFoundAndGetsIt) {
  put_base("a.weight", {2, 3});
  EXPECT_EQ(values_of("bert.a.weight")[0], 5);
  EXPECT_TRUE(values_of("a.weight").empty());
}

TEST_F(Peft, HalfPrecisionBranchesAreRead) {
  const std::vector<uint16_t> a = {0x3C00, 0x4900, 0x0001}, b = {0x4000, 0xC200};  // 1, 10, 2^-24; 2, -3
  put_adapter({view_of("base_model.model.bert.a.lora_A.weight", DType::kFloat16, {1, 3}, a),
               view_of("base_model.model.bert.a.lora_B.weight", DType::kFloat16, {2, 1}, b)});
  const std::vector<float> found = values_of("bert.a.weight"), wanted = {5, 42, 3, -2, -55, 6};
  for (size_t i = 0; i < wanted.size(); ++i) EXPECT_FLOAT_EQ(found.at(i), wanted[i]);
}

TEST_F(Peft, WithoutAConfigOfItsOwnTheBasesIsTakenWithTheHeadsClasses) {
  const json config = read_model_config(adapter_);
  EXPECT_EQ(config["architectures"], json({"BertForSequenceClassification"}));
  EXPECT_EQ(config["num_labels"], 2);
  const ModelLocation location = locate_model(adapter_);
  EXPECT_EQ(location.weights_folder, adapter_);
  EXPECT_EQ(location.tokenizer_folder, folder_ / "base");
}

TEST_F(Peft, WhatIsNotInThisVersionIsRefusedByItsKey) {
  std::string message;
  for (const auto& [key, value] : std::vector<std::pair<std::string, json>>{{"peft_type", "LOHA"},
                                                                            {"use_dora", true},
                                                                            {"alpha_pattern", {{"a", 4}}},
                                                                            {"lora_alpha", "many"},
                                                                            {"base_model_name_or_path", nullptr}}) {
    put_config(key, value);
    EXPECT_EQ(refused(&message), "adapter.config") << key;
    EXPECT_NE(message.find(key), std::string::npos) << message;
  }
}

TEST_F(Peft, ABaseThatIsNotThereIsNamedBesideTheAdapter) {
  std::string message;
  put_config("base_model_name_or_path", "/nowhere/base");
  EXPECT_EQ(refused(&message), "adapter.base");
  EXPECT_NE(message.find("/nowhere/base"), std::string::npos) << message;
  EXPECT_NE(message.find(adapter_), std::string::npos) << message;
  put_config("base_model_name_or_path", "somebody/model");
  EXPECT_EQ(refused(&message), "adapter.base");
  EXPECT_NE(message.find("hf download somebody/model"), std::string::npos) << message;
  put_config("base_model_name_or_path", adapter_);
  EXPECT_EQ(refused(&message), "adapter.base");
  EXPECT_NE(message.find("--merge-adapters"), std::string::npos) << message;
}

TEST_F(Peft, BranchesThatFitNoWeightAreRefused) {
  const auto a = view_of("base_model.model.bert.a.lora_A.weight", DType::kFloat32, {1, 3}, kA),
             b = view_of("base_model.model.bert.a.lora_B.weight", DType::kFloat32, {2, 1}, kB);
  put_adapter({a});
  EXPECT_EQ(refused(), "adapter.tensor");
  put_adapter({a, view_of("base_model.model.bert.a.lora_B.weight", DType::kFloat32, {1, 2}, kB)});
  EXPECT_EQ(refused(), "adapter.tensor");
  put_adapter({a, b, view_of("base_model.model.bert.a.lora_magnitude_vector", DType::kFloat32, {2}, kB)});
  EXPECT_EQ(refused(), "adapter.tensor");
  put_adapter({a, b, view_of("bert.b.weight", DType::kFloat32, {2}, kB)});
  EXPECT_EQ(refused(), "adapter.tensor");
  put_adapter({a, b});
  put_base("bert.other.weight", {2, 3});
  EXPECT_EQ(refused(), "adapter.tensor");
  put_base("bert.a.weight", {3, 2});
  EXPECT_EQ(refused(), "adapter.tensor");
}

TEST_F(Peft, PicklesAndMissingFilesAreRefused) {
  std::filesystem::remove(adapter_ + "/adapter_model.safetensors");
  EXPECT_EQ(refused(), "model.weights");
  put_file(adapter_ + "/adapter_model.bin", "PK");
  EXPECT_EQ(refused(), "model.pickle");
}

TEST_F(Peft, AnotherBaseThanTheRecordedOneIsRefused) {
  const std::string weights = WeightFiles::open(folder_ / "base").identity();
  put_file(adapter_ + "/broadsheet.json", json{{"base", {{"weights", weights}}}}.dump());
  EXPECT_EQ(refused(), "");
  put_base("bert.a.weight", {3, 2});
  EXPECT_EQ(refused(), "adapter.other_base");
}

TEST_F(Peft, WhatIsWrittenIsReadBack) {
  const WeightFiles own = WeightFiles::open_adapter(adapter_);
  std::vector<TensorView> tensors;
  for (const std::string& name : own.names()) tensors.push_back(*own.find(name));
  const json config = {{"model_type", "bert"}, {"num_labels", 2}};
  write_model_folder(folder_ / "again", config, tensors, {}, {{"config", config}}, kShardBytes,
                     read_adapter_config(adapter_));
  EXPECT_EQ(listing_of(folder_ / "again"),
            (std::vector<std::string>{"adapter_config.json", "adapter_model.safetensors", "broadsheet.json"}));
  EXPECT_EQ(read_model_config(folder_ / "again"), config);
  EXPECT_EQ(WeightFiles::open(folder_ / "again").identity(), WeightFiles::open(adapter_).identity());
}

TEST_F(Peft, MutationsOfItsFilesAreReadOrRefused) {
  for (const std::string name : {"adapter_config.json", "adapter_model.safetensors"}) {
    const std::string path = adapter_ + "/" + name, good = get_file(path);
    int refusals = 0;
    for (uint64_t seed = 0; seed < 1500; ++seed) {
      std::string bad = good;
      const RandomStream random(seed);
      for (uint64_t edit = 0; edit < 1 + random.below(0, 3); ++edit) {
        const size_t at = random.below(1 + 2 * edit, static_cast<uint32_t>(std::min<size_t>(bad.size(), 400)));
        bad[at] = static_cast<char>(bad[at] ^ (1 << random.below(2 + 2 * edit, 8)));
      }
      put_file(path, bad);
      refusals += refused().empty() ? 0 : 1;
    }
    EXPECT_GT(refusals, 400) << name;
    put_file(path, good);
    EXPECT_EQ(refused(), "");
  }
}

}  // namespace
}  // namespace broadsheet
