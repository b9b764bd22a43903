#include "core/fence.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "core/durable.h"
#include "core/errors.h"
#include "core/text.h"
#include "scratch_folder.h"

namespace broadsheet {
namespace {

namespace fs = std::filesystem;

class FenceTest : public testing::Test {
 protected:
  FenceTest() { fs::create_directories(taken_); }

  Fence attempt(int64_t number) const {
    fs::create_directories(cat(taken_, "/attempt-", number));
    return Fence::raise(root_, number, taken_);
  }
  std::vector<std::string> in_root() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(root_)) names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }
  static void put(const std::string& path, const std::string& text) { std::ofstream(path) << text; }
  static void make(const std::string& folder, const std::string& text) {
    fs::create_directory(folder);
    put(folder + "/file", text);
  }
  template <class Body>
  static std::string refusal(const Body& body) {
    try {
      body();
    } catch (const RunError& error) {
      return cat(error.faults().front().code, ": ", error.what());
    }
    return "";
  }
  template <class Body>
  static bool is_fenced(const Body& body) {
    return starts_with(refusal(body), "run.fenced: ");
  }

  ScratchFolder scratch_;
  std::string root_ = scratch_ / "checkpoints", taken_ = scratch_ / "logs";
};

using Names = std::vector<std::string>;

TEST_F(FenceTest, AnAttemptPublishesByRename) {
  const Fence fence = attempt(1);
  make(fence.folder() + "/step-1", "parts");
  fence.publish("step-1", root_ + "/step-1");
  EXPECT_EQ(read_file(root_ + "/step-1/file"), "parts");
  fence.publish_text(scratch_ / "results.json", "{}");
  fence.publish_text(scratch_ / "results.json", "{1}");
  EXPECT_EQ(read_file(scratch_ / "results.json"), "{1}");
  fence.lower();
  EXPECT_EQ(in_root(), Names{"step-1"});
}

TEST_F(FenceTest, AFolderTakesTheOldOnesPlace) {
  const Fence fence = attempt(1);
  for (const char* version : {"first", "second"}) {
    make(fence.folder() + "/model", version);
    fence.replace_folder("model", scratch_ / "model");
    EXPECT_EQ(read_file(scratch_ / "model/file"), version);
    EXPECT_TRUE(fs::is_empty(fence.folder()));
  }
}

TEST_F(FenceTest, AnOlderAttemptPublishesNothingAnyMore) {
  const Fence older = attempt(1), its_rank = Fence::join(root_, 1);
  make(older.folder() + "/step-1", "old");
  make(older.folder() + "/model", "old");
  make(scratch_ / "model", "kept");
  put(scratch_ / "results.json", "kept");
  const Fence newer = attempt(2);
  for (const Fence* fence : {&older, &its_rank}) {
    EXPECT_TRUE(is_fenced([&] { fence->check(); }));
    EXPECT_TRUE(is_fenced([&] { fence->publish("step-1", root_ + "/step-1"); }));
    EXPECT_TRUE(is_fenced([&] { fence->publish_text(scratch_ / "results.json", "old"); }));
    EXPECT_TRUE(is_fenced([&] { fence->replace_folder("model", scratch_ / "model"); }));
    EXPECT_TRUE(is_fenced([&] { fence->withdraw(scratch_ / "results.json"); }));
  }
  EXPECT_EQ(in_root(), Names{".attempt-2"});
  EXPECT_EQ(read_file(scratch_ / "model/file"), "kept");
  EXPECT_EQ(read_file(scratch_ / "results.json"), "kept");
  newer.check();
  const std::string message = refusal([&] { older.check(); });
  EXPECT_NE(message.find("attempt 1 of this run was taken over by attempt 2: nothing of this one is published"),
            std::string::npos)
      << message;
}

TEST_F(FenceTest, WhatFailsForAnotherReasonIsToldAsItIs) {
  const Fence fence = attempt(1);
  const std::string message = refusal([&] { fence.publish("absent", root_ + "/absent"); });
  EXPECT_TRUE(starts_with(message, "io.rename: ")) << message;
  EXPECT_TRUE(starts_with(refusal([&] { fence.guard([] { throw RunError("io.write", "full"); }); }), "io.write: "));
}

TEST_F(FenceTest, AnOlderAttemptGivesWayToANewerOne) {
  const Fence newer = attempt(3);
  EXPECT_TRUE(is_fenced([&] { attempt(2); }));
  newer.check();
  EXPECT_EQ(in_root(), Names{".attempt-3"}) << "the older one leaves no folder";
}

// The older attempt has its number, and is then held up until the newer one is done.
TEST_F(FenceTest, AnAttemptThatWasHeldUpBeforeItBeganGivesWayToOneThatHasEnded) {
  fs::create_directories(taken_ + "/attempt-1");
  attempt(2).lower();
  EXPECT_TRUE(in_root().empty());
  const std::string message = refusal([&] { Fence::raise(root_, 1, taken_); });
  EXPECT_NE(message.find("taken over by attempt 2"), std::string::npos) << message;
  EXPECT_TRUE(in_root().empty());
}

// j takes its number, makes its folder, looks; k > j likewise: in every order of these steps one of them is left.
TEST_F(FenceTest, OfTwoThatBeginAtOnceTheNewerOneIsLeft) {
  for (int round = 0; round < 50; ++round) {
    const int64_t j = 2 * round + 1, k = j + 1;
    bool older_stands = false;
    std::thread older([&] {
      fs::create_directories(cat(taken_, "/attempt-", j));
      try {
        Fence::raise(root_, j, taken_).publish_text(cat(root_, "/older-", j), "");
        older_stands = true;
      } catch (const RunError& error) {
        EXPECT_EQ(error.faults().front().code, "run.fenced");
      }
    });
    const Fence newer = attempt(k);
    older.join();
    newer.check();
    EXPECT_TRUE(is_fenced([&] { Fence::join(root_, j).check(); })) << round;
    EXPECT_EQ(older_stands, exists(cat(root_, "/older-", j)));
  }
}

TEST_F(FenceTest, WhatCouldNotBeRemovedIsRemovedByTheNextAttempt) {
  make(attempt(1).folder() + "/step-1", "old");
  fs::create_directories(root_ + "/.attempt-0.fenced-1-77/step-1");
  fs::create_directories(root_ + "/step-00000010");
  fs::create_directories(root_ + "/.attempt-x");
  attempt(2);
  EXPECT_EQ(in_root(), (Names{".attempt-2", ".attempt-x", "step-00000010"}));
}

TEST_F(FenceTest, NamesThatAreNoAttemptsAreNotCounted) {
  fs::create_directories(root_);
  for (const char* name : {".attempt-", ".attempt-7.fenced-8-1", ".attempt--5", ".attempt-9x", "attempt-9"})
    fs::create_directories(cat(root_, "/", name));
  EXPECT_EQ(Fence::newest(root_, taken_), 0);
  EXPECT_EQ(Fence::newest(scratch_ / "absent", ""), 0);
  fs::create_directories(taken_ + "/attempt-4");
  EXPECT_EQ(Fence::newest(root_, taken_), 4);
  attempt(6);
  EXPECT_EQ(Fence::newest(root_, taken_), 6);
}

}  // namespace
}  // namespace broadsheet
