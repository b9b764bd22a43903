#include "experiments/tracking_file.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <filesystem>

#include "core/durable.h"

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
  }
  ~TrackingFileTest() override { std::filesystem::remove_all(folder_); }
  std::string folder_, path_;
};

TEST_F(TrackingFileTest, RecordsThatFoundNoRoomAreThereWhenThereIsRoomAgain) {
  AppendFile file(path_);
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
  AppendFile file(path_);
  {
    const FileSizeLimit full(0);
    file.append("{\"step\": 1}\n");
  }
  file.sync();
  EXPECT_EQ(read_file(path_), "{\"step\": 1}\n");
}

TEST_F(TrackingFileTest, AnOlderAttemptThatIsStillAliveWritesElsewhere) {
  AppendFile older(path_);
  older.append("{\"step\": 1}\n");
  cut_back_lines(path_, 1, [](const std::string&) {});
  AppendFile newer(path_);
  older.append("{\"step\": 2}\n");
  newer.append("{\"step\": 2, \"by\": \"newer\"}\n");
  EXPECT_EQ(read_file(path_), "{\"step\": 1}\n{\"step\": 2, \"by\": \"newer\"}\n");
}

TEST_F(TrackingFileTest, AFullDiskLeavesCuttingInPlace) {
  write_file_durably(path_, "{\"step\": 1}\n{\"step\": 2}\n{\"st");
  const FileSizeLimit full(0);
  std::vector<std::string> kept;
  cut_back_lines(path_, 1, [&](const std::string& line) { kept.push_back(line); });
  EXPECT_EQ(read_file(path_), "{\"step\": 1}\n");
  EXPECT_EQ(kept, std::vector<std::string>{"{\"step\": 1}"});
}

}  // namespace
}  // namespace broadsheet
