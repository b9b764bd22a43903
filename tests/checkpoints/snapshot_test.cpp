#include "checkpoints/snapshot.h"

#include <functional>

#include "checkpoint_testing.h"
#include "checkpoints/manifest.h"
#include "checkpoints/parts.h"
#include "core/checksum.h"

namespace broadsheet {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

void put_checkpoint(const std::string& root, int64_t step) {
  const Attempt attempt(root);
  CheckpointWriter writer = CheckpointWriter::open(attempt.fence(), root, step);
  const std::vector<PartRecord> parts = {
      writer.write_tensors("model.safetensors", {view_of("a", DType::kFloat32, {2, 2}, kFourValues)}),
      writer.write_tensors("optimizer.safetensors", {view_of("m", DType::kFloat32, {4}, kFourValues)}),
      writer.write_json("state.json", {{"step", step}, {"best", 0.5}})};
  writer.commit(parts, {{"world_size", 2}, {"corpus", "abc"}});
}

std::vector<int64_t> steps(const std::string& root) {
  std::vector<int64_t> found;
  for (const CheckpointInfo& checkpoint : list_checkpoints(root)) found.push_back(checkpoint.step);
  return found;
}

std::string flipped(std::string bytes, size_t position, int bit) {
  bytes[position] = static_cast<char>(bytes[position] ^ (1 << bit));
  return bytes;
}

TEST(Checkpoint, WhatIsCommittedIsFoundAndVerifies) {
  TemporaryFolder folder;
  put_checkpoint(folder.path(), 120);
  EXPECT_EQ(listing_of(folder.path()), std::vector<std::string>{"step-00000120"});
  const auto checkpoint = newest_whole_checkpoint(folder.path());
  ASSERT_TRUE(checkpoint.has_value());
  EXPECT_EQ(checkpoint->step, 120);
  EXPECT_EQ(checkpoint->summary(), json({{"world_size", 2}, {"corpus", "abc"}}));
  EXPECT_EQ(verify_checkpoint(*checkpoint), std::vector<std::string>{});
  EXPECT_EQ(read_json_part(*checkpoint, "state.json").at("best"), 0.5);
  EXPECT_EQ(listing_of(checkpoint->folder),
            (std::vector<std::string>{"manifest.json", "model.safetensors", "optimizer.safetensors", "state.json"}));
}

TEST(Checkpoint, AnEmptyOrAbsentFolderHasNone) {
  TemporaryFolder folder;
  EXPECT_FALSE(newest_whole_checkpoint(folder.path()).has_value());
  EXPECT_FALSE(newest_whole_checkpoint(folder / "absent").has_value());
}

TEST(Checkpoint, TheyAreListedByStepNotByName) {
  TemporaryFolder folder;
  for (const int64_t step : {99, 100000000, 7, 1000}) put_checkpoint(folder.path(), step);
  EXPECT_EQ(steps(folder.path()), (std::vector<int64_t>{7, 99, 1000, 100000000}));
  EXPECT_EQ(newest_whole_checkpoint(folder.path())->step, 100000000);
}

TEST(Checkpoint, OtherNamesAreNotCheckpoints) {
  TemporaryFolder folder;
  put_checkpoint(folder.path(), 5);
  for (const char* name :
       {"step-", "step-x", "step-5", "step--0000005", "step-00000006.bak", "notes", "step-99999999999999999999"}) {
    fs::create_directories(folder / name);
  }
  EXPECT_EQ(steps(folder.path()), std::vector<int64_t>{5});
  EXPECT_EQ(newest_whole_checkpoint(folder.path())->step, 5);
}

TEST(Checkpoint, SeveralRanksWritePartsOfOne) {
  TemporaryFolder folder;
  const Attempt attempt(folder.path());
  CheckpointWriter first = CheckpointWriter::open(attempt.fence(), folder.path(), 3);
  CheckpointWriter second = CheckpointWriter::open(attempt.fence(), folder.path(), 3);
  EXPECT_EQ(first.folder(), second.folder());
  const PartRecord a = first.write_text("rank-0.txt", "zero");
  const PartRecord b = second.write_text("rank-1.txt", "one");
  first.commit({a, b}, {});
  EXPECT_TRUE(verify_checkpoint(open_checkpoint(folder / "step-00000003")).empty());
}

TEST(Checkpoint, APartThatIsNotOnDiskIsNotCommitted) {
  TemporaryFolder folder;
  const Attempt attempt(folder.path());
  CheckpointWriter writer = CheckpointWriter::open(attempt.fence(), folder.path(), 3);
  PartRecord part = writer.write_text("a.txt", "a");
  EXPECT_THROW(writer.commit({part, PartRecord{"b.txt", 1, part.sum}}, {}), RunError);
  part.size = 2;
  EXPECT_THROW(writer.commit({part}, {}), RunError);
  EXPECT_TRUE(steps(folder.path()).empty());
}

std::string run_error_code(const std::function<void()>& call) {
  try {
    call();
  } catch (const RunError& error) {
    return error.faults().front().code;
  }
  return "";
}

TEST(Checkpoint, AnAttemptThatWasFencedOffPublishesNothing) {
  TemporaryFolder folder;
  const std::string& root = folder.path();
  put_checkpoint(root, 1);
  const Fence older = Fence::raise(root, 1);
  CheckpointWriter writer = CheckpointWriter::open(older, root, 2);
  const PartRecord part = writer.write_text("a.txt", "a");
  const Fence newer = Fence::raise(root, 2);
  EXPECT_EQ(run_error_code([&] { writer.commit({part}, {}); }), "run.fenced");
  EXPECT_EQ(run_error_code([&] { CheckpointWriter::open(older, root, 3); }), "run.fenced");
  put_checkpoint(root, 4);
  EXPECT_EQ(run_error_code([&] { prune_checkpoints(older, root, {1, 0, {}}); }), "run.fenced");
  EXPECT_EQ(steps(root), (std::vector<int64_t>{1, 4}));
}

TEST(Checkpoint, FilesFromElsewhereAreCopiedWithTheirChecksum) {
  TemporaryFolder folder;
  put_file(folder / "vocab.txt", "[PAD]\n[UNK]\n");
  const Attempt attempt(folder / "c");
  CheckpointWriter writer = CheckpointWriter::open(attempt.fence(), folder / "c", 1);
  const PartRecord part = writer.copy_file(folder / "vocab.txt", "vocab.txt");
  EXPECT_EQ(part.size, 12u);
  EXPECT_EQ(part.sum, xxh3_file(folder / "vocab.txt"));
  writer.commit({part}, {});
  EXPECT_EQ(get_file(folder / "c/step-00000001/vocab.txt"), "[PAD]\n[UNK]\n");
}

TEST(Checkpoint, AnyFlippedBitIsNamedByItsFileAndTheOlderOneIsUsed) {
  TemporaryFolder folder;
  put_checkpoint(folder.path(), 1);
  put_checkpoint(folder.path(), 2);
  const CheckpointInfo newest = open_checkpoint(folder / "step-00000002");
  for (const std::string& name : listing_of(newest.folder)) {
    const std::string path = newest.folder + "/" + name, whole = get_file(path);
    for (size_t position = 0; position < whole.size(); ++position) {
      put_file(path, flipped(whole, position, static_cast<int>(position % 8)));
      const std::vector<std::string> faults = verify_checkpoint(newest);
      ASSERT_EQ(faults.size(), 1u) << name << " byte " << position;
      ASSERT_NE(faults[0].find(path), std::string::npos) << faults[0];
      if (position % 16 == 0) {
        const auto used = newest_whole_checkpoint(folder.path());
        ASSERT_TRUE(used.has_value());
        ASSERT_EQ(used->step, 1) << name << " byte " << position;
      }
    }
    put_file(path, whole);
  }
  EXPECT_EQ(newest_whole_checkpoint(folder.path())->step, 2);
}

TEST(Checkpoint, AShortenedLengthenedOrMissingFileIsNamed) {
  TemporaryFolder folder;
  put_checkpoint(folder.path(), 2);
  const CheckpointInfo checkpoint = open_checkpoint(folder / "step-00000002");
  for (const std::string& name : listing_of(checkpoint.folder)) {
    const std::string path = checkpoint.folder + "/" + name, whole = get_file(path);
    for (const std::string& other : {whole.substr(0, whole.size() / 2), whole + " ", std::string()}) {
      put_file(path, other);
      const std::vector<std::string> faults = verify_checkpoint(checkpoint);
      ASSERT_EQ(faults.size(), 1u) << name;
      EXPECT_NE(faults[0].find(name), std::string::npos);
    }
    fs::remove(path);
    EXPECT_EQ(verify_checkpoint(checkpoint).size(), 1u) << name;
    fs::create_symlink("/etc/hostname", path);
    EXPECT_EQ(verify_checkpoint(checkpoint).size(), 1u) << name;
    fs::remove(path);
    put_file(path, whole);
  }
  EXPECT_TRUE(verify_checkpoint(checkpoint).empty());
}

TEST(Checkpoint, WhenAllAreDamagedTheRunStopsInsteadOfStartingAnew) {
  TemporaryFolder folder;
  put_checkpoint(folder.path(), 1);
  put_checkpoint(folder.path(), 2);
  put_file(folder / "step-00000001/state.json", "{}");
  fs::remove(folder / "step-00000002/manifest.json");
  std::string message;
  EXPECT_EQ(user_error_code([&] { newest_whole_checkpoint(folder.path()); }, &message), "checkpoint.all_damaged");
  EXPECT_NE(message.find("step-00000001/state.json"), std::string::npos) << message;
  EXPECT_NE(message.find("step-00000002/manifest.json"), std::string::npos) << message;
  EXPECT_NE(message.find("--fresh"), std::string::npos) << message;
}

TEST(Checkpoint, AFolderOfThatNameWithoutAManifestCountsAsDamaged) {
  TemporaryFolder folder;
  fs::create_directories(folder / "step-00000009");
  EXPECT_EQ(user_error_code([&] { newest_whole_checkpoint(folder.path()); }), "checkpoint.all_damaged");
}

TEST(Checkpoint, ARenamedOneIsNotTakenForAnotherStep) {
  TemporaryFolder folder;
  put_checkpoint(folder.path(), 1);
  fs::rename(folder / "step-00000001", folder / "step-00000500");
  EXPECT_EQ(user_error_code([&] { open_checkpoint(folder / "step-00000500"); }), "checkpoint.damaged");
}

// A manifest with any content, its checksum right.
std::string signed_manifest(const std::string& body) {
  std::string text = "{\n  \"manifest_sha256\": \"" + std::string(64, '0') + "\"," + body + "}\n";
  text.replace(text.find("\"manifest_sha256\": \"") + 20, 64, sha256_hex(text));
  return text;
}

// `version` of the format and its key for a part's checksum.
void expect_hostile_manifests_refused(int version, const std::string& key, const std::string& sum) {
  TemporaryFolder folder;
  const std::string head =
      R"("format": "broadsheet-checkpoint", "version": )" + std::to_string(version) + R"(, "summary": {})";
  const std::string quoted_sum = "\"" + key + "\": \"" + sum + "\"}]";
  const auto part = [&](const std::string& name) {
    return R"("step": 1, "parts": [{"file": ")" + name + R"(", "size": 1, )" + quoted_sum;
  };
  const std::vector<std::string> hostile = {
      head + "," + part("../../etc/passwd"),
      head + "," + part("/etc/passwd"),
      head + "," + part(".."),
      head + "," + part(""),
      head + "," + part("manifest.json"),
      head + R"(, "step": 1, "parts": [{"file": "a", "size": -1, )" + quoted_sum,
      head + R"(, "step": 1, "parts": [{"file": "a", "size": "1", )" + quoted_sum,
      head + R"(, "step": 1, "parts": [{"file": "a", "size": 1, "sha256": "zz"}])",
      head + R"(, "step": 1, "parts": [{"file": "a", "size": 1}])",
      head + R"(, "step": 1, "parts": [7])",
      head + R"(, "step": 1, "parts": {})",
      head + R"(, "step": 1)",
      head + R"(, "parts": [])",
      head + R"(, "step": -1, "parts": [])",
      head + R"(, "step": 1.5, "parts": [])",
      head + R"(, "step": 18446744073709551615, "parts": [])",
      R"("format": "other", "version": 1, "summary": {}, "step": 1, "parts": [])",
      R"("format": "broadsheet-checkpoint", "version": "1", "summary": {}, "step": 1, "parts": [])",
      R"("format": "broadsheet-checkpoint", "version": 1, "step": 1, "parts": [])",
  };
  for (const std::string& body : hostile) {
    put_file(folder / "step-00000001/manifest.json", signed_manifest(body));
    EXPECT_EQ(user_error_code([&] { open_checkpoint(folder / "step-00000001"); }), "checkpoint.damaged") << body;
  }
  put_file(folder / "step-00000001/manifest.json", signed_manifest(head + R"(, "step": 1, "parts": [])"));
  EXPECT_EQ(open_checkpoint(folder / "step-00000001").step, 1);
}

TEST(Checkpoint, AHostileManifestIsRefusedEvenWithTheRightChecksum) {
  expect_hostile_manifests_refused(1, "sha256", std::string(64, 'a'));
  expect_hostile_manifests_refused(2, "xxh3", std::string(32, 'a'));
}

TEST(Checkpoint, ANewerFormatIsNamedAsSuch) {
  TemporaryFolder folder;
  put_file(folder / "step-00000001/manifest.json",
           signed_manifest(R"("format": "broadsheet-checkpoint", "version": 3, "news": [])"));
  std::string message;
  EXPECT_EQ(user_error_code([&] { open_checkpoint(folder / "step-00000001"); }, &message), "checkpoint.version");
  EXPECT_NE(message.find("version 3"), std::string::npos);
}

TEST(Checkpoint, VersionOneOfTheFormatStillLoads) {
  // Written by hand from docs/checkpoint_format.md; it must load for as long as version 1 is supported.
  TemporaryFolder folder;
  const std::string state = "{\"step\": 7}\n";
  put_file(folder / "step-00000007/state.json", state);
  put_file(
      folder / "step-00000007/manifest.json",
      signed_manifest(R"("format": "broadsheet-checkpoint", "version": 1, "step": 7, "parts": [{"file": "state.json",)"
                      R"( "size": 12, "sha256": ")" +
                      sha256_hex(state) + R"("}], "summary": {"world_size": 1})"));
  const auto checkpoint = newest_whole_checkpoint(folder.path());
  ASSERT_TRUE(checkpoint.has_value());
  EXPECT_EQ(checkpoint->summary().at("world_size"), 1);
}

