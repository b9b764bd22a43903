#include "slurm/job_script.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <random>

#include "core/durable.h"
#include "core/errors.h"
#include "core/process.h"
#include "core/text.h"
#include "slurm/job_record.h"
#include "slurm/submission.h"
#include "tests/core/scratch_folder.h"

namespace broadsheet {
namespace {

JobSpec spec_in(const std::string& folder) {
  JobSpec spec;
  spec.kind = "train";
  spec.name = "news";
  spec.place = folder;
  spec.folder = folder + "/job";
  spec.program = "/opt/bin/broadsheet";
  spec.tool = "/opt/bin/broadsheet-job";
  spec.config = spec.folder + "/run.yaml";
  spec.run_dir = folder;
  spec.launcher = "srun";
  spec.token = "0123";
  return spec;
}

bool has(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

TEST(SbatchCommand, CarriesEveryKey) {
  JobSpec spec = spec_in("/runs/news");
  SlurmConfig& slurm = spec.slurm;
  slurm.partition = "main";
  slurm.account = "desk";
  slurm.qos = "long";
  slurm.constraint = "intel&ib";
  slurm.nodes = 2;
  slurm.ntasks_per_node = 4;
  slurm.gpus_per_node = 4;
  slurm.mem = "16G";
  slurm.time = "04:00:00";
  slurm.exclude = "n7";
  slurm.extra = {"--reservation=news"};
  slurm.export_variables = {"WANDB_API_KEY"};
  slurm.signal_before = 300;
  spec.threads = 8;
  spec.after = {"11", "12"};
  spec.exclude = "n9";
  const std::vector<std::string> words = sbatch_command(spec);
  for (const char* word :
       {"--parsable", "--job-name=news", "--comment=broadsheet:0123", "--chdir=/runs/news", "--output=logs/job-%j.log",
        "--signal=B:USR1@300", "--partition=main", "--account=desk", "--qos=long", "--constraint=intel&ib", "--nodes=2",
        "--ntasks-per-node=4", "--cpus-per-task=8", "--gpus-per-node=4", "--mem=16G", "--time=04:00:00",
        "--exclude=n7,n9", "--dependency=afterok:11:12", "--reservation=news"})
    EXPECT_TRUE(has(words, word)) << word;
  EXPECT_EQ(words.front(), "sbatch");
  EXPECT_EQ(words[words.size() - 2], "/runs/news/job/job.sh");
  EXPECT_EQ(words.back(), "/runs/news/job");
  const auto exported =
      std::find_if(words.begin(), words.end(), [](const auto& w) { return starts_with(w, "--export="); });
  ASSERT_NE(exported, words.end());
  const std::vector<std::string> names = split(exported->substr(9), ',');
  EXPECT_TRUE(has(names, "PATH"));
  EXPECT_TRUE(has(names, "WANDB_API_KEY"));
  EXPECT_FALSE(has(names, "ALL"));
}

TEST(JobScript, IsConstantAndSaysWhatItPromises) {
  const std::string& script = job_script();
  EXPECT_TRUE(starts_with(script, "#!/bin/bash\n#SBATCH --requeue\n#SBATCH --open-mode=append\n"));
  for (const char* part : {"srun --mpi=pmix --kill-on-bad-exit=1", "--cpus-per-task=\"$cpus\"", "scontrol requeue",
                           "SLURM_ARRAY_JOB_ID", "unset SLURM_EXPORT_ENV"})
    EXPECT_NE(script.find(part), std::string::npos) << part;
}

// What bash makes of a parameters file, by the script's own loop: the values of three keys, one a line.
std::string read_by_bash(const std::string& folder) {
  const std::string& script = job_script();
  const size_t begin = script.find("tool=''"), end = script.find("done <\"$job/parameters\"");
  EXPECT_NE(begin, std::string::npos);
  EXPECT_NE(end, std::string::npos);
  std::ofstream(folder + "/loop.sh") << "job=$1\n"
                                     << script.substr(begin, end - begin) << "done <\"$job/parameters\"\n"
                                     << "printf '%s\\n' \"$run_dir\" \"$config\" \"$scratch\" \"${container[@]}\"\n";
  const ProgramAnswer answer = ask_program({"bash", folder + "/loop.sh", folder}, 20);
  EXPECT_EQ(answer.status, 0) << answer.err;
  return answer.out;
}

// 300 names that would be something to a shell or to Slurm come through as themselves, or are refused by name.
TEST(JobParameters, AreDataToTheShell) {
  ScratchFolder scratch;
  const std::string canary = scratch.path() + "/canary";
  const std::vector<std::string> hostile = {"$(touch " + canary + ")",
                                            "`touch " + canary + "`",
                                            "; touch " + canary,
                                            "| touch " + canary,
                                            "\" touch " + canary,
                                            "' touch " + canary,
                                            "${IFS}",
                                            "*",
                                            "~",
                                            "-n",
                                            "#SBATCH --uid=0",
                                            "a  b ",
                                            "$PATH",
                                            "!!",
                                            "<(touch " + canary + ")",
                                            "a=b",
                                            "%j%%",
                                            "\t"};
  std::mt19937 random(7);
  int through = 0, refused = 0;
  for (int i = 0; i < 300; ++i) {
    std::string name;
    for (int part = 0; part < 3; ++part) name += hostile[random() % hostile.size()];
    if (i % 10 == 0) name += "\n#SBATCH --uid=0";
    if (i % 15 == 0) name += "\\x";
    JobSpec spec = spec_in(scratch.path());
    spec.run_dir = "/runs/" + name;
    spec.slurm.scratch = "/scratch/" + name;
    spec.slurm.container = {"apptainer", name};
    try {
      std::ofstream(scratch.path() + "/parameters") << job_parameters(spec);
    } catch (const UserError& error) {
      EXPECT_EQ(error.faults()[0].code, "slurm.path");
      ++refused;
      continue;
    }
    EXPECT_EQ(read_by_bash(scratch.path()),
              cat(spec.run_dir, "\n", spec.config, "\n", spec.slurm.scratch, "\napptainer\n", name, "\n"));
    ++through;
  }
  EXPECT_GT(through, 150);
  EXPECT_GE(refused, 30);
  EXPECT_FALSE(exists(canary));
}

// The command that the script makes of its parameters, in its first start or a later one.
std::string command_by_bash(const std::string& verb, const std::string& run_dir, bool resume, int restarts) {
  const std::string& script = job_script();
  const size_t begin = script.find("[ \"${SLURM_RESTART_COUNT"), end = script.find("case $launcher");
  EXPECT_LT(begin, end);
  const std::string text =
      cat("program=broadsheet verb=", verb, " config=file run_dir=", run_dir, " resume=", resume ? "--resume" : "",
          " SLURM_RESTART_COUNT=", restarts, "\n", script.substr(begin, end - begin), "printf '%s ' \"${work[@]}\"\n");
  const ProgramAnswer answer = ask_program({"bash", "-c", text}, 20);
  EXPECT_EQ(answer.status, 0) << answer.err;
  return answer.out;
}

TEST(JobScript, GivesEachVerbWhatItTakes) {
  EXPECT_EQ(command_by_bash("prepare", "", false, 0), "broadsheet prepare file ");
  EXPECT_EQ(command_by_bash("train", "/r", true, 0), "broadsheet train file --run-dir /r --resume ");
  EXPECT_EQ(command_by_bash("train", "/r", true, 1), "broadsheet train file --run-dir /r ");
  // What a sweep may go on with differs from its directory until its first start has taken it over.
  EXPECT_EQ(command_by_bash("sweep", "/s", true, 1), "broadsheet sweep file --run-dir /s --resume ");
  EXPECT_EQ(command_by_bash("sweep", "/s", false, 1), "broadsheet sweep file --run-dir /s ");
  EXPECT_EQ(command_by_bash("--worker", "", false, 1), "broadsheet --worker file ");
}

TEST(SbatchCommand, RefusesFoldersThatSlurmCannotHold) {
  for (const char* bad : {"/runs/a\nb", "/runs/a\\b", "/runs/a\rb"}) {
    EXPECT_THROW(sbatch_command(spec_in(bad)), UserError) << bad;
  }
  EXPECT_NO_THROW(sbatch_command(spec_in("/runs/100 % 'quoted' $x")));
}

TEST(ShellLine, IsReadBackByAShell) {
  const std::vector<std::string> words = {"sbatch", "--comment=a b", "it's", "$(id)", "", "plain/path=1", "new\nline"};
  const ProgramAnswer answer = ask_program({"bash", "-c", "printf '%s\\0' " + shell_line(words)}, 20);
  EXPECT_EQ(split(answer.out.substr(0, answer.out.size() - 1), '\0'), words);
}

TEST(Token, IsNeverTheSame) {
  EXPECT_EQ(new_token().size(), 32u);
  EXPECT_NE(new_token(), new_token());
}

TEST(JobEvents, SurviveALineThatWasCutOff) {
  ScratchFolder scratch;
  JobEvent event;
  event.event = "start";
  event.job = "17";
  append_job_event(scratch.path(), event);
  std::ofstream(scratch.path() + "/events.jsonl", std::ios::app) << "{\"event\": \"en";
  event.event = "end";
  event.cause = "time_limit";
  event.code = 75;
  event.step = 40;
  append_job_event(scratch.path(), event);
  const std::vector<JobEvent> events = read_job_events(scratch.path());
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].event, "start");
  EXPECT_EQ(events[1].cause, "time_limit");
  EXPECT_EQ(events[1].step, 40);
}

TEST(Lease, BelongsToTheFirstOfATokensJobs) {
  ScratchFolder scratch;
  EXPECT_EQ(take_lease(scratch.path(), "t1", "17"), "17");
  EXPECT_EQ(take_lease(scratch.path(), "t1", "18"), "17");
  EXPECT_EQ(take_lease(scratch.path(), "t1", "17"), "17");
  EXPECT_EQ(take_lease(scratch.path(), "t2", "18"), "18");
}

TEST(ExcludedNodes, AreKeptOnce) {
  ScratchFolder scratch;
  exclude_node(scratch.path(), "n1");
  exclude_node(scratch.path(), "n2");
  exclude_node(scratch.path(), "n1");
  EXPECT_EQ(excluded_nodes(scratch.path()), (std::vector<std::string>{"n1", "n2"}));
}

}  // namespace
}  // namespace broadsheet
