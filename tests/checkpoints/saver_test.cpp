#include "checkpoints/saver.h"

#include <sys/stat.h>

#include <filesystem>
#include <thread>

#include "checkpoint_testing.h"
#include "core/text.h"

namespace broadsheet {
namespace {

SaveRequest request_of(int64_t step) {
  SaveRequest request;
  request.step = step;
  request.tensors = {{"model.safetensors", {view_of("a", DType::kFloat32, {4}, kFourValues)}, {}}};
  request.texts = {{"state.json", cat("{\"step\": ", step, "}")}};
  return request;
}

Committed save(Saver& saver, int64_t step, const Retention& retention = {100, 0, {}}) {
  saver.write(request_of(step));
  SavedParts parts = saver.take_parts();
  EXPECT_EQ(parts.error, "");
  saver.commit(std::move(parts.records), {{"step", step}}, retention);
  return saver.take_commit();
}

TEST(Saver, WhatItCommitsIsWholeAndOldOnesGo) {
  TemporaryFolder folder;
  const Attempt attempt(folder.path());
  Saver saver(attempt.fence(), folder.path());
  for (int64_t step = 1; step <= 4; ++step) {
    const Committed done = save(saver, step, {2, 0, {1}});
    EXPECT_EQ(done.error, "");
    EXPECT_EQ(done.step, step);
    EXPECT_EQ(verify_checkpoint(open_checkpoint(done.folder)), std::vector<std::string>{});
  }
  std::vector<int64_t> steps;
  for (const CheckpointInfo& checkpoint : list_checkpoints(folder.path())) steps.push_back(checkpoint.step);
  EXPECT_EQ(steps, (std::vector<int64_t>{1, 3, 4}));
}

ino_t file_number(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_ino;
}

TEST(Saver, AnEarlierPartWithTheSameBytesGetsASecondNameAndIsWrittenWhereThatIsGone) {
  TemporaryFolder folder;
  const Attempt attempt(folder.path());
  Saver saver(attempt.fence(), folder.path());
  const auto save_with = [&](int64_t step, const std::vector<EarlierPart>& earlier, PartRecord& record) {
    SaveRequest request = request_of(step);
    request.earlier = earlier;
    saver.write(std::move(request));
    SavedParts parts = saver.take_parts();
    record = parts.records.at(0);
    saver.commit(std::move(parts.records), {{"step", step}}, {100, 0, {}});
    const Committed done = saver.take_commit();
    EXPECT_EQ(done.error, "");
    EXPECT_EQ(verify_checkpoint(open_checkpoint(done.folder)), std::vector<std::string>{});
    return done.folder;
  };
  const std::string name = "/model.safetensors";
  PartRecord first, second, third;
  const std::string one = save_with(1, {}, first);
  const std::string two = save_with(2, {{"/nowhere", first}, {one, first}}, second);
  EXPECT_EQ(file_number(two + name), file_number(one + name));
  EXPECT_EQ(second.sum, first.sum);
  std::filesystem::remove_all(one);
  EXPECT_EQ(verify_checkpoint(open_checkpoint(two)), std::vector<std::string>{});
  PartRecord cut = first;
  cut.size -= 1;
  const std::string three = save_with(3, {{one, first}, {two, cut}}, third);
  EXPECT_NE(file_number(three + name), file_number(two + name));
  EXPECT_EQ(third.sum, first.sum);
}

TEST(Saver, TheRecordsSurviveTheirWayToTheFirstRank) {
  SavedParts parts{{{"a.safetensors", 12, "abc"}, {"b", 0, ""}}, "no space", true, 0.5};
  const SavedParts back = SavedParts::from_json(nlohmann::json::parse(parts.to_json().dump()));
  ASSERT_EQ(back.records.size(), 2u);
  EXPECT_EQ(back.records[0].file, "a.safetensors");
  EXPECT_EQ(back.records[0].size, 12u);
  EXPECT_EQ(back.records[0].sum, "abc");
  EXPECT_EQ(back.error, "no space");
  EXPECT_TRUE(back.fenced);
}

TEST(Saver, ADiskWithTooLittleSpaceIsRefusedBeforeAByteIsWritten) {
  TemporaryFolder folder;
  const Attempt attempt(folder.path());
  Saver saver(attempt.fence(), folder.path());
  EXPECT_EQ(save(saver, 1).error, "");
  SaveRequest request = request_of(2);
  request.all_bytes = UINT64_MAX - 1;
  saver.write(std::move(request));
  const SavedParts parts = saver.take_parts();
  EXPECT_NE(parts.error.find("free"), std::string::npos) << parts.error;
  EXPECT_FALSE(parts.fenced);
  EXPECT_TRUE(parts.records.empty());
  saver.discard();
  EXPECT_FALSE(std::filesystem::exists(attempt.fence().folder() + "/step-00000002"));
  EXPECT_EQ(save(saver, 3).error, "");
  EXPECT_EQ(newest_whole_checkpoint(folder.path())->step, 3);
}

TEST(Saver, AFailedSaveLeavesTheOlderCheckpointAndTheNextOneIsTried) {
  TemporaryFolder folder;
  const Attempt attempt(folder.path());
  Saver saver(attempt.fence(), folder.path());
  EXPECT_EQ(save(saver, 1).error, "");
  SaveRequest request = request_of(2);
  request.copies = {folder / "not-there.txt"};
  saver.write(std::move(request));
  EXPECT_NE(saver.take_parts().error, "");
  saver.discard();
  saver.write(request_of(3));
  SavedParts parts = saver.take_parts();
  parts.records.push_back({"another-ranks.safetensors", 5, "abc"});
  saver.commit(std::move(parts.records), {}, {1, 0, {}});
  EXPECT_NE(saver.take_commit().error.find("another-ranks.safetensors"), std::string::npos);
  EXPECT_EQ(newest_whole_checkpoint(folder.path())->step, 1);
  EXPECT_EQ(save(saver, 4).error, "");
  EXPECT_EQ(newest_whole_checkpoint(folder.path())->step, 4);
}

TEST(Saver, AFenceIsToldApartFromDiskTrouble) {
  TemporaryFolder folder;
  Saver older(Fence::raise(folder.path(), 1), folder.path());
  EXPECT_EQ(save(older, 1).error, "");
  older.write(request_of(2));
  SavedParts parts = older.take_parts();
  const Fence newer = Fence::raise(folder.path(), 2);
  older.commit(std::move(parts.records), {}, {1, 0, {}});
  EXPECT_TRUE(older.take_commit().fenced);
  older.write(request_of(3));
  EXPECT_TRUE(older.take_parts().fenced);
  EXPECT_EQ(newest_whole_checkpoint(folder.path())->step, 1);
}

// The training goes on while the parts are written, and changes the tensors at once when they are.
TEST(Saver, TheTensorsMayChangeOnceThePartsAreTaken) {
  TemporaryFolder folder;
  const Attempt attempt(folder.path());
  Saver saver(attempt.fence(), folder.path());
  std::vector<float> values(1 << 16, 1);
  for (int64_t step = 1; step <= 5; ++step) {
    SaveRequest request = request_of(step);
    request.tensors[0].tensors = {view_of("a", DType::kFloat32, {1 << 16}, values)};
    saver.write(std::move(request));
    while (!saver.parts_done()) std::this_thread::yield();
    SavedParts parts = saver.take_parts();
    std::fill(values.begin(), values.end(), static_cast<float>(step + 1));
    saver.commit(std::move(parts.records), {{"step", step}}, {100, 0, {}});
    while (!saver.commit_done()) std::this_thread::yield();
    const Committed done = saver.take_commit();
    EXPECT_EQ(done.error, "");
    const std::string bytes = get_file(done.folder + "/model.safetensors");
    float last = 0;
    std::memcpy(&last, bytes.data() + bytes.size() - sizeof(last), sizeof(last));
    EXPECT_EQ(last, static_cast<float>(step));
  }
}

TEST(Saver, LeavingWaitsForWhatIsBeingWritten) {
  TemporaryFolder folder;
  const Attempt attempt(folder.path());
  {
    Saver saver(attempt.fence(), folder.path());
    saver.write(request_of(1));
  }
  EXPECT_TRUE(std::filesystem::exists(attempt.fence().folder() + "/step-00000001/state.json"));
}

}  // namespace
}  // namespace broadsheet
