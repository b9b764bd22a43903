#include "core/durable.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>

#include "core/errors.h"
#include "core/text.h"
#include "scratch_folder.h"

namespace broadsheet {
namespace {

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

// Whole blocks and a remainder, in pieces of every size: on the disk's own file system, where the page cache is passed
// by, and in memory, where it cannot be.
TEST(DurableFile, ABulkFileHoldsWhatWasWritten) {
  const ScratchFolder folder;
  const std::string memory = "/dev/shm/broadsheet-durable-test";
  for (const std::string& path : {folder / "bulk", memory}) {
    for (const size_t size :
         {size_t{0}, size_t{1}, size_t{4096}, size_t{5000}, (size_t{4} << 20) + 4097, size_t{9'000'001}}) {
      std::string bytes(size, '\0');
      for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 >> 3);
      {
        DurableFile file(path, DurableFile::Kind::kBulk);
        for (size_t at = 0, piece = 1; at < size; at += piece, piece = piece * 3 + 1)
          file.write(std::string_view(bytes).substr(at, piece));
        EXPECT_EQ(file.size(), size);
        file.close();
      }
      EXPECT_TRUE(read_file(path) == bytes) << path << " of " << size;
      ::unlink(path.c_str());
    }
    { DurableFile abandoned(path, DurableFile::Kind::kBulk); }
    EXPECT_FALSE(exists(path));
  }
}

TEST(Durable, AFileThatWasNotClosedDoesNotExist) {
  const ScratchFolder folder;
  {
    DurableFile file(folder / "part");
    file.write("half");
    EXPECT_TRUE(exists(folder / "part"));
    EXPECT_EQ(file.size(), 4U);
  }
  EXPECT_FALSE(exists(folder / "part"));
}

TEST(Durable, AClosedFileStays) {
  const ScratchFolder folder;
  {
    DurableFile file(folder / "part");
    file.write("whole");
    file.close();
  }
  EXPECT_EQ(read_file(folder / "part"), "whole");
}

TEST(Durable, AnExistingFileOrLinkIsNotWrittenTo) {
  const ScratchFolder folder;
  write_file_durably(folder / "file", "old");
  std::filesystem::create_symlink(folder / "elsewhere", folder / "link");
  EXPECT_THROW(DurableFile(folder / "file"), RunError);
  EXPECT_THROW(DurableFile(folder / "link"), RunError);
  EXPECT_EQ(read_file(folder / "file"), "old");
  EXPECT_FALSE(exists(folder / "elsewhere"));
}

TEST(Durable, ReplacingLeavesOnlyTheNewFile) {
  const ScratchFolder folder;
  write_file_durably(folder / "file", "old");
  write_file_durably(folder / "file", "new");
  EXPECT_EQ(read_file(folder / "file"), "new");
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"file"});
}

// The disk is full: a limit on file sizes fails the write as ENOSPC would, with EFBIG.
TEST(Durable, AFailedReplacementLeavesTheOldFile) {
  const ScratchFolder folder;
  write_file_durably(folder / "file", "old");
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      write_file_durably(folder / "file", std::string(100000, 'x'));
    } catch (const RunError& error) {
      ::_exit(std::string(error.what()).find("file") != std::string::npos ? 7 : 8);
    }
    ::_exit(9);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_EQ(read_file(folder / "file"), "old");
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"file"});
}

TEST(Durable, ARenameThatCannotHappenLeavesNoTemporaryFile) {
  const ScratchFolder folder;
  make_folders(folder / "taken/full");
  EXPECT_THROW(write_file_durably(folder / "taken", "text"), RunError);
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"taken"});
}

TEST(Durable, ErrorsNameTheFileAndTheReason) {
  try {
    write_file_durably("/nonexistent-folder/file", "text");
    FAIL();
  } catch (const RunError& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("/nonexistent-folder/"), std::string::npos) << message;
    EXPECT_NE(message.find("No such file or directory"), std::string::npos) << message;
    EXPECT_EQ(error.faults().front().code, "io.create");
  }
}

TEST(Durable, RemovedFoldersAreGoneUnderEveryName) {
  const ScratchFolder folder;
  make_folders(folder / "a/b/c");
  write_file_durably(folder / "a/b/file", "text");
  remove_folder_durably(folder / "a");
  remove_folder_durably(folder / "a");  // absent already: nothing to do
  EXPECT_TRUE(names_in(folder.path()).empty());
}

