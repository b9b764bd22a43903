#include <gtest/gtest.h>

#include <cmath>

#include "core/text.h"
#include "experiments/sweep/sweep_view.h"
#include "tests/experiments/sweep_fixture.h"

namespace broadsheet {
namespace {

size_t characters(const std::string& line) {
  size_t count = 0;
  for (const char c : line) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

std::string first_line_with(const std::string& table, const std::string& text) {
  for (const std::string& line : split(table, '\n')) {
    if (line.find(text) != std::string::npos) return line;
  }
  return "";
}

TEST(SweepTable, TellsHowFarTheSweepIsAndWhatIsBest) {
  SweepView view = fixtures::sample_sweep(40);
  view.elapsed_seconds = 4320;
  view.seconds_left = 2400;
  view.trials[1].state = "waiting";
  view.trials[3].state = "paused";
  const std::string table = sweep_table(view, 200, false);
  EXPECT_EQ(split(table, '\n')[0], "editorials-search: tpe, highest macro_f1");
  EXPECT_EQ(split(table, '\n')[1], "15 of 40 done, 1 running, 1 waiting, 1 paused, 19 pruned, 3 failed");
  EXPECT_EQ(split(table, '\n')[2], "elapsed 1 h 12 min, about 40 min left");
  EXPECT_EQ(first_line_with(table, "best so far").rfind("best so far 0.7811: trial 0030, learning_rate 0.0001866", 0),
            0u);
  EXPECT_NE(first_line_with(table, "0039 ").find("150/450"), std::string::npos);
}

TEST(SweepTable, GuessesTheTimeLeftRoughlyAndOnlyWhileThereIsSome) {
  SweepView view = fixtures::sample_sweep(40);
  EXPECT_EQ(time_left(view), "");
  EXPECT_EQ(sweep_table(view, 200, false).find(" left"), std::string::npos);
  const std::pair<double, const char*> cases[] = {{0.2, "about 1 s left"},
                                                  {59, "about 59 s left"},
                                                  {61, "about 2 min left"},
                                                  {3599, "about 60 min left"},
                                                  {7260, "about 2 h 1 min left"}};
  for (const auto& [seconds, text] : cases) {
    view.seconds_left = seconds;
    EXPECT_EQ(time_left(view), text);
  }
  view.finished = true;
  EXPECT_EQ(time_left(view), "");
}

TEST(SweepTable, OneLineTellsTheSame) {
  SweepView view = fixtures::sample_sweep(40);
  EXPECT_EQ(sweep_line(view), "15 of 40 done, 1 running, 21 pruned, 3 failed, best macro_f1 0.7811, trial 0030");
  view = fixtures::sample_sweep(0);
  EXPECT_EQ(sweep_line(view), "0 done");
}

TEST(SweepTable, ListsTheBestFiveInOrder) {
  const SweepView view = fixtures::sample_sweep(40);
  const std::string table = sweep_table(view, 120, false);
  const std::vector<std::string> lines = split(table.substr(table.find("\nbest  ") + 1), '\n');
  ASSERT_EQ(lines.size(), 7u);  // the head, five, and what follows the last newline
  EXPECT_EQ(lines[1].substr(0, 4), "0030");
  double last = 1;
  for (size_t i = 1; i <= 5; ++i) {
    const double value = *view.trials[static_cast<size_t>(std::stoi(lines[i].substr(0, 4)))].value;
    EXPECT_LT(value, last);
    last = value;
  }
}

TEST(SweepTable, NeverExceedsTheWidth) {
  SweepView view = fixtures::sample_sweep(60);
  view.name =
      "\xC3\xA9"
      "ditoriaux \xE7\xA4\xBE\xE8\xAB\x96 of the whole year with a long name";
  view.elapsed_seconds = 1e7;
  view.seconds_left = 1e7;
  for (const size_t width : {1, 7, 20, 40, 80, 132}) {
    for (const std::string& line : split(sweep_table(view, width, false), '\n')) {
      EXPECT_LE(characters(line), width) << line;
      EXPECT_TRUE(is_utf8(line)) << line;
    }
  }
}

TEST(SweepTable, HasNoEscapesUnlessColourIsWanted) {
  SweepView view = fixtures::sample_sweep(20);
  view.name = "a\x1b[31m\rname";
  view.trials[18].parameters["adapter.kind"] = "x\x1b[2Jy";
  EXPECT_EQ(sweep_table(view, 100, false).find('\x1b'), std::string::npos);
  EXPECT_EQ(sweep_table(view, 100, false).find('\r'), std::string::npos);
  const std::string coloured = sweep_table(view, 100, true);
  EXPECT_NE(coloured.find("\x1b[1m"), std::string::npos);
  EXPECT_EQ(coloured.find("\x1b[31m"), std::string::npos);
  EXPECT_EQ(coloured.find("\x1b[2J"), std::string::npos);
}

TEST(SweepTable, RanksConfigurationsByMeanWhenRunsAreRepeated) {
  SweepView view = fixtures::sample_sweep(6);
  view.repeat = 3;
  view.trials_wanted = 2;
  const double values[] = {0.5, 0.9, 0.1, 0.6, 0.7, 0.8};
  for (size_t i = 0; i < 6; ++i) {
    view.trials[i].configuration = static_cast<int64_t>(i / 3);
    view.trials[i].state = "done";
    view.trials[i].value = values[i];
  }
  view.best = 5;
  const std::string table = sweep_table(view, 100, false);
  EXPECT_NE(table.find("6 of 6 done"), std::string::npos);
  EXPECT_NE(table.find("best so far 0.7 +- 0.1 (mean of 3): trial 0005"), std::string::npos) << table;
  EXPECT_NE(first_line_with(table, "0003 x3").find("0.7 +- 0.1"), std::string::npos) << table;
  EXPECT_LT(table.find("0003 x3"), table.find("0000 x3"));
}

TEST(SweepTable, ManyRunningTrialsAreNotAllListed) {
  SweepView view = fixtures::sample_sweep(40);
  for (TrialView& trial : view.trials) trial.state = "running";
  EXPECT_NE(sweep_table(view, 100, false).find("\nand 28 more\n"), std::string::npos);
}

TEST(SweepTable, ASweepWithoutTrialsHasATable) {
  const SweepView view = fixtures::sample_sweep(0);
  EXPECT_EQ(sweep_table(view, 80, false), "editorials-search: tpe, highest macro_f1\n0 done\nnothing measured yet\n");
}

}  // namespace
}  // namespace broadsheet
