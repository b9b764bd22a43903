#include "experiments/sweep/mailbox.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "../core/scratch_folder.h"
#include "core/durable.h"
#include "core/folder_watch.h"

namespace broadsheet {
namespace {

TEST(Mailbox, ATaskComesBackAsItWasWritten) {
  const ScratchFolder folder;
  EXPECT_FALSE(read_task(folder.path()));
  TrialTask task;
  task.sequence = 4;
  task.driver = 2;
  task.trial = 7;
  task.leg = 3;
  task.folder = "/somewhere/trials/0007";
  task.config = "schema: 1\nname: \"0007\"\n";
  task.gate_steps = {50, 150};
  task.model_above = 0.25;
  task.maximize = true;
  task.token = "trial 7 of /somewhere";
  write_task(folder.path(), task);
  const auto read = read_task(folder.path());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->sequence, 4);
  EXPECT_EQ(read->driver, 2);
  EXPECT_EQ(read->trial, 7);
  EXPECT_EQ(read->leg, 3);
  EXPECT_EQ(read->config, task.config);
  EXPECT_EQ(read->gate_steps, task.gate_steps);
  EXPECT_EQ(read->model_above, task.model_above);
  EXPECT_TRUE(read->maximize);
  EXPECT_EQ(read->token, task.token);
}

TEST(Mailbox, LegsHaveFilesOfTheirOwn) {
  const ScratchFolder folder;
  LegRecord old;
  old.state = LegRecord::State::kPaused;
  old.step = 50;
  old.value = 0.5;
  LegRecord young;
  young.state = LegRecord::State::kAtRung;
  young.step = 150;
  write_leg(folder.path(), 2, young);
  write_leg(folder.path(), 1, old);  // late, of a worker that was taken for dead
  ASSERT_TRUE(read_leg(folder.path(), 2));
  EXPECT_EQ(read_leg(folder.path(), 2)->step, 150);
  EXPECT_FALSE(read_leg(folder.path(), 2)->ended());
  EXPECT_FALSE(read_leg(folder.path(), 2)->value);
  EXPECT_TRUE(read_leg(folder.path(), 1)->ended());
  EXPECT_FALSE(read_leg(folder.path(), 3));
}

TEST(Mailbox, WhatIsNoRecordCountsAsAbsent) {
  const ScratchFolder folder;
  write_file_durably(leg_file(folder.path(), 1), "{\"state\": \"flying\"}");
  EXPECT_FALSE(read_leg(folder.path(), 1));
  write_file_durably(folder.path() + "/task.json", "[");
  EXPECT_FALSE(read_task(folder.path()));
}

TEST(Mailbox, ARetiredWorkerFindsItOutEvenIfItNeverStarted) {
  const ScratchFolder folder;
  const std::string worker = worker_folder(folder.path(), "w0001");
  EXPECT_FALSE(is_retired(worker));
  retire(worker);
  EXPECT_TRUE(is_retired(worker));
}

TEST(FolderWatch, WakesWhenAFileIsPutIntoAFolder) {
  const ScratchFolder folder;
  FolderWatch watch;
  watch.add(folder.path());
  std::thread writer([&] { write_file_durably(folder.path() + "/news", "x"); });
  // Without the news this would take the test's whole time limit.
  watch.wait(3600);
  writer.join();
  EXPECT_TRUE(exists(folder.path() + "/news"));
}

TEST(FolderWatch, OfNothingWaitsForTheTimeAlone) {
  FolderWatch watch;
  watch.add("/no/such/folder");
  watch.wait(0.01);
  watch.remove("/no/such/folder");
}

}  // namespace
}  // namespace broadsheet
