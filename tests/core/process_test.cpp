// Another program, asked: what it reads, what it says, and how it ends.
#include "core/process.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <string>

namespace broadsheet {
namespace {

TEST(AskProgram, TakesWhatItSaysAndHowItEnds) {
  const ProgramAnswer good = ask_program({"sh", "-c", "echo out; echo err >&2"}, 60);
  EXPECT_TRUE(good.good());
  EXPECT_EQ(good.out, "out\n");
  EXPECT_EQ(good.err, "err\n");
  EXPECT_EQ(ask_program({"sh", "-c", "exit 7"}, 60).status, 7);
  EXPECT_EQ(ask_program({"sh", "-c", "kill -9 $$"}, 60).status, 128 + SIGKILL);
  EXPECT_EQ(ask_program({"no-such-program-anywhere"}, 60).status, -1);
  EXPECT_EQ(ask_program({"/absent"}, 60).status, -1);
}

TEST(AskProgram, GivesItInputAndThenTheEnd) {
  EXPECT_EQ(ask_program({"cat"}, 60).out, "");
  const std::string input(size_t{1} << 20, 'x');
  EXPECT_EQ(ask_program({"cat"}, {.seconds = 60, .input = input}).out, input);
}

TEST(AskProgram, OneThatDoesNotReadItsInputIsNoSignalToThisProcess) {
  const std::string input(size_t{1} << 20, 'x');
  for (int i = 0; i < 5; ++i) {
    const ProgramAnswer answer = ask_program({"sh", "-c", "exec <&-; echo done"}, {.seconds = 60, .input = input});
    EXPECT_TRUE(answer.good());
    EXPECT_EQ(answer.out, "done\n");
  }
  sigset_t blocked, pending;
  sigpending(&pending);
  sigemptyset(&blocked);
  pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  EXPECT_EQ(sigismember(&blocked, SIGPIPE), 0);
  EXPECT_EQ(sigismember(&pending, SIGPIPE), 0);
}

TEST(AskProgram, EndsItWhenItTakesTooLong) {
  const ProgramAnswer answer = ask_program({"sh", "-c", "echo begun; sleep 60"}, 0.3);
  EXPECT_TRUE(answer.timed_out);
  EXPECT_EQ(answer.out, "begun\n");
  EXPECT_EQ(answer.status, 128 + SIGKILL);
}

TEST(AskProgram, HasTheUsualSignals) {
  const ProgramAnswer answer = ask_program({"sh", "-c", "grep -E '^Sig(Blk|Ign)' /proc/self/status"}, 60);
  EXPECT_NE(answer.out.find("SigBlk:\t0000000000000000"), std::string::npos) << answer.out;
}

}  // namespace
}  // namespace broadsheet