TEST(Checkpoint, ASecondOneOfTheSameStepLeavesAWholeOneAsItIs) {
  TemporaryFolder folder;
  put_checkpoint(folder.path(), 4);
  const std::string before = get_file(folder / "step-00000004/manifest.json");
  const auto written = fs::last_write_time(folder / "step-00000004/manifest.json");
  put_checkpoint(folder.path(), 4);
  EXPECT_EQ(get_file(folder / "step-00000004/manifest.json"), before);
  EXPECT_EQ(fs::last_write_time(folder / "step-00000004/manifest.json"), written);
  EXPECT_EQ(listing_of(folder.path()), std::vector<std::string>{"step-00000004"});
}

TEST(Checkpoint, ASecondOneOfTheSameStepReplacesADamagedOne) {
  TemporaryFolder folder;
  put_checkpoint(folder.path(), 4);
  put_file(folder / "step-00000004/state.json", "{}");
  put_checkpoint(folder.path(), 4);
  EXPECT_EQ(newest_whole_checkpoint(folder.path())->step, 4);
  fs::remove(folder / "step-00000004/manifest.json");
  put_checkpoint(folder.path(), 4);
  EXPECT_EQ(newest_whole_checkpoint(folder.path())->step, 4);
  EXPECT_EQ(listing_of(folder.path()), std::vector<std::string>{"step-00000004"});
}

