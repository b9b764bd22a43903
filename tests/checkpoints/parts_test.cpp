#include "checkpoints/parts.h"

#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "checkpoint_testing.h"
#include "checkpoints/huggingface.h"
#include "core/durable.h"
#include "core/text.h"

namespace broadsheet {
namespace {

// Tensors of very unlike sizes, as in a real model: an embedding that is half of it, a scalar, an empty one.
class Parts : public testing::Test {
 protected:
  Parts() {
    add(model_, "embeddings", 1000, 1);
    add(model_, "dense", 300, 2);
    add(model_, "bias", 7, 3);
    counter_ = {41};
    optimizer_.push_back(view_of("updates", DType::kInt64, {1}, counter_));
    for (const char* kind : {"exp_avg.", "exp_avg_sq."}) {
      add(optimizer_, cat(kind, "embeddings"), 1000, 4);
      add(optimizer_, cat(kind, "dense"), 300, 5);
      add(optimizer_, cat(kind, "bias"), 7, 6);
    }
    add(optimizer_, "nothing", 0, 7);
  }

  void add(std::vector<TensorView>& views, const std::string& name, size_t count, float start) {
    values_.push_back(std::make_unique<std::vector<float>>(count));
    std::iota(values_.back()->begin(), values_.back()->end(), start);
    views.push_back(view_of(name, DType::kFloat32, {static_cast<int64_t>(count)}, *values_.back()));
  }

  // Writes what every rank writes; returns the files.
  std::vector<std::string> write(const std::string& folder, int world) {
    std::vector<std::string> files;
    for (int rank = 0; rank < world; ++rank) {
      for (const TensorPart& part : plan_parts(model_, optimizer_, rank, world)) {
        write_safetensors(cat(folder, "/", part.file), part.tensors, part.metadata);
        files.push_back(part.file);
      }
    }
    return files;
  }

  std::vector<std::unique_ptr<std::vector<float>>> values_;
  std::vector<int64_t> counter_;
  std::vector<TensorView> model_, optimizer_;
};

TEST_F(Parts, AnyNumberOfRanksWritesWhatAnyOtherReads) {
  for (const int world : {1, 2, 3, 4, 7, 100}) {
    TemporaryFolder folder;
    const OptimizerParts parts = OptimizerParts::open(folder.path(), write(folder.path(), world));
    for (const TensorView& wanted : optimizer_) {
      std::vector<std::byte> bytes(wanted.bytes.size());
      TensorView target = wanted;
      target.bytes = bytes;
      parts.read(target);
      EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), wanted.bytes.begin())) << wanted.name << " of " << world;
    }
    EXPECT_EQ(WeightFiles::open(folder.path()).names(), (std::vector<std::string>{"bias", "dense", "embeddings"}));
  }
}

TEST_F(Parts, TheFilesHaveTheNamesOfThePage) {
  TemporaryFolder one, two;
  EXPECT_EQ(write(one.path(), 1), (std::vector<std::string>{"model.safetensors", "optimizer.safetensors"}));
  EXPECT_EQ(write(two.path(), 2), (std::vector<std::string>{"model.safetensors", "optimizer-00001-of-00002.safetensors",
                                                            "optimizer-00002-of-00002.safetensors"}));
}

TEST_F(Parts, TheSharesAreEven) {
  for (const int world : {2, 3}) {
    uint64_t most = 0, all = 0;
    for (int rank = 0; rank < world; ++rank) {
      uint64_t mine = 0;
      for (const TensorPart& part : plan_parts(model_, optimizer_, rank, world))
        for (const TensorView& tensor : part.tensors) mine += tensor.bytes.size();
      most = std::max(most, mine);
      all += mine;
    }
    EXPECT_LE(most, all / static_cast<uint64_t>(world) + 16) << world;
  }
}

// A model too large for one of many ranks is in shards, in the layout that transformers reads.
TEST(PartsOfALargeModel, AreShardsWithAnIndex) {
  constexpr int kWorld = 8;
  const std::vector<std::byte> bytes(size_t{4} << 20);
  std::vector<TensorView> model;
  for (int i = 0; i < 20; ++i)
    model.push_back({cat("layer.", i), DType::kFloat32, {static_cast<int64_t>(bytes.size() / 4)}, bytes});
  const nlohmann::json index = nlohmann::json::parse(model_index(model, {}, kWorld));
  EXPECT_EQ(index.at("metadata").at("total_size"), 20 * bytes.size());
  std::set<std::string> names;
  for (int rank = 0; rank < kWorld; ++rank) {
    for (const TensorPart& part : plan_parts(model, {}, rank, kWorld)) {
      for (const TensorView& tensor : part.tensors) {
        EXPECT_EQ(index.at("weight_map").at(tensor.name), part.file);
        names.insert(tensor.name);
      }
    }
  }
  EXPECT_EQ(names.size(), 20u);
  EXPECT_EQ(model_index(model, {}, 1), "");
}

