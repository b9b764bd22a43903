// Slurm's commands are scripts here, which answer what a test has put into a file and note that they were called.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "core/durable.h"
#include "core/errors.h"
#include "core/text.h"
#include "experiments/sweep/mailbox.h"
#include "launcher/sweep/on_slurm.h"
#include "slurm/job_record.h"
#include "tests/core/scratch_folder.h"

namespace broadsheet {
namespace {

using State = WorkerLife::State;

class SlurmWorkersTest : public testing::Test {
 protected:
  SlurmWorkersTest() : sweep_(scratch_.path() + "/sweep"), path_(std::getenv("PATH")) {
    make_folders(scratch_.path() + "/bin");
    for (const char* name : {"sbatch", "squeue", "scontrol", "scancel"}) {
      const std::string file = scratch_.path() + "/bin/" + name;
      std::ofstream(file) << "#!/bin/sh\necho \"" << name << " $*\" >>" << scratch_.path() << "/calls\n"
                          << "cat " << scratch_.path() << "/" << name << ".err >&2 2>/dev/null\n"
                          << "cat " << scratch_.path() << "/" << name << ".out 2>/dev/null\n"
                          << "test ! -s " << scratch_.path() << "/" << name << ".err\n";
      ::chmod(file.c_str(), 0755);
    }
    ::setenv("PATH", (scratch_.path() + "/bin:" + path_).c_str(), 1);
    says("sbatch", "17\n");
  }
  ~SlurmWorkersTest() override { ::setenv("PATH", path_.c_str(), 1); }

  void says(const std::string& command, const std::string& out, const std::string& err = "") const {
    std::ofstream(scratch_.path() + "/" + command + ".out") << out;
    std::ofstream(scratch_.path() + "/" + command + ".err") << err;
  }
  int calls(const std::string& command) const {
    std::ifstream file(scratch_.path() + "/calls");
    int count = 0;
    for (std::string line; std::getline(file, line);) count += starts_with(line, command + " ") ? 1 : 0;
    return count;
  }
  std::unique_ptr<WorkerPool> pool(double silence = 60) const {
    SlurmLaunch launch;
    launch.sweep = "search";
    launch.job.kind = "--worker";
    launch.job.launcher = "srun";
    return make_slurm_workers(sweep_, launch, silence);
  }
  std::string folder() const { return worker_folder(sweep_, "w0001"); }
  void beat() const { std::ofstream(folder() + "/beat") << "x"; }
  void says_of_the_job(const std::string& state) const { says("squeue", "17|" + state + "|None|n1|N/A|x\n"); }
  void ends(const std::string& action, const std::string& detail) const {
    JobEvent event;
    event.event = "end";
    event.token = read_job_record(job_folder(folder()))->token;
    event.action = action;
    event.detail = detail;
    append_job_event(job_folder(folder()), event);
  }