TEST(Durable, ReadingStopsAtTheLimit) {
  const ScratchFolder folder;
  write_file_durably(folder / "file", std::string(1000, 'x'));
  EXPECT_EQ(read_file(folder / "file", 1000).size(), 1000U);
  EXPECT_THROW(read_file(folder / "file", 999), RunError);
  EXPECT_THROW(read_file("/dev/zero", 1 << 20), RunError);
}

// ---- FolderLock

void write_lock(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

// What this process would write, changed by the caller.
std::string own_lock(const ScratchFolder& folder) {
  const FolderLock lock = FolderLock::acquire(folder / "sample");
  return read_file(folder / "sample");
}

std::string with(std::string text, const std::string& key, const std::string& value) {
  const size_t begin = text.find("\"" + key + "\":") + key.size() + 3;
  const size_t end = text.find_first_of(",}", begin);
  return text.replace(begin, end - begin, value);
}

TEST(FolderLock, IsReleasedAtTheEnd) {
  const ScratchFolder folder;
  {
    const FolderLock lock = FolderLock::acquire(folder / "lock");
    EXPECT_TRUE(exists(folder / "lock"));
  }
  EXPECT_TRUE(names_in(folder.path()).empty());
}

TEST(FolderLock, MovesWithItsOwner) {
  const ScratchFolder folder;
  FolderLock first = FolderLock::acquire(folder / "lock");
  {
    const FolderLock second = std::move(first);
    EXPECT_TRUE(exists(folder / "lock"));
  }
  EXPECT_FALSE(exists(folder / "lock"));
}

TEST(FolderLock, ALivingHolderIsNamed) {
  const ScratchFolder folder;
  const FolderLock lock = FolderLock::acquire(folder / "lock");
  try {
    FolderLock::acquire(folder / "lock");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_EQ(error.faults().front().code, "lock.held");
    EXPECT_NE(std::string(error.what()).find(cat("process ", ::getpid())), std::string::npos) << error.what();
  }
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"lock"});
}

TEST(FolderLock, OfADeadProcessIsTakenOver) {
  const ScratchFolder folder;
  const pid_t child = ::fork();
  if (child == 0) {
    const FolderLock lock = FolderLock::acquire(folder / "lock");
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(exists(folder / "lock"));
  const FolderLock lock = FolderLock::acquire(folder / "lock");
  EXPECT_NE(read_file(folder / "lock").find(cat("\"pid\":", ::getpid())), std::string::npos);
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"lock"});
}

TEST(FolderLock, OfAnEarlierProcessWithTheSameNumberIsTakenOver) {
  const ScratchFolder folder;
  write_lock(folder / "lock", with(own_lock(folder), "start_time", "\"1\""));
  EXPECT_NO_THROW(FolderLock::acquire(folder / "lock"));
}

TEST(FolderLock, OfAnEarlierBootIsTakenOver) {
  const ScratchFolder folder;
  write_lock(folder / "lock", with(own_lock(folder), "boot_id", "\"00000000-0000-0000-0000-000000000000\""));
  EXPECT_NO_THROW(FolderLock::acquire(folder / "lock"));
}

TEST(FolderLock, OfAnotherHostIsHeldAndTheMessageSaysWhatToRemove) {
  const ScratchFolder folder;
  write_lock(folder / "lock", with(own_lock(folder), "host", "\"some-other-host\""));
  try {
    FolderLock::acquire(folder / "lock");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("some-other-host"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("remove " + (folder / "lock")), std::string::npos) << error.what();
  }
}

TEST(FolderLock, OfAnotherContainerIsNotJudgedByItsProcessNumber) {
  const ScratchFolder folder;
  const std::string gone = with(own_lock(folder), "start_time", "\"1\"");
  write_lock(folder / "lock", with(gone, "pid_namespace", "\"pid:[1]\""));
  EXPECT_THROW(FolderLock::acquire(folder / "lock"), UserError);
  write_lock(folder / "lock", gone);
  FolderLock::acquire(folder / "lock");
}

