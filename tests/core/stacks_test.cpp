#include "core/stacks.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "core/durable.h"
#include "core/text.h"
#include "scratch_folder.h"

namespace broadsheet {
namespace {

TEST(Stacks, OfEveryThreadAreWritten) {
  const ScratchFolder folder;
  std::promise<void> end;
  std::thread other([&] { end.get_future().wait(); });
  prepare_stack_dump();
  std::thread([&] { dump_stacks(folder / "log"); }).join();
  end.set_value();
  other.join();
  const std::string log = read_file(folder / "log");
  size_t threads = 0;
  for (const std::string& line : split(log, '\n')) threads += starts_with(line, "--- stack of thread") ? 1 : 0;
  EXPECT_GE(threads, 2U) << log;
  EXPECT_NE(log.find("libc.so"), std::string::npos) << log;
  EXPECT_EQ(log.find("does not answer"), std::string::npos) << log;
}

}  // namespace
}  // namespace broadsheet