  ScratchFolder scratch_;
  std::string sweep_, path_;
};

TEST_F(SlurmWorkersTest, StartAsOneJobEach) {
  const auto workers = pool();
  workers->start("w0001", 0);
  EXPECT_EQ(calls("sbatch"), 1);
  EXPECT_EQ(read_job_record(job_folder(folder()))->id, "17");
  const std::string parameters = read_file(job_folder(folder()) + "/parameters");
  EXPECT_NE(parameters.find("verb --worker\n"), std::string::npos);
  EXPECT_NE(parameters.find("config " + folder() + "\n"), std::string::npos);
  EXPECT_EQ(parameters.find("run_dir"), std::string::npos);
  EXPECT_TRUE(exists(job_folder(folder()) + "/slurm.yaml"));
}

TEST_F(SlurmWorkersTest, ThatBeatAreNotAskedAbout) {
  const auto workers = pool();
  workers->start("w0001", 0);
  const int before = calls("squeue");
  for (int i = 0; i < 50; ++i) {
    beat();
    EXPECT_EQ(workers->look("w0001").state, State::kLives);
  }
  EXPECT_EQ(calls("squeue"), before);
}

TEST_F(SlurmWorkersTest, WaitForAsLongAsSlurmWants) {
  const auto workers = pool(/*silence=*/0);
  says_of_the_job("PENDING");
  workers->start("w0001", 0);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(workers->look("w0001").state, State::kStarting);
  EXPECT_LE(calls("squeue"), 3);
}

TEST_F(SlurmWorkersTest, AreGoneByTheirOwnWord) {
  const auto workers = pool();
  workers->start("w0001", 0);
  ends("requeue", "the job's time is up");
  EXPECT_EQ(workers->look("w0001").state, State::kStarting);
  ends("stop", "finished");
  const int before = calls("squeue");
  const WorkerLife life = workers->look("w0001");
  EXPECT_EQ(life.state, State::kGone);
  EXPECT_NE(life.why.find("finished"), std::string::npos);
  EXPECT_TRUE(life.left);
  EXPECT_EQ(calls("squeue"), before);
}

TEST_F(SlurmWorkersTest, AreGoneWhenSlurmDoesNotKnowThemAnyMore) {
  pool()->start("w0001", 0);
  // A driver that starts later asks anew.
  const auto workers = pool();
  const WorkerLife life = workers->look("w0001");
  EXPECT_EQ(life.state, State::kGone);
  EXPECT_NE(life.why.find("does not know job 17"), std::string::npos) << life.why;
  EXPECT_TRUE(life.left);  // it never started
  JobEvent start;
  start.event = "start";
  start.token = read_job_record(job_folder(folder()))->token;
  append_job_event(job_folder(folder()), start);
  EXPECT_FALSE(workers->look("w0001").left);
}

TEST_F(SlurmWorkersTest, AreNotGoneWhileSlurmIsAway) {
  pool()->start("w0001", 0);
  const auto workers = pool(/*silence=*/0);
  says("squeue", "", "slurm_load_jobs error: Unable to contact slurm controller (connect failure)\n");
  const int before = calls("squeue");
  for (int i = 0; i < 50; ++i) EXPECT_EQ(workers->look("w0001").state, State::kStarting);
  EXPECT_EQ(calls("squeue"), before + 1);
}

TEST_F(SlurmWorkersTest, ThatWereNeverSubmittedAreGone) {
  EXPECT_EQ(pool()->look("w0009").state, State::kGone);
}

TEST_F(SlurmWorkersTest, CannotBeStartedWhileSlurmIsAwayAndSbatchIsNotTried) {
  says("squeue", "", "slurm_load_jobs error: Unable to contact slurm controller (connect failure)\n");
  const auto workers = pool();
  for (int i = 0; i < 20; ++i) EXPECT_THROW(workers->start(cat("w", i), 0), RunError);
  EXPECT_EQ(calls("sbatch"), 0);
  EXPECT_LE(calls("squeue"), 3);
}

TEST_F(SlurmWorkersTest, BeyondALimitAreForLaterAndOtherRefusalsForTheUser) {
  const auto workers = pool();
  for (const char* words : {"Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's "
                            "size and/or time limits)",
                            "QOSMaxSubmitJobPerUserLimit", "AssocMaxSubmitJobLimit",
                            "Slurm temporarily unable to accept job, sleeping and retrying"}) {
    says("sbatch", "", cat("sbatch: error: ", words, "\n"));
    EXPECT_THROW(workers->start("w0001", 0), RunError) << words;
  }
  says("sbatch", "", "sbatch: error: invalid partition specified: nowhere\n");
  EXPECT_THROW(workers->start("w0002", 0), UserError);
}

TEST_F(SlurmWorkersTest, AreToldToSaveOnlyWhenTheyRun) {
  const auto workers = pool();
  says_of_the_job("RUNNING");
  workers->start("w0001", 0);
  says("scontrol", "JobId=17 JobState=RUNNING\n");
  workers->stop("w0001", false);
  EXPECT_TRUE(exists(cancel_mark(folder())));
  std::string called = read_file(scratch_.path() + "/calls");
  EXPECT_NE(called.find("scancel --batch --signal USR1 17\n"), std::string::npos) << called;
  // What waits has nothing to save: the trial that it was given has not begun.
  TrialTask task;
  task.sequence = 1;
  task.folder = trial_folder(sweep_, 0);
  make_folders(task.folder);
  write_task(folder(), task);
  says("scontrol", "JobId=17 JobState=PENDING\n");
  workers->stop("w0001", false);
  called = read_file(scratch_.path() + "/calls");
  EXPECT_NE(called.find("scancel 17\n"), std::string::npos) << called;
  EXPECT_EQ(read_leg(task.folder, 1)->state, LegRecord::State::kStopped);
}

TEST(OpenLegs, AreEndedOnceAndOnlyWhenTheyAreOpen) {
  ScratchFolder scratch;
  const std::string worker = worker_folder(scratch.path(), "w0001"), trial = trial_folder(scratch.path(), 3);
  make_folders(worker);
  make_folders(trial);
  LegRecord stopped;
  stopped.state = LegRecord::State::kStopped;
  end_open_leg(worker, stopped);  // no task: nothing to end
  TrialTask task;
  task.sequence = 1;
  task.trial = 3;
  task.leg = 2;
  task.folder = trial;
  write_task(worker, task);
  LegRecord waits;
  waits.state = LegRecord::State::kAtRung;
  waits.step = 40;
  waits.value = 0.5;
  write_leg(trial, 2, waits);
  end_open_leg(worker, stopped);
  ASSERT_TRUE(read_leg(trial, 2));
  EXPECT_EQ(read_leg(trial, 2)->state, LegRecord::State::kStopped);
  EXPECT_EQ(read_leg(trial, 2)->step, 40);
  EXPECT_EQ(read_leg(trial, 2)->value, 0.5);
  LegRecord failed;
  failed.state = LegRecord::State::kFailed;
  end_open_leg(worker, failed);
  EXPECT_EQ(read_leg(trial, 2)->state, LegRecord::State::kStopped);
}

}  // namespace
}  // namespace broadsheet