TEST_F(Parts, FrozenWeightsAreAShardByThemselvesThatTheFirstRankWrites) {
  const std::vector<TensorView> frozen = {model_[0]}, trained = {model_[1], model_[2]};
  EXPECT_TRUE(divides_frozen(4000, 1228));
  EXPECT_FALSE(divides_frozen(0, 1228));
  EXPECT_FALSE(divides_frozen(uint64_t{4} << 30, uint64_t{1} << 30));  // all ranks are to write so much
  for (const int world : {1, 3}) {
    TemporaryFolder folder;
    std::vector<std::string> files;
    for (int rank = 0; rank < world; ++rank) {
      for (const TensorPart& part : plan_parts(trained, optimizer_, rank, world, frozen)) {
        EXPECT_TRUE(rank == 0 || starts_with(part.file, "optimizer")) << part.file;
        write_safetensors(cat(folder.path(), "/", part.file), part.tensors, part.metadata);
        files.push_back(part.file);
      }
    }
    write_file_durably(folder.path() + "/model.safetensors.index.json",
                       model_index(trained, optimizer_, world, frozen));
    const SafetensorsFile alone = SafetensorsFile::open(cat(folder.path(), "/", kFrozenFile));
    ASSERT_EQ(alone.tensors().size(), 1u);
    EXPECT_EQ(alone.tensors()[0].name, "embeddings");
    const WeightFiles weights = WeightFiles::open(folder.path());
    EXPECT_EQ(weights.names(), (std::vector<std::string>{"bias", "dense", "embeddings"}));
    const OptimizerParts parts = OptimizerParts::open(folder.path(), files);
    std::vector<std::byte> bytes(optimizer_[1].bytes.size());
    TensorView target = optimizer_[1];
    target.bytes = bytes;
    parts.read(target);
    EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), optimizer_[1].bytes.begin()));
  }
}

TEST_F(Parts, AMissingFileIsAGapAndNamed) {
  TemporaryFolder folder;
  std::vector<std::string> files = write(folder.path(), 3);
  std::erase(files, "optimizer-00002-of-00003.safetensors");
  const OptimizerParts parts = OptimizerParts::open(folder.path(), files);
  int refused = 0;
  for (const TensorView& wanted : optimizer_) {
    std::vector<std::byte> bytes(wanted.bytes.size());
    TensorView target = wanted;
    target.bytes = bytes;
    std::string message;
    if (user_error_code([&] { parts.read(target); }, &message) != "checkpoint.optimizer") continue;
    EXPECT_NE(message.find(wanted.name), std::string::npos) << message;
    ++refused;
  }
  EXPECT_GE(refused, 2);
}

TEST_F(Parts, WhatDoesNotFitIsRefused) {
  TemporaryFolder folder;
  const OptimizerParts parts = OptimizerParts::open(folder.path(), write(folder.path(), 2));
  std::vector<float> floats(1001);
  std::vector<int64_t> integers(1000);
  const auto code = [&](const TensorView& wanted) { return user_error_code([&] { parts.read(wanted); }); };
  EXPECT_EQ(code(view_of("exp_avg.embeddings", DType::kFloat32, {1001}, floats)), "checkpoint.optimizer");
  EXPECT_EQ(code(view_of("exp_avg.embeddings", DType::kInt64, {1000}, integers)), "checkpoint.optimizer");
  EXPECT_EQ(code(view_of("momentum_buffer.embeddings", DType::kInt64, {1000}, integers)), "checkpoint.optimizer");
  EXPECT_EQ(user_error_code([&] { OptimizerParts::open(folder.path(), {"model.safetensors"}); }),
            "checkpoint.optimizer");
}

TEST_F(Parts, AMalformedSliceIsRefused) {
  for (const char* slice :
       {"", "0", "0:10", "0:10:20:", "5:5:1000", "-1:10:1000", "0:1000:999", "a:b:c", "0:10:1000 "}) {
    TemporaryFolder folder;
    write_safetensors(folder / "optimizer.safetensors", {optimizer_[1]}, {{"slice:exp_avg.embeddings", slice}});
    const OptimizerParts parts = OptimizerParts::open(folder.path(), {"optimizer.safetensors"});
    EXPECT_EQ(user_error_code([&] { parts.read(optimizer_[1]); }), "checkpoint.optimizer") << slice;
  }
}

}  // namespace
}  // namespace broadsheet