TEST(Checkpoint, WhatKilledAttemptsLeftIsRemovedByTheNextOne) {
  TemporaryFolder folder;
  put_checkpoint(folder.path(), 1);
  put_file(folder / ".attempt-3/step-00000002/model.safetensors", "half");
  put_file(folder / ".attempt-1.fenced-2-77/step-00000002/model.safetensors", "half");
  // What version 1 of the format left behind.
  put_file(folder / ".step-00000009.4.writing/state.json", "half");
  put_file(folder / ".step-00000000.retired/state.json", "half");
  put_file(folder / ".hidden/by-the-user", "stays");
  const Attempt attempt(folder.path());
  EXPECT_EQ(attempt.fence().attempt(), 4);
  prune_checkpoints(attempt.fence(), folder.path(), {2, 0, {}});
  EXPECT_EQ(listing_of(folder.path()), (std::vector<std::string>{".attempt-4", ".hidden", "step-00000001"}));
}

TEST(Checkpoint, PruningKeepsTheLastTheBestAndThoseOfEveryNSteps) {
  TemporaryFolder folder;
  for (int64_t step = 1; step <= 8; ++step) put_checkpoint(folder.path(), step);
  const Attempt attempt(folder.path());
  prune_checkpoints(attempt.fence(), folder.path(), {2, 4, {3}});
  EXPECT_EQ(steps(folder.path()), (std::vector<int64_t>{3, 4, 7, 8}));
  EXPECT_EQ(listing_of(folder.path()).size(), 5u);
  prune_checkpoints(attempt.fence(), folder.path(), {0, 0, {}});
  EXPECT_EQ(steps(folder.path()), std::vector<int64_t>{8});
  prune_checkpoints(attempt.fence(), folder / "absent", {2, 0, {}});
}

