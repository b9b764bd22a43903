#include "experiments/tracking_file.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <filesystem>
#include <functional>

#include "core/durable.h"
#include "core/errors.h"

namespace broadsheet {
namespace {

// The largest size that this process may give a file, for as long as it lives: writes beyond it fail with EFBIG.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    before_ = ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &limits_);
    const rlimit lower = {bytes, limits_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &lower);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &limits_);
    ::signal(SIGXFSZ, before_);
  }

 private:
  rlimit limits_ = {};
  sighandler_t before_ = nullptr;
};

class TrackingFileTest : public testing::Test {
 protected:
  TrackingFileTest() {
    char folder[] = "/tmp/broadsheet-test-XXXXXX";
    folder_ = mkdtemp(folder);
    path_ = folder_ + "/records.jsonl";
    std::filesystem::create_directory(folder_ + "/attempts");
    fence_ = raise(1);
  }
  ~TrackingFileTest() override { std::filesystem::remove_all(folder_); }
  Fence raise(int64_t attempt) { return Fence::raise(folder_ + "/attempts", attempt); }

  std::string folder_, path_;
  Fence fence_ = Fence::join("", 1);
};

TEST_F(TrackingFileTest, RecordsThatFoundNoRoomAreThereWhenThereIsRoomAgain) {
  AppendFile file(path_, fence_);
  file.append("{\"step\": 1}\n");
  {
    const FileSizeLimit full(20);  // the second record fits in part
    file.append("{\"step\": 2}\n");
    file.append("{\"step\": 3}\n");
    EXPECT_EQ(read_file(path_), "{\"step\": 1}\n");
  }
  file.append("{\"step\": 4}\n");
  EXPECT_EQ(read_file(path_), "{\"step\": 1}\n{\"step\": 2}\n{\"step\": 3}\n{\"step\": 4}\n");
}

TEST_F(TrackingFileTest, WhatWaitsIsWrittenAtTheLatestBySync) {
  AppendFile file(path_, fence_);
  {
    const FileSizeLimit full(0);
    file.append("{\"step\": 1}\n");
  }
  file.sync();
  EXPECT_EQ(read_file(path_), "{\"step\": 1}\n");
}

TEST_F(TrackingFileTest, AnOlderAttemptThatIsStillAliveWritesElsewhere) {
  AppendFile older(path_, fence_);
  older.append("{\"step\": 1}\n");
  const Fence second = raise(2);
  cut_back_lines(path_, 1, second, [](const std::string&) {});
  AppendFile newer(path_, second);
  older.append("{\"step\": 2}\n");
  newer.append("{\"step\": 2, \"by\": \"newer\"}\n");
  EXPECT_EQ(read_file(path_), "{\"step\": 1}\n{\"step\": 2, \"by\": \"newer\"}\n");
}

TEST_F(TrackingFileTest, AnAttemptThatWasFencedOffNeitherOpensNorCuts) {
  write_file_durably(path_, "{\"step\": 1}\n{\"step\": 2}\n");
  raise(2);
  for (const auto& late :
       {std::function<void()>([&] { AppendFile(path_, fence_).append("{\"step\": 3}\n"); }),
        std::function<void()>([&] { cut_back_lines(path_, 1, fence_, [](const std::string&) {}); })}) {
    try {
      late();
      ADD_FAILURE() << "nothing was thrown";
    } catch (const Error& error) {
      EXPECT_TRUE(is_fenced_off(error)) << error.what();
    }
    EXPECT_EQ(read_file(path_), "{\"step\": 1}\n{\"step\": 2}\n");
  }
}

TEST_F(TrackingFileTest, AFullDiskLeavesCuttingInPlace) {
  write_file_durably(path_, "{\"step\": 1}\n{\"step\": 2}\n{\"st");
  const FileSizeLimit full(0);
  std::vector<std::string> kept;
  cut_back_lines(path_, 1, fence_, [&](const std::string& line) { kept.push_back(line); });
  EXPECT_EQ(read_file(path_), "{\"step\": 1}\n");
  EXPECT_EQ(kept, std::vector<std::string>{"{\"step\": 1}"});
}

}  // namespace
}  // namespace broadsheet
