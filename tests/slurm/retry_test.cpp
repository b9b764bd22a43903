#include "slurm/retry.h"

#include <gtest/gtest.h>

#include "core/text.h"

namespace broadsheet {
namespace {

JobEnd ended(int code, const std::string& fault = "", const std::string& notice = "none") {
  JobEnd end;
  end.code = code;
  end.fault = fault;
  end.notice = notice;
  end.message = "what happened";
  return end;
}

std::vector<JobEvent> events(Cause cause, int count, int64_t step = 0) {
  std::vector<JobEvent> list;
  for (int i = 0; i < count; ++i) {
    JobEvent event;
    event.event = "end";
    event.cause = cause_name(cause);
    event.step = step;
    list.push_back(event);
  }
  return list;
}

TEST(Cause, IsToldFromCodeFaultAndNotice) {
  EXPECT_EQ(cause_of(ended(0)), Cause::kDone);
  EXPECT_EQ(cause_of(ended(2, "config.range")), Cause::kUser);
  EXPECT_EQ(cause_of(ended(1, "train.diverged")), Cause::kDiverged);
  EXPECT_EQ(cause_of(ended(1, "run.crash_loop")), Cause::kCrashLoop);
  EXPECT_EQ(cause_of(ended(75)), Cause::kTimeLimit);
  EXPECT_EQ(cause_of(ended(1, "memory")), Cause::kOutOfMemory);
  EXPECT_EQ(cause_of(ended(1, "io.write")), Cause::kFailure);
  EXPECT_EQ(cause_of(ended(124, "hang")), Cause::kFailure);
  EXPECT_EQ(cause_of(ended(137)), Cause::kFailure);
  EXPECT_EQ(cause_of(ended(135)), Cause::kNodeFailure);
}

TEST(Cause, ANoticeExplainsADeathWithoutAWord) {
  EXPECT_EQ(cause_of(ended(138, "", "USR1")), Cause::kTimeLimit);
  EXPECT_EQ(cause_of(ended(143, "", "TERM")), Cause::kTimeLimit);
  EXPECT_EQ(cause_of(ended(1, "io.write", "USR1")), Cause::kFailure);
}

TEST(Cause, CancelAndPreemptionComeFirst) {
  JobEnd end = ended(75, "", "USR1");
  end.preempted = true;
  EXPECT_EQ(cause_of(end), Cause::kPreempted);
  end.cancelled = true;
  EXPECT_EQ(cause_of(end), Cause::kCancelled);
}

TEST(Cause, WhatSlurmTookAwayIsNotTheRunsFailure) {
  JobEnd end = ended(1);
  end.preempted = true;
  EXPECT_EQ(cause_of(end), Cause::kPreempted);
  end.step_words = "srun: error: Node failure on n1";
  end.node = "n1";
  EXPECT_EQ(cause_of(end), Cause::kNodeFailure);
  // Slurm has requeued it already: no second job beside it.
  EXPECT_EQ(decide(Cause::kNodeFailure, end, {}, {}).action, Action::kRequeue);
  end.fault = "io.write";
  end.step_words.clear();
  EXPECT_EQ(cause_of(end), Cause::kFailure);
}

TEST(Cause, SrunsWordsTellMemoryAndHardware) {
  JobEnd end = ended(137);
  end.step_words = "slurmstepd: error: Detected 1 oom_kill event in StepId=17.0";
  EXPECT_EQ(cause_of(end), Cause::kOutOfMemory);
  end.step_words = "srun: error: n2: task 1: Bus error";
  EXPECT_EQ(cause_of(end), Cause::kNodeFailure);
}

TEST(Decision, StopsWhereTryingAgainIsNoUse) {
  for (const Cause cause : {Cause::kDone, Cause::kUser, Cause::kDiverged, Cause::kCrashLoop, Cause::kCancelled}) {
    const Decision decision = decide(cause, ended(2), {}, {});
    EXPECT_EQ(decision.action, Action::kStop) << cause_name(cause);
    EXPECT_FALSE(decision.why.empty());
    EXPECT_EQ(decision.exit_code, 2);
  }
}

TEST(Decision, EachCauseHasItsOwnLimit) {
  SlurmConfig config;
  config.max_requeues = 3;
  config.retries = {2, 1, 1};
  const std::vector<JobEvent> spent = events(Cause::kTimeLimit, 3);
  EXPECT_EQ(decide(Cause::kTimeLimit, ended(75), spent, config).action, Action::kStop);
  EXPECT_EQ(decide(Cause::kTimeLimit, ended(75), events(Cause::kTimeLimit, 2), config).action, Action::kRequeue);
  // Another cause is not touched by it, and a preemption costs nothing.
  EXPECT_EQ(decide(Cause::kOutOfMemory, ended(1), spent, config).action, Action::kRequeue);
  EXPECT_EQ(decide(Cause::kPreempted, ended(75), events(Cause::kPreempted, 1000), config).action, Action::kRequeue);
  const Decision last = decide(Cause::kTimeLimit, ended(75), spent, config);
  EXPECT_NE(last.why.find("slurm.max_requeues allows 3"), std::string::npos) << last.why;
  EXPECT_EQ(last.exit_code, 75);
}

TEST(Decision, OutOfMemoryGoesOnWithHalf) {
  const Decision decision = decide(Cause::kOutOfMemory, ended(1, "memory"), {}, {});
  EXPECT_EQ(decision.action, Action::kRequeue);
  EXPECT_TRUE(decision.halve_micro_batch);
  const Decision last = decide(Cause::kOutOfMemory, ended(1, "memory"), events(Cause::kOutOfMemory, 3), {});
  EXPECT_EQ(last.action, Action::kStop);
  EXPECT_FALSE(last.halve_micro_batch);
}

TEST(Decision, ABrokenNodeIsLeftWhenItIsKnown) {
  JobEnd end = ended(135);
  end.node = "n2";
  const Decision decision = decide(Cause::kNodeFailure, end, {}, {});
  EXPECT_EQ(decision.action, Action::kMove);
  EXPECT_NE(decision.why.find("n2"), std::string::npos);
  end.node.clear();
  EXPECT_EQ(decide(Cause::kNodeFailure, end, {}, {}).action, Action::kRequeue);
}

TEST(Decision, AFailureCountsUntilTheRunHasComeFurther) {
  JobEnd end = ended(1, "io.write");
  end.step = 100;
  EXPECT_EQ(decide(Cause::kFailure, end, events(Cause::kFailure, 50, 99), {}).action, Action::kRequeue);
  EXPECT_EQ(decide(Cause::kFailure, end, events(Cause::kFailure, 2, 100), {}).action, Action::kStop);
}

}  // namespace
}  // namespace broadsheet
