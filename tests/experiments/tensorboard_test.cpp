#include "experiments/tensorboard.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace broadsheet {
namespace {

namespace fs = std::filesystem;

struct Folder {
  Folder() {
    std::string name = (fs::temp_directory_path() / "broadsheet-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path = name;
    fs::create_directory(path + "/events");
  }
  std::string events() const { return path + "/events"; }
  Fence fence(int64_t attempt = 1) const { return Fence::raise(path + "/checkpoints", attempt); }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string path;
};

template <class Number>
Number number_at(const std::string& bytes, size_t at) {
  Number value{};
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

uint32_t masked(uint32_t sum) {
  return ((sum >> 15) | (sum << 17)) + 0xa282ead8u;
}

// The records of a TFRecord file, every checksum checked.
std::vector<std::string> records(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream stream;
  stream << file.rdbuf();
  const std::string bytes = stream.str();
  std::vector<std::string> found;
  for (size_t at = 0; at < bytes.size();) {
    const auto length = number_at<uint64_t>(bytes, at);
    EXPECT_EQ(number_at<uint32_t>(bytes, at + 8), masked(crc32c(bytes.substr(at, 8))));
    found.push_back(bytes.substr(at + 12, length));
    EXPECT_EQ(number_at<uint32_t>(bytes, at + 12 + length), masked(crc32c(found.back())));
    at += length + 16;
  }
  return found;
}

// RFC 3720, appendix B.4.
TEST(TensorBoard, TheChecksumIsThatOfTheStandard) {
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43u);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(""), 0u);
}

TEST(TensorBoard, AFileBeginsWithItsVersionAndASessionStart) {
  Folder folder;
  const EventWriter writer(folder.path + "/tensorboard", 7, folder.fence());
  const std::vector<std::string> found = records(writer.path());
  ASSERT_EQ(found.size(), 2u);
  // wall_time (field 1, 8 bytes), step (field 2), file_version (field 3).
  EXPECT_EQ(found[0].substr(9), std::string("\x10\x00\x1a\x0d"
                                            "brain.Event:2",
                                            17));
  // session_log (field 7) with status (field 1) START (1), at the step after the checkpoint's.
  EXPECT_EQ(found[1].substr(9), std::string("\x10\x08\x3a\x02\x08\x01", 6));
}

TEST(TensorBoard, AStartFromNothingDropsStepZeroToo) {
  Folder folder;
  const EventWriter writer(folder.events(), 0, folder.fence());
  EXPECT_EQ(records(writer.path()).at(1).substr(9), std::string("\x10\x00\x3a\x02\x08\x01", 6));
}

TEST(TensorBoard, ScalarsOfOneStepAreOneEvent) {
  Folder folder;
  EventWriter writer(folder.events(), 0, folder.fence());
  writer.scalars(300, {{"a/b", 1.5}, {"c", -2}});
  const std::vector<std::string> found = records(writer.path());
  ASSERT_EQ(found.size(), 3u);
  const std::string wanted = std::string("\x10\xac\x02", 3) +  // step 300
                             std::string("\x2a\x17", 2) +      // summary, 23 bytes
                             std::string("\x0a\x0a\x0a\x03", 4) + "a/b" + std::string("\x15\x00\x00\xc0\x3f", 5) +
                             std::string("\x0a\x08\x0a\x01", 4) + "c" + std::string("\x15\x00\x00\x00\xc0", 5);
  EXPECT_EQ(found[2].substr(9), wanted.substr(0, 4) + static_cast<char>(wanted.size() - 5) + wanted.substr(5));
}

TEST(TensorBoard, FilesOfOneSecondSortInTheOrderOfTheirWriting) {
  Folder folder;
  std::string last;
  for (int attempt = 1; attempt <= 5; ++attempt) {
    const EventWriter writer(folder.events(), attempt, folder.fence(attempt));
    EXPECT_GT(writer.path(), last);
    last = writer.path();
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.events()), {}), 5);
}

TEST(TensorBoard, AClockThatWasSetBackDoesNotReorderThem) {
  Folder folder;
  const std::string future = folder.events() + "/events.out.tfevents.5000000000.host.1";
  std::ofstream(future) << "x";
  const EventWriter writer(folder.events(), 3, folder.fence());
  EXPECT_GT(writer.path(), future);
}

}  // namespace
}  // namespace broadsheet
