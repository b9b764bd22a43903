#include "launcher/answer.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <new>
#include <stdexcept>
#include <system_error>

namespace broadsheet {
namespace {

template <class Thrown>
Failure failure_of(const Thrown& thrown) {
  try {
    throw thrown;
  } catch (...) {
    return current_failure();
  }
}

TEST(Answer, EachKindOfErrorHasItsExitCode) {
  EXPECT_EQ(failure_of(UserError("a.b", "what", "remedy")).exit_code, 2);
  EXPECT_EQ(failure_of(RunError("a.b", "what")).exit_code, 1);
  EXPECT_EQ(failure_of(InternalError("what")).exit_code, 70);
  EXPECT_EQ(failure_of(std::bad_alloc()).exit_code, 1);
  EXPECT_EQ(failure_of(std::runtime_error("what")).exit_code, 70);
  EXPECT_EQ(failure_of(42).exit_code, 70);
}

TEST(Answer, NoMemoryIsToldAsSuchWhoeverSaysIt) {
  const Failure torchs = failure_of(std::runtime_error(
      "[enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate "
      "4096000 bytes. Error code 12 (Cannot allocate memory)"));
  EXPECT_EQ(torchs.exit_code, 1);
  EXPECT_EQ(torchs.fault.code, "memory");
  EXPECT_NE(torchs.message.find("out of memory, 4096000 bytes were wanted; a smaller"), std::string::npos)
      << torchs.message;
  EXPECT_EQ(failure_of(std::bad_alloc()).fault.code, "memory");
  const Failure thread = failure_of(std::system_error(EAGAIN, std::generic_category(), "thread"));
  EXPECT_EQ(thread.exit_code, 1);
  EXPECT_EQ(thread.fault.code, "system");
}

TEST(Answer, TheErrorObjectHasTheContractsKeysAndNullsForTheUnknown) {
  const nlohmann::json error =
      to_json(failure_of(UserError(Fault{"config.type", {"run.yaml", 3, 7}, "seed", "found x", "write 1"})))["error"];
  EXPECT_EQ(error.size(), 6u);
  EXPECT_EQ(error["code"], "config.type");
  EXPECT_EQ(error["file"], "run.yaml");
  EXPECT_EQ(error["line"], 3);
  EXPECT_EQ(error["column"], 7);
  EXPECT_EQ(error["key"], "seed");
  EXPECT_EQ(error["message"], "run.yaml:3:7: seed: found x; write 1");
  EXPECT_TRUE(to_json(failure_of(RunError("a.b", "what")))["error"]["line"].is_null());
}

TEST(Answer, TheMessageHoldsEveryFault) {
  const Failure failure = failure_of(UserError({{"a", {}, "x", "one", ""}, {"b", {}, "y", "two", ""}}));
  EXPECT_EQ(failure.message, "x: one\ny: two");
  EXPECT_EQ(failure.fault.code, "a");
}

TEST(Answer, AFailureSurvivesItsWayThroughAFile) {
  nlohmann::json record =
      to_json(failure_of(UserError(Fault{"config.type", {"run.yaml", 3, 7}, "seed", "found x", ""})));
  record["exit_code"] = 2;
  const Failure back = failure_from_json(record);
  EXPECT_EQ(to_json(back), to_json(failure_from_json(record)));
  EXPECT_EQ(back.exit_code, 2);
  EXPECT_EQ(back.fault.place.column, 7);
}

}  // namespace
}  // namespace broadsheet