TEST(Checkpoint, PruningNeverCountsADamagedOneAmongThoseToKeep) {
  TemporaryFolder folder;
  for (int64_t step = 1; step <= 3; ++step) put_checkpoint(folder.path(), step);
  fs::remove(folder / "step-00000003/manifest.json");
  const Attempt attempt(folder.path());
  prune_checkpoints(attempt.fence(), folder.path(), {1, 0, {}});
  EXPECT_EQ(newest_whole_checkpoint(folder.path())->step, 2);
}

// Written by version 0.1 of this program: one optimizer.safetensors. It must load for ever.
TEST(Checkpoint, VersionOneStillLoads) {
  const std::string folder = BROADSHEET_SOURCE_DIR "/tests/golden/checkpoint_v1/step-00000004";
  const CheckpointInfo checkpoint = open_checkpoint(folder);
  EXPECT_EQ(checkpoint.manifest.at("version"), 1);
  EXPECT_EQ(verify_checkpoint(checkpoint), std::vector<std::string>{});
  EXPECT_EQ(read_json_part(checkpoint, "state.json").at("state").at("step"), 4);
  std::vector<std::string> files;
  for (const PartRecord& part : checkpoint_parts(checkpoint)) files.push_back(part.file);
  const OptimizerParts optimizer = OptimizerParts::open(folder, files);
  std::vector<int64_t> updates(1);
  optimizer.read(view_of("updates", DType::kInt64, {1}, updates));
  EXPECT_EQ(updates[0], 4);
}

}  // namespace
}  // namespace broadsheet
