#include "slurm/client.h"

#include <gtest/gtest.h>

#include "core/process.h"
#include "slurm/submission.h"

namespace broadsheet {
namespace {

TEST(SlurmQueue, IsReadWithAnyComment) {
  const auto jobs = parse_queue(
      "17|RUNNING|None|n[1-2]|2026-11-26T18:00:00|broadsheet:ab\n"
      "18_3|PENDING|Resources||N/A|a|b|c\n"
      "rubbish\n"
      "19|COMPLETED|None|n1|2026-11-26T18:00:00|(null)\n");
  ASSERT_EQ(jobs.size(), 3u);
  EXPECT_EQ(jobs[0].id, "17");
  EXPECT_EQ(jobs[0].comment, "broadsheet:ab");
  EXPECT_TRUE(jobs[0].lives());
  EXPECT_FALSE(jobs[0].waits());
  EXPECT_EQ(jobs[1].id, "18_3");
  EXPECT_EQ(jobs[1].comment, "a|b|c");
  EXPECT_EQ(jobs[1].start, "");
  EXPECT_TRUE(jobs[1].waits());
  EXPECT_EQ(jobs[2].comment, "");
  EXPECT_FALSE(jobs[2].lives());
}

TEST(SlurmFields, MayHoldBlanksAndEqualsSigns) {
  const auto fields = parse_fields(
      "JobId=17 JobName=a=b Comment=broadsheet:ab cd PreemptTime=None Command=/runs/my run/job.sh /x "
      "Power=\nJobId=18\n");
  EXPECT_EQ(fields.at("JobId"), "17");
  EXPECT_EQ(fields.at("JobName"), "a=b");
  EXPECT_EQ(fields.at("Comment"), "broadsheet:ab cd");
  EXPECT_EQ(fields.at("Command"), "/runs/my run/job.sh /x");
  EXPECT_EQ(fields.at("PreemptTime"), "None");
}

TEST(SbatchAnswer, IsOneNumberOrNothing) {
  EXPECT_EQ(id_in_answer("17\n"), "17");
  EXPECT_EQ(id_in_answer("17;cluster\n"), "17");
  for (const char* wrong : {"", "\n", "17\n18\n", "Submitted batch job 17", "17 18", "x", "-3", "99999999999999999999"})
    EXPECT_EQ(id_in_answer(wrong), "") << wrong;
}

TEST(SlurmsWords, TellARefusalFromSilence) {
  EXPECT_TRUE(means_unreachable("sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"));
  EXPECT_TRUE(means_unreachable("slurm_load_jobs error: Unable to contact slurm controller (connect failure)"));
  EXPECT_TRUE(means_unreachable("error: Munge encode failed: Failed to access \"/run/munge/munge.socket.2\""));
  EXPECT_FALSE(means_unreachable("sbatch: error: invalid partition specified: nope"));
  EXPECT_FALSE(means_unreachable("slurm_load_jobs error: Invalid job id specified"));
}

TEST(AskedProgram, IsEndedOnceItSaysThatItWouldGoOnInVain) {
  const std::vector<std::string> sleeps = {"/bin/sh", "-c",
                                           "echo 'queue full, sleeping and retrying' >&2; sleep 30; echo 7"};
  const ProgramAnswer answer = ask_program(sleeps, 60, "sleeping and retrying");
  EXPECT_TRUE(answer.given_up);
  EXPECT_FALSE(answer.good());
  EXPECT_EQ(answer.out, "");
  EXPECT_EQ(answer.last_words(), "queue full, sleeping and retrying");
  // Without such words it may take its time.
  const ProgramAnswer other = ask_program({"/bin/sh", "-c", "echo retrying >&2; echo 7"}, 60, "sleeping and retrying");
  EXPECT_FALSE(other.given_up);
  EXPECT_EQ(other.out, "7\n");
}

}  // namespace
}  // namespace broadsheet
