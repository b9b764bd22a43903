#include <gtest/gtest.h>

#include <cmath>

#include "core/text.h"
#include "experiments/sweep/sweep_charts.h"
#include "experiments/sweep/sweep_view.h"
#include "tests/experiments/html_fixture.h"
#include "tests/experiments/sweep_fixture.h"

namespace broadsheet {
namespace {

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++found;
  return found;
}

std::string section(const std::string& html, const std::string& title) {
  const size_t begin = html.find("<h2>" + title + "</h2>");
  return begin == std::string::npos ? "" : html.substr(begin, html.find("</section>", begin) - begin);
}

void expect_sound(const std::string& html) {
  EXPECT_EQ(fixtures::html_fault(html), "");
  for (const char* outside : {"http:", "https:", "src=", "@import", "url(", "<link"}) {
    EXPECT_EQ(html.find(outside), std::string::npos) << outside;
  }
  for (const char* number : {"nan", "inf,", "\"inf"}) {
    for (const char* attribute : {"points=\"", "cx=\"", "cy=\"", " d=\""}) {
      for (size_t at = html.find(attribute); at != std::string::npos; at = html.find(attribute, at + 1)) {
        const size_t begin = at + std::string(attribute).size();
        ASSERT_EQ(html.substr(begin, html.find('"', begin) - begin).find(number), std::string::npos);
      }
    }
  }
}

TEST(SweepReport, ThePageIsWellFormedAndFetchesNothing) {
  const std::string html = sweep_report_html(fixtures::sample_sweep(40));
  expect_sound(html);
  EXPECT_EQ(html.rfind("<!DOCTYPE html>", 0), 0u);
}

TEST(SweepReport, HasASectionForEachQuestion) {
  const std::string html = sweep_report_html(fixtures::sample_sweep(40));
  EXPECT_EQ(count(section(html, "Progress"), "<svg"), 2u);
  EXPECT_EQ(count(section(html, "Parameters together"), "<polyline"), 37u);  // 3 of 40 have failed
  EXPECT_NE(section(html, "Parameters together").find("not used"), std::string::npos);
  EXPECT_EQ(count(section(html, "Importance of the parameters"), "class=\"bar\""), 6u);
  EXPECT_NE(section(html, "Importance of the parameters").find("PED-ANOVA"), std::string::npos);
  EXPECT_EQ(count(section(html, "Each parameter against macro_f1"), "<svg"), 6u);
  EXPECT_EQ(count(section(html, "Validation curves"), "<polyline"), 37u);
  EXPECT_NE(section(html, "Early termination").find("37 reported, 34 went on (91 %)"), std::string::npos);
  EXPECT_EQ(count(section(html, "Cost"), "<path"), 40u);
  EXPECT_EQ(count(section(html, "All trials"), "<tr data-t"), 39u);
  EXPECT_EQ(count(section(html, "All trials"), "<tr class=\"chosen\""), 1u);
}

TEST(SweepReport, NamesTheBestTrialAndLeadsToItsOwnPage) {
  const std::string best = section(sweep_report_html(fixtures::sample_sweep(40)), "Best trial");
  EXPECT_NE(best.find("<a href=\"trials/0030/report.html\">0030</a>"), std::string::npos);
  EXPECT_NE(best.find("0.7811"), std::string::npos);
  EXPECT_NE(best.find("<tr><td>adapter.kind</td><td>lora</td></tr>"), std::string::npos);
}

TEST(SweepReport, FailuresThatDifferInNumbersOnlyAreOneCause) {
  const std::string failures = section(sweep_report_html(fixtures::sample_sweep(40)), "Failures");
  EXPECT_EQ(count(failures, "<tr>"), 2u);  // the head and one cause
  EXPECT_NE(failures.find("<td class=\"count\">3</td>"), std::string::npos);
  EXPECT_NE(failures.find("the loss is not finite at step #</td>"), std::string::npos);
  EXPECT_NE(failures.find("the loss is not finite at step 32"), std::string::npos);
}

TEST(SweepReport, RepeatsAreRankedByMeanWithTheirSpread) {
  SweepView view = fixtures::sample_sweep(6);
  view.repeat = 3;
  const double values[] = {0.5, 0.9, 0.1, 0.6, 0.7, 0.8};
  for (size_t i = 0; i < 6; ++i) {
    view.trials[i].configuration = static_cast<int64_t>(i / 3);
    view.trials[i].value = values[i];
  }
  view.best = 5;
  const std::string html = sweep_report_html(view);
  expect_sound(html);
  EXPECT_NE(section(html, "Best trial").find("0.7 +- 0.1 (mean of 3)"), std::string::npos);
  const std::string table = section(html, "Configurations");
  const size_t first = table.find("<tr class=\"chosen\"><td data-v=\"1\">1</td>");
  ASSERT_NE(first, std::string::npos) << table;
  EXPECT_NE(table.find(">0.7</td>", first), std::string::npos);
  EXPECT_NE(table.find("\xC2\xB1 0.1</td><td data-v=\"3\">3 of 3"), std::string::npos);
  EXPECT_LT(first, table.find("<td data-v=\"2\">2</td><td data-v=\"0.5"));
}

TEST(SweepReport, NoTextOfAFileBecomesMarkup) {
  SweepView view = fixtures::sample_sweep(14);
  const std::string evil = "</title></script><script>alert(1)</script><b a='\"";
  view.name = view.metric = view.method = evil;
  view.early_terminate.type = view.early_terminate.resource = evil;
  view.parameters[4].name = evil;
  view.parameters[4].distribution.values = {evil, "lora"};
  for (TrialView& trial : view.trials) {
    trial.parameters[evil] = evil;
    trial.why = evil;
  }
  view.trials[2].state = evil;
  view.trials[4].why += "\xff\x01";
  const std::string html = sweep_report_html(view);
  expect_sound(html);
  EXPECT_EQ(count(html, "<script>"), 1u);
  EXPECT_EQ(count(html, "alert(1)</script>"), 0u);
  EXPECT_GT(count(html, "&lt;script&gt;alert(1)"), 5u);
}

TEST(SweepReport, EmptyAndOddSweepsHaveASensiblePage) {
  const std::string none = sweep_report_html(fixtures::sample_sweep(0));
  expect_sound(none);
  EXPECT_NE(none.find("No trial has begun yet."), std::string::npos);
  EXPECT_EQ(none.find("<svg"), std::string::npos);

  SweepView one = fixtures::sample_sweep(1);
  one.trials[0].state = "done";
  one.best = 0;
  expect_sound(sweep_report_html(one));
  EXPECT_EQ(count(section(sweep_report_html(one), "Parameters together"), "<polyline"), 1u);

  SweepView failed = fixtures::sample_sweep(20);
  failed.best.reset();
  for (TrialView& trial : failed.trials) {
    trial.state = "failed";
    trial.value = std::nan("");
    trial.why.clear();
  }
  const std::string page = sweep_report_html(failed);
  expect_sound(page);
  EXPECT_NE(page.find("No trial has measured a value yet."), std::string::npos);
  EXPECT_NE(section(page, "Failures").find("<td class=\"count\">20</td>"), std::string::npos);
  EXPECT_EQ(count(section(page, "All trials"), "<tr data-t"), 20u);

  SweepView single = fixtures::sample_sweep(15);
  single.parameters.resize(1);
  for (TrialView& trial : single.trials) trial.parameters = {{"train.learning_rate", 1e-3}};
  single.parameters[0].distribution.min = single.parameters[0].distribution.max = 1e-3;
  expect_sound(sweep_report_html(single));
}

TEST(SweepReport, ValuesThatAreNoNumbersAreLeftOut) {
  SweepView view = fixtures::sample_sweep(20);
  view.trials[0].value = std::nan("");
  view.trials[1].value = -INFINITY;
  view.trials[2].curve[0].second = std::nan("");
  view.trials[3].seconds = std::nan("");
  view.trials[4].parameters["train.learning_rate"] = "auto";
  view.trials[5].parameters["train.learning_rate"] = -1;
  view.best = 99;  // no such trial
  const std::string html = sweep_report_html(view);
  expect_sound(html);
  EXPECT_EQ(count(section(html, "Parameters together"), "<polyline"), 17u);
}

TEST(SweepReport, OneDivergedTrialDoesNotPressTheOthersIntoALine) {
  SweepView view = fixtures::sample_sweep(30);
  view.maximize = false;
  std::vector<double> values;
  for (TrialView& trial : view.trials) {
    if (trial.value) trial.value = 2 - *trial.value;
  }
  view.trials[3].value = 1e9;
  for (const TrialView& trial : view.trials) values.push_back(trial.value.value_or(1));
  const ValueAxis axis = value_axis(view, values);
  EXPECT_EQ(axis.outside, 1u);
  EXPECT_LT(axis.axis.high, 10);
  EXPECT_EQ(axis.axis.place(1e9), 1.0);
  EXPECT_NE(sweep_report_html(view).find("being far worse: 1."), std::string::npos);
}

TEST(SweepReport, TenThousandTrialsAreThinnedToWhatAPageCanShow) {
  const std::string html = sweep_report_html(fixtures::sample_sweep(10'000));
  EXPECT_EQ(fixtures::html_fault(html), "");
  EXPECT_LT(html.size(), 3'000'000u);
  EXPECT_EQ(count(section(html, "Parameters together"), "<polyline"), kMostLines);
  EXPECT_EQ(count(section(html, "All trials"), "data-t=\""), 500u);
  EXPECT_NE(html.find("The best 500 of 10,000 trials"), std::string::npos);
}

TEST(SweepReport, LogParametersHaveALogAxisAndTextsASlotEach) {
  const SweepView view = fixtures::sample_sweep(20);
  const std::optional<Axis> rate = parameter_axis(view, view.parameters[0]);
  ASSERT_TRUE(rate.has_value());
  EXPECT_NEAR(*rate->place(1e-4), 1.0 / 3, 1e-12);
  std::vector<std::string> labels;
  for (const Tick& tick : rate->ticks(5)) labels.push_back(tick.label);
  EXPECT_EQ(labels, (std::vector<std::string>{"1e-5", "0.0001", "0.001", "0.01"}));
  const std::optional<Axis> kind = parameter_axis(view, view.parameters[4]);
  ASSERT_TRUE(kind.has_value());
  EXPECT_EQ(kind->place("lora"), 0.75);
  EXPECT_EQ(kind->place("none"), 0.25);
  EXPECT_FALSE(kind->place("full").has_value());
}

}  // namespace
}  // namespace broadsheet
