#include "experiments/sweep/sweep_view.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/durable.h"
#include "core/text.h"
#include "experiments/sweep/sweep_results.h"
#include "experiments/sweep/sweep_summary.h"
#include "tests/core/scratch_folder.h"
#include "tests/experiments/sweep_fixture.h"

namespace broadsheet {
namespace {

using nlohmann::json;

TEST(SweepJson, HoldsEveryTrialAndTheBest) {
  const SweepView view = fixtures::sample_sweep(40);
  const json out = to_json(view, true);
  EXPECT_EQ(out.at("schema"), 1);
  EXPECT_EQ(out.at("goal"), "maximize");
  EXPECT_EQ(out.at("best"), *view.best);
  ASSERT_EQ(out.at("trials").size(), 40u);
  const json& trial = out.at("trials")[7];
  EXPECT_EQ(trial.at("number"), 7);
  EXPECT_EQ(trial.at("value"), *view.trials[7].value);
  EXPECT_EQ(trial.at("steps"), 450);
  EXPECT_EQ(trial.at("parameters").at("train.learning_rate"), view.trials[7].parameters.at("train.learning_rate"));
  EXPECT_EQ(trial.at("seconds"), view.trials[7].seconds);
  EXPECT_TRUE(out.at("trials")[12].at("value").is_null());
  EXPECT_EQ(out.at("trials")[12].at("state"), "failed");
  EXPECT_FALSE(out.at("importance").empty());
  EXPECT_EQ(out.at("early_terminate").at("rungs")[0].at("reported"), 37);
  EXPECT_FALSE(out.contains("configurations"));
}

// results.json of a sweep that ran again must be the same bytes.
TEST(SweepJson, WithoutAClockNothingOfTimeIsInIt) {
  SweepView view = fixtures::sample_sweep(20);
  const std::string before = to_json(view, false).dump();
  for (TrialView& trial : view.trials) trial.seconds *= 2;
  view.elapsed_seconds = 7;
  EXPECT_EQ(to_json(view, false).dump(), before);
  EXPECT_NE(to_json(view, true).dump(), before);
}

TEST(SweepJson, NumbersThatAreNoneAndTextsThatAreNoUtf8DoNotBreakIt) {
  SweepView view = fixtures::sample_sweep(3);
  view.trials[0].value = std::nan("");
  view.trials[1].value = INFINITY;
  view.trials[2].why = "bad \xff byte";
  const json out = json::parse(to_json(view, true).dump());
  EXPECT_TRUE(out.at("trials")[0].at("value").is_null());
  EXPECT_TRUE(out.at("trials")[1].at("value").is_null());
  EXPECT_EQ(out.at("trials")[2].at("why"), "bad \\xff byte");
}

TEST(SweepJson, RepeatsComeWithTheirMeanAndSpreadWholeConfigurationsFirst) {
  SweepView view = fixtures::sample_sweep(6);
  view.repeat = 3;
  const double values[] = {0.5, 0.6, 0.7, 0.9, 0, 0};
  for (size_t i = 0; i < 6; ++i) {
    view.trials[i].configuration = static_cast<int64_t>(i / 3);
    view.trials[i].value = values[i];
    if (i > 3) view.trials[i].value.reset();
  }
  const json list = to_json(view, true).at("configurations");
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].at("configuration"), 0);
  EXPECT_EQ(list[0].at("trials"), json({0, 1, 2}));
  EXPECT_NEAR(list[0].at("mean"), 0.6, 1e-12);
  EXPECT_NEAR(list[0].at("spread"), 0.1, 1e-12);
  EXPECT_EQ(list[1].at("values"), 1);
  EXPECT_TRUE(list[1].at("spread").is_null());
}

TEST(SweepCsv, HasAColumnForEachParameterAndALineForEachTrial) {
  const SweepView view = fixtures::sample_sweep(13);
  const std::vector<std::string> lines = split(to_csv(view), '\n');
  ASSERT_EQ(lines.size(), 16u);  // the cause of a failure has two lines; the last is empty
  EXPECT_EQ(lines[0],
            "number,configuration,state,steps,value,seconds,cores,train.learning_rate,train.weight_decay,"
            "train.num_train_epochs,train.lr_scheduler_type,adapter.kind,adapter.r,why\r");
  EXPECT_EQ(lines[13].rfind("12,12,failed,20,,", 0), 0u) << lines[13];
}

TEST(SweepCsv, QuotesWhatNeedsItAndLetsNoSpreadsheetRunAText) {
  SweepView view;
  view.parameters = {{"a,b", {}, {}}, {"list", {}, {}}, {"=cmd", {}, {}}};
  TrialView trial;
  trial.state = "done";
  trial.value = 0.1;
  trial.parameters = {{"a,b", "say \"no\""}, {"list", json::array({"query", "value"})}, {"=cmd", "=1+1"}};
  trial.why = "-2+3";
  view.trials = {trial};
  EXPECT_EQ(to_csv(view),
            "number,configuration,state,steps,value,seconds,cores,\"a,b\",list,'=cmd,why\r\n"
            "0,0,done,0,0.1,0,1,\"say \"\"no\"\"\",\"[\"\"query\"\",\"\"value\"\"]\",'=1+1,'-2+3\r\n");
  view.trials[0].parameters = {{"list", -2.5}};  // a negative number is none
  EXPECT_NE(to_csv(view).find(",,-2.5,,"), std::string::npos);
}

TEST(SweepNames, AreShortWhereNoOtherParameterEndsAlike) {
  SweepView view;
  view.parameters = {{"train.learning_rate", {}, {}}, {"adapter.kind", {}, {}}, {"task.kind", {}, {}}};
  EXPECT_EQ(short_name(view, "train.learning_rate"), "learning_rate");
  EXPECT_EQ(short_name(view, "adapter.kind"), "adapter.kind");
}

TEST(SweepProgress, IsThatOfTheRunningTrialsOwnFiles) {
  const ScratchFolder folder;
  SweepView view = fixtures::sample_sweep(4);
  view.metric = "loss";
  for (TrialView& trial : view.trials) {
    trial.folder = cat(folder.path(), "/", trial.number);
    trial.state = trial.number == 0 ? "done" : "running";
    trial.steps = 50;
    trial.value = 0.9;
    if (trial.number == 3) continue;  // it has not begun
    make_folders(trial.folder + "/logs/attempt-1");
    write_file_durably(trial.folder + "/run.yaml", "");
    write_file_durably(trial.folder + "/logs/attempt-1/plan.json", "{\"total_steps\": 450}");
    write_file_durably(trial.folder + "/metrics.jsonl",
                       "{\"step\": 100, \"kind\": \"validation\", \"loss\": 0.25}\n"
                       "{\"step\": 120, \"kind\": \"train\", \"loss\": 0.5}\n");
  }
  add_progress(view);
  const auto shown = [&](size_t number) {
    const TrialView& trial = view.trials[number];
    return cat(trial.steps, " of ", trial.total_steps, ": ", *trial.value);
  };
  EXPECT_EQ(shown(0), cat("50 of ", fixtures::sample_sweep(4).trials[0].total_steps, ": ", 0.9));
  EXPECT_EQ(shown(1), cat("120 of 450: ", 0.25));
  EXPECT_EQ(shown(2), shown(1));
  EXPECT_EQ(view.trials[3].steps, 50);
}

}  // namespace
}  // namespace broadsheet
