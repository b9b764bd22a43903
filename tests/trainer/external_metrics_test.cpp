// validation.external: a program of the user's that is good, and all the ways in which one is not.
#include "trainer/external_metrics.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "core/errors.h"
#include "core/text.h"
#include "trainer/parallel/mpi_communicator.h"

namespace broadsheet {
namespace {

MetricValues ask(const std::string& script, const std::string& lines = "", double seconds = 60) {
  const auto ranks = make_world_of_one();
  return external_metrics({"sh", "-c", script}, lines, *ranks, seconds);
}

// "user: ..." or "run: ..."
std::string refusal(const std::string& script, double seconds = 60) {
  try {
    ask(script, "one line\n", seconds);
  } catch (const UserError& error) {
    return cat("user: ", error.what());
  } catch (const RunError& error) {
    return cat("run: ", error.what());
  }
  return "none";
}

void expect_refusal(const std::string& script, const std::string& kind, const std::string& part, double seconds = 60) {
  const std::string found = refusal(script, seconds);
  EXPECT_TRUE(starts_with(found, kind)) << found;
  EXPECT_NE(found.find(part), std::string::npos) << part << "\nin: " << found;
}

TEST(ExternalMetrics, AreTheNumbersThatTheProgramWrites) {
  const MetricValues found = ask("echo '{\"click_rate\": 0.25, \"n\": 3}'");
  EXPECT_EQ(found, (MetricValues{{"external.click_rate", 0.25}, {"external.n", 3}}));
}

TEST(ExternalMetrics, TheProgramReadsAllLinesHoweverManyThereAre) {
  std::string lines;
  while (lines.size() < (size_t{3} << 20)) lines += "{\"row\": 1}\n";
  const MetricValues found = ask("printf '{\"bytes\": %d}' $(wc -c)", lines);
  EXPECT_EQ(found.at("external.bytes"), static_cast<double>(lines.size()));
  // One that reads none of it is no fault, and no signal ends the rank.
  EXPECT_EQ(ask("exec <&-; echo '{\"a\": 1}'", lines).at("external.a"), 1);
}

TEST(ExternalMetrics, TheProgramIsNoRank) {
  ::setenv("OMPI_COMM_WORLD_RANK_TEST", "0", 1);
  ::setenv("PMIX_TEST", "0", 1);
  EXPECT_EQ(ask("echo '{\"left\": '$(env | grep -c -e '^PMIX_' -e '^OMPI_COMM')'}'").at("external.left"), 0);
  ::unsetenv("OMPI_COMM_WORLD_RANK_TEST");
  ::unsetenv("PMIX_TEST");
}

TEST(ExternalMetrics, AFailureNamesTheProgramAndWhatItSaid) {
  expect_refusal("echo 'first'>&2; echo 'no such model' >&2; exit 3", "run",
                 "validation.external: sh: ended with exit code 3");
  expect_refusal("echo 'no such model' >&2; exit 3", "run", "no such model");
  expect_refusal("kill -9 $$", "run", "was ended by signal 9");
  expect_refusal("sleep 60", "run", "took longer than", 0.3);
  expect_refusal("true", "user", "wrote nothing");
  expect_refusal("echo 0.5", "user", "found 0.5, wanted one JSON object");
  expect_refusal("echo '{\"a\": 1} {\"b\": 2}'", "user", "wanted one JSON object");
  expect_refusal("echo '{\"a\": NaN}'", "user", "wanted one JSON object");
  expect_refusal("echo '{\"a\": null}'", "user", "found null for a, wanted a finite number");
  expect_refusal("echo '{\"a\": \"high\"}'", "user", "found \"high\" for a");
  expect_refusal("echo '{\"a b\": 1}'", "user", "found the name \"a b\"");
  expect_refusal("yes | head -c 20000000", "user", "wrote more than");
  const auto ranks = make_world_of_one();
  EXPECT_THROW(external_metrics({"/absent/program"}, "", *ranks), UserError);
}

}  // namespace
}  // namespace broadsheet
