#include "launcher/local_ranks.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "core/text.h"
#include "launcher/mpirun.h"

namespace broadsheet {
namespace {

class Attempt : public testing::Test {
 protected:
  Attempt() {
    char folder[] = "/tmp/broadsheet-test-XXXXXX";
    folder_ = mkdtemp(folder);
  }
  ~Attempt() override { std::filesystem::remove_all(folder_); }
  std::string folder_;
};

Failure failure(int exit_code, const std::string& code, const std::string& message) {
  return {exit_code, {code, {"run.yaml", 3, 5}, "train.optim", message, ""}, message};
}

TEST(MpirunsWords, NameTheKilledRankAlsoWhenTheSentenceIsBroken) {
  KilledRank killed;
  ASSERT_TRUE(find_killed_rank(
      "mpirun noticed that process rank 1 with PID 4711 on\nnode host-7 exited on signal 9 (Killed).", &killed));
  EXPECT_EQ(killed.rank, 1);
  EXPECT_EQ(killed.pid, 4711);
  EXPECT_EQ(killed.host, "host-7");
  EXPECT_EQ(killed.signal, 9);
  EXPECT_FALSE(
      find_killed_rank("Primary job  terminated normally, but 1 process returned a non-zero exit code.", &killed));
}

TEST_F(Attempt, TheFirstFailureOfSeveralIsFound) {
  record_failure(folder_, 1, failure(1, "io.write", "disk full"));
  record_failure(folder_, 0, failure(1, "mpi.barrier", "lost a peer"));
  std::ofstream(folder_ + "/failure-2.json") << "{\"error\": {";
  Failure found;
  ASSERT_TRUE(find_first_failure(folder_, &found));
  EXPECT_EQ(found.exit_code, 1);
  EXPECT_EQ(found.fault.code, "io.write");
  EXPECT_EQ(found.message.rfind("rank 1 (", 0), 0u) << found.message;
  EXPECT_TRUE(ends_with(found.message, "disk full"));
}

TEST_F(Attempt, ARankThatOnlyLostItsPeersIsNotTheFirst) {
  record_failure(folder_, 0, failure(1, "mpi.all_gather", "lost a peer"));
  Failure found;
  ASSERT_TRUE(find_first_failure(folder_, &found));
  EXPECT_EQ(found.fault.code, "mpi.all_gather");
  record_failure(folder_, 1, failure(1, "memory", "out of memory"));
  ASSERT_TRUE(find_first_failure(folder_, &found));
  EXPECT_EQ(found.fault.code, "memory");
}

TEST_F(Attempt, AUsersFaultIsToldAsItIs) {
  record_failure(folder_, 0, failure(2, "config.type", "wanted a number"));
  Failure found;
  ASSERT_TRUE(find_first_failure(folder_, &found));
  EXPECT_EQ(found.exit_code, 2);
  EXPECT_EQ(found.message, "wanted a number");
  EXPECT_EQ(found.fault.place.line, 3);
  EXPECT_EQ(found.fault.key, "train.optim");
}

TEST_F(Attempt, NoRecordIsNoFailure) {
  Failure found;
  EXPECT_FALSE(find_first_failure(folder_, &found));
  EXPECT_FALSE(find_first_failure(folder_ + "/absent", &found));
}

TEST_F(Attempt, AMessageThatIsNotUtf8IsRecordedAllTheSame) {
  record_failure(folder_, 0, failure(70, "internal", "bytes \xff\xfe"));
  Failure found;
  ASSERT_TRUE(find_first_failure(folder_, &found));
  EXPECT_EQ(found.exit_code, 70);
}

TEST(Launch, OneRankNeedsNoMpirun) {
  RankLaunch launch;
  launch.engine = "/opt/engine";
  launch.arguments = {"train", "run.yaml"};
  EXPECT_EQ(launch_command(launch), (std::vector<std::string>{"/opt/engine", "train", "run.yaml"}));
}

TEST(Launch, SeveralRanksHandTheirArgumentsOverUnchanged) {
  RankLaunch launch;
  launch.engine = "/opt/engine";
  launch.arguments = {"train", "a file; with $(odd) 'name'.yaml"};
  launch.ranks = 3;
  const std::vector<std::string> command = launch_command(launch);
  EXPECT_TRUE(ends_with(command[0], "/mpirun"));
  EXPECT_EQ(command[2], "3");
  EXPECT_EQ(command.back(), launch.arguments.back());
  EXPECT_NE(std::find(command.begin(), command.end(), "none"), command.end()) << "ranks bind themselves";
}

TEST(Launch, MpirunOfAnEmptyPathIsNamed) {
  RankLaunch launch;
  launch.ranks = 2;
  const std::string path = getenv("PATH");
  setenv("PATH", "/nonexistent", 1);
  try {
    launch_command(launch);
    ADD_FAILURE() << "it found an mpirun";
  } catch (const UserError& error) {
    EXPECT_EQ(error.faults()[0].code, "launch.no_mpirun");
  }
  setenv("PATH", path.c_str(), 1);
}

TEST(Launch, RanksThatFitTakeCoresOfTheirOwn) {
  RankLaunch launch;
  launch.ranks = 2;
  const JobFolders folders;
  const int cores = static_cast<int>(cores_in_order().size());
  launch.threads_per_rank = std::max(1, cores / 2);
  EXPECT_EQ(launch_environment(launch, folders).at(kBindVariable), cores >= 2 ? "1" : "0");
  launch.threads_per_rank = cores;
  EXPECT_EQ(launch_environment(launch, folders).at(kBindVariable), "0");
}

TEST(Launch, RanksOfOneMachineOpenNoNetworkUnlessToldTo) {
  RankLaunch launch;
  launch.ranks = 2;
  const JobFolders folders;
  for (const char* name : {"OMPI_MCA_pml", "SLURM_JOB_ID"}) {
    unsetenv("OMPI_MCA_pml");
    unsetenv("SLURM_JOB_ID");
    EXPECT_EQ(launch_environment(launch, folders).at("OMPI_MCA_pml"), "ob1");
    setenv(name, "7", 1);
    EXPECT_EQ(launch_environment(launch, folders).count("OMPI_MCA_pml"), 0u) << name << " is somebody's choice";
    unsetenv(name);
  }
}

TEST(Launch, CoresAreThoseOfThisProcessEachOnce) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  ASSERT_EQ(sched_getaffinity(0, sizeof allowed, &allowed), 0);
  const std::vector<int> cores = cores_in_order();
  EXPECT_EQ(std::set<int>(cores.begin(), cores.end()).size(), cores.size());
  EXPECT_EQ(static_cast<int>(cores.size()), CPU_COUNT(&allowed));
  for (const int core : cores) EXPECT_TRUE(CPU_ISSET(core, &allowed));
}

TEST(Launch, FoldersOfAJobVanishWithIt) {
  std::string temporary;
  {
    const JobFolders folders;
    temporary = folders.temporary();
    EXPECT_TRUE(std::filesystem::is_directory(temporary));
    std::ofstream(temporary + "/left-behind") << "x";
  }
  EXPECT_FALSE(std::filesystem::exists(temporary));
}

class StartedAsTest : public testing::Test {
 protected:
  StartedAsTest() { clear(); }
  ~StartedAsTest() override { clear(); }
  static void clear() {
    for (const char* name : {"PMIX_RANK", "OMPI_COMM_WORLD_RANK", "SLURM_STEP_ID", "SLURM_PROCID",
                             "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"}) {
      unsetenv(name);
    }
  }
};

TEST_F(StartedAsTest, ARankHasPmixOrOpenMpisRank) {
  EXPECT_EQ(started_as(), StartedAs::kAlone);
  setenv("PMIX_RANK", "0", 1);
  EXPECT_EQ(started_as(), StartedAs::kRank);
  unsetenv("PMIX_RANK");
  setenv("OMPI_COMM_WORLD_RANK", "1", 1);
  EXPECT_EQ(started_as(), StartedAs::kRank);
}

TEST_F(StartedAsTest, AnAllocationOrAShellOfSrunIsNoRank) {
  setenv("SLURM_NTASKS", "4", 1);
  EXPECT_EQ(started_as(), StartedAs::kAlone);
  setenv("SLURM_STEP_ID", "0", 1);
  setenv("SLURM_PROCID", "0", 1);
  setenv("SLURM_STEP_NUM_TASKS", "1", 1);
  EXPECT_EQ(started_as(), StartedAs::kAlone);
}

TEST_F(StartedAsTest, SeveralTasksWithoutPmixAreRecognised) {
  setenv("SLURM_STEP_ID", "0", 1);
  setenv("SLURM_PROCID", "1", 1);
  setenv("SLURM_STEP_NUM_TASKS", "2", 1);
  EXPECT_EQ(started_as(), StartedAs::kTasksWithoutPmix);
}

}  // namespace
}  // namespace broadsheet