TEST(FolderLock, ThatCannotBeReadIsHeld) {
  const ScratchFolder folder;
  for (const char* text : {"", "{", "[]", "{\"host\": 1, \"pid\": \"x\"}"}) {
    write_lock(folder / "lock", text);
    EXPECT_THROW(FolderLock::acquire(folder / "lock"), UserError) << text;
  }
}

TEST(FolderLock, OfManyProcessesThatFindItStaleOneGetsIt) {
  const ScratchFolder folder;
  write_lock(folder / "lock", with(own_lock(folder), "start_time", "\"1\""));
  int ready[2], go[2];
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(go), 0);
  constexpr int kProcesses = 8;
  for (int i = 0; i < kProcesses; ++i) {
    if (::fork() != 0) continue;
    ::close(go[1]);
    ::close(ready[0]);
    char byte = 0;
    int result = 1;
    try {
      const FolderLock lock = FolderLock::acquire(folder / "lock");
      result = 0;
      if (::write(ready[1], "x", 1) != 1) result = 2;
      (void)!::read(go[0], &byte, 1);  // holds it until the parent closes the pipe
    } catch (const Error&) {
      if (::write(ready[1], "-", 1) != 1) result = 2;
    }
    ::_exit(result);
  }
  ::close(ready[1]);
  int held = 0, refused = 0;
  char byte = 0;
  while (held + refused < kProcesses && ::read(ready[0], &byte, 1) == 1) (byte == 'x' ? held : refused) += 1;
  ::close(go[1]);
  while (::wait(nullptr) > 0) {
  }
  ::close(ready[0]);
  ::close(go[0]);
  EXPECT_EQ(held, 1);
  EXPECT_EQ(refused, kProcesses - 1);
}

TEST(FolderLock, OfAnEarlierStartOfTheSameJobIsTakenOverWhereverThatIs) {
  const ScratchFolder folder;
  std::string text;
  {
    const FolderLock lock = FolderLock::acquire(folder / "sample", {"77", 1});
    text = read_file(folder / "sample");
  }
  for (const std::string& holder : {text, with(text, "host", "\"some-other-host\"")}) {
    write_lock(folder / "lock", holder);
    EXPECT_THROW(FolderLock::acquire(folder / "lock", {"77", 1}), UserError) << "the same start";
    EXPECT_THROW(FolderLock::acquire(folder / "lock", {"77", 0}), UserError) << "an earlier one";
    EXPECT_THROW(FolderLock::acquire(folder / "lock", {"78", 2}), UserError) << "another job";
    EXPECT_THROW(FolderLock::acquire(folder / "lock"), UserError) << "no job";
    EXPECT_EQ(read_file(folder / "lock"), holder);
    const FolderLock lock = FolderLock::acquire(folder / "lock", {"77", 2});
    EXPECT_TRUE(lock.held());
    EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"lock"});
  }
}

TEST(FolderLock, TheHoldersJobIsNamed) {
  const ScratchFolder folder;
  const FolderLock lock = FolderLock::acquire(folder / "lock", {"77", 1});
  try {
    FolderLock::acquire(folder / "lock", {"78", 0});
    FAIL();
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("job 77, restart 1"), std::string::npos) << error.what();
  }
}

TEST(FolderLock, WithoutAJobNothingIsTakenFromTheLiving) {
  const ScratchFolder folder;
  const FolderLock lock = FolderLock::acquire(folder / "lock");
  EXPECT_THROW(FolderLock::acquire(folder / "lock", {"", 5}), UserError);
}

TEST(FolderLock, OfAnEarlierVersionNamesItsHolder) {
  const ScratchFolder folder;
  write_lock(folder / "lock", R"({"host":"far","pid":12,"start_time":"1","boot_id":"b","command":"train"})");
  try {
    FolderLock::acquire(folder / "lock", {"77", 3});
    FAIL();
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("process 12 on far (train)"), std::string::npos) << error.what();
  }
}

TEST(FolderLock, ThatWasTakenOverIsNotReleasedByTheOlderHolder) {
  const ScratchFolder folder;
  auto older = std::make_unique<FolderLock>(FolderLock::acquire(folder / "lock", {"77", 0}));
  const FolderLock newer = FolderLock::acquire(folder / "lock", {"77", 1});
  EXPECT_FALSE(older->held());
  older.reset();
  EXPECT_TRUE(newer.held());
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"lock"});
}

}  // namespace
}  // namespace broadsheet
