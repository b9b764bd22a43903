#include "experiments/report.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "core/errors.h"
#include "core/text.h"
#include "experiments/report_chart.h"
#include "tests/experiments/html_fixture.h"

namespace broadsheet {
namespace {

namespace fs = std::filesystem;

class RunFolder {
 public:
  RunFolder() {
    std::string name = (fs::temp_directory_path() / "broadsheet-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = name;
  }
  ~RunFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;
  const std::string& path() const { return path_; }
  void put(const std::string& file, const std::string& text) const { std::ofstream(path_ + "/" + file) << text; }

  void put_run(int steps) const {
    std::string metrics, timings;
    for (int step = 1; step <= steps; ++step) {
      metrics += cat("{\"step\": ", step, ", \"epoch\": ", step / 10.0, ", \"kind\": \"train\", \"loss\": ", 1.0 / step,
                     ", \"learning_rate\": 1e-05, \"grad_norm\": 0.5, \"tokens\": 100, \"examples\": 8}\n");
      timings += cat("{\"step\": ", step, ", \"kind\": \"train\", \"seconds\": 0.5, \"tokens\": 100, ",
                     "\"tokens_per_second\": 200}\n");
      if (step % 10 == 0) {
        metrics += cat("{\"step\": ", step, ", \"epoch\": 1, \"kind\": \"validation\", \"loss\": 0.5, \"tokens\": 10, ",
                       "\"examples\": 4, \"macro_f1\": ", step / 100.0, "}\n");
      }
    }
    put("metrics.jsonl", metrics);
    put("timings.jsonl", timings);
    put("run.yaml", "schema: 1\nname: moods\n");
    put("environment.json", R"({"broadsheet": "0.1.0", "attempts": [{"hosts": ["n1", "n2"], "ranks": 2}]})");
    put("results.json", R"({"schema": 1, "name": "moods", "task": "classification", "metric": "macro_f1",
        "steps": 30, "best_step": 20,
        "validation": {"before": {"loss": 1.1, "macro_f1": 0.1667, "examples": 40},
                       "after": {"loss": 0.6, "macro_f1": 0.7123, "examples": 40}},
        "test": {"before": {"loss": 1.2, "macro_f1": 0.1789}, "after": {"loss": 0.7, "macro_f1": 0.6891,
          "per_class": {"good": {"f1": 0.8125, "support": 31}},
          "confusion": {"labels": ["bad", "good"], "matrix": [[17, 3], [5, 23]]}}}})");
  }

 private:
  std::string path_;
};

std::vector<int> points_of(const std::string& html, const std::string& title) {
  const size_t figure = html.find("<figcaption>" + title);
  if (figure == std::string::npos) return {-1};
  const std::string text = html.substr(figure, html.find("</figure>", figure) - figure);
  std::vector<int> counts;
  // By hand: std::regex takes a frame of the stack for every character of a long match.
  const std::string line = "<polyline class=\"", told = "\" data-points=\"", list = "\" points=\"";
  for (size_t at = text.find(line); at != std::string::npos; at = text.find(line, at + 1)) {
    const size_t number = text.find(told, at) + told.size();
    const size_t begin = text.find(list, number) + list.size(), end = text.find('"', begin);
    if (end == std::string::npos) return {-1};
    counts.push_back(static_cast<int>(std::count(&text[begin], &text[end], ',')));
    EXPECT_EQ(std::to_string(counts.back()), text.substr(number, begin - list.size() - number));
  }
  return counts;
}

TEST(Report, ThePageIsWellFormedAndFetchesNothing) {
  RunFolder folder;
  folder.put_run(30);
  const std::string html = run_report_html(folder.path());
  EXPECT_EQ(fixtures::html_fault(html), "");
  EXPECT_EQ(html.rfind("<!DOCTYPE html>", 0), 0u);
  for (const char* outside : {"http:", "https:", "src=", "href=", "@import", "url(", "<script", "<link"}) {
    EXPECT_EQ(html.find(outside), std::string::npos) << outside;
  }
}

TEST(Report, EveryCurveHasAPointPerRecord) {
  RunFolder folder;
  folder.put_run(30);
  const std::string html = run_report_html(folder.path());
  EXPECT_EQ(points_of(html, "Training loss"), std::vector<int>{30});
  EXPECT_EQ(points_of(html, "Validation macro_f1"), std::vector<int>{3});
  EXPECT_EQ(points_of(html, "Validation loss"), std::vector<int>{3});
  EXPECT_EQ(points_of(html, "Learning rate"), std::vector<int>{30});
  EXPECT_EQ(points_of(html, "Tokens per second"), std::vector<int>{30});
  folder.put_run(80);
  EXPECT_EQ(points_of(run_report_html(folder.path()), "Training loss"), (std::vector<int>{80, 80}));  // and smoothed
}

TEST(Report, LongRunsAreThinnedToWhatAPageCanShow) {
  RunFolder folder;
  folder.put_run(5000);
  const std::string html = run_report_html(folder.path());
  EXPECT_EQ(points_of(html, "Learning rate"), std::vector<int>{1000});
  EXPECT_LT(html.size(), 400'000u);
}

TEST(Report, TheNumbersOfTheResultsAreInIt) {
  RunFolder folder;
  folder.put_run(30);
  const std::string html = run_report_html(folder.path());
  for (const char* text : {"0.1667", "0.7123", "0.1789", "0.6891", "+0.5102", "0.8125", ">17<", ">23<", "best step",
                           "n2", "attempts.0.ranks", "name: moods", "classification, finished"}) {
    EXPECT_NE(html.find(text), std::string::npos) << text;
  }
  // The chosen metric comes first.
  EXPECT_NE(html.find("<tr class=\"chosen\"><td>macro_f1</td>"), std::string::npos);
  // Loss fell: that is good, although the change is negative.
  EXPECT_NE(html.find("<td class=\"good\">-0.5000</td>"), std::string::npos);
}

TEST(Report, WhatComesFromFilesIsEscapedEverywhere) {
  RunFolder folder;
  const std::string evil = R"(<script>alert('x')</script>\"&)";
  folder.put("run.yaml", "name: </pre><script>alert(1)</script>\xff\x1b[2J");
  folder.put("command.txt", "broadsheet train '<img src=x>'");
  folder.put("environment.json", R"({"<b>host</b>": "<script>", "list": ["<i>", {"a&b": "'"}]})");
  folder.put("metrics.jsonl", R"({"step": 1, "kind": "validation", "loss": 1, "<u>evil</u>": 0.5})"
                              "\n");
  folder.put("results.json", R"({"name": ")" + evil + R"(", "task": "<task>", "metric": "<u>evil</u>", "best_step": 1,
    "test": {"before": {"<u>evil</u>": 0.25}, "after": {"<u>evil</u>": 0.5,
      "per_class": {"<class>": {"<f1>": 1}}, "confusion": {"labels": ["<l>"], "matrix": [[1]]}}}})");
  const std::string html = run_report_html(folder.path());
  EXPECT_EQ(fixtures::html_fault(html), "");
  for (const char* raw : {"<script", "<img", "<b>host", "<u>", "<task>", "<class>", "<f1>", "<l>", "\x1b", "\xff"}) {
    EXPECT_EQ(html.find(raw), std::string::npos) << raw;
  }
  EXPECT_NE(html.find("&lt;script&gt;"), std::string::npos);
}

TEST(Report, ARunThatStillTrainsHasOneToo) {
  RunFolder folder;
  folder.put_run(12);
  fs::remove(folder.path() + "/results.json");
  std::ofstream(folder.path() + "/metrics.jsonl", std::ios::app) << "{\"step\": 13, \"ki";
  const std::string html = run_report_html(folder.path());
  EXPECT_EQ(fixtures::html_fault(html), "");
  EXPECT_NE(html.find("not finished yet"), std::string::npos);
  EXPECT_EQ(points_of(html, "Training loss"), std::vector<int>{12});
}

TEST(Report, FilesThatMakeNoSenseAreLeftOut) {
  RunFolder folder;
  folder.put("run.yaml", "name: x\n");
  for (const char* text : {"[]", "7", "{", "{\"test\": 7, \"validation\": [], \"metric\": 3, \"best_step\": \"x\"}",
                           "{\"test\": {\"after\": {\"confusion\": {\"labels\": [1], \"matrix\": [7]}}}}",
                           "{\"test\": {\"after\": {\"per_class\": {\"a\": 1}, \"loss\": null}}}"}) {
    folder.put("results.json", text);
    folder.put("environment.json", text);
    folder.put("metrics.jsonl", cat(text, "\n{\"step\": \"x\"}\n{\"step\": 1, \"kind\": \"train\", \"loss\": null}\n"));
    EXPECT_EQ(fixtures::html_fault(run_report_html(folder.path())), "") << text;
  }
}

TEST(Report, AFolderThatIsNoRunIsRefused) {
  RunFolder folder;
  EXPECT_THROW(run_report_html(folder.path()), UserError);
  EXPECT_THROW(write_run_report(folder.path() + "/absent"), UserError);
}

TEST(Report, ItIsWrittenBesideTheFilesItIsMadeFrom) {
  RunFolder folder;
  folder.put_run(30);
  EXPECT_EQ(write_run_report(folder.path()), folder.path() + "/report.html");
  std::ifstream file(folder.path() + "/report.html");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), run_report_html(folder.path()));
}

TEST(Chart, TicksAreRoundAndInsideTheRange) {
  EXPECT_EQ(axis_ticks(0, 100, 5), (std::vector<double>{0, 20, 40, 60, 80, 100}));
  EXPECT_EQ(axis_ticks(0.3, 0.9, 3).size(), 4u - 1u);
  for (const double low : {-3.0, 0.0, 1e-9, 12345.0}) {
    for (const double width : {1e-12, 0.1, 7.0, 1e9}) {
      const std::vector<double> ticks = axis_ticks(low, low + width, 5);
      EXPECT_LE(ticks.size(), 8u);
      for (const double tick : ticks) {
        EXPECT_GE(tick, low - width * 1e-3);
        EXPECT_LE(tick, low + width * 1.001);
      }
    }
  }
  EXPECT_EQ(axis_ticks(2, 2, 5), std::vector<double>{2});
}

TEST(Chart, GapsBreakTheLineAndConstantsAreDrawn) {
  Chart chart{"t", "step", {{"s", "line-a", {1, 2, 3, 4}, {1, std::nan(""), 2, 3}, false}}, -1, "", false};
  EXPECT_EQ(points_of(chart_html(chart), "t"), (std::vector<int>{1, 2}));
  chart.series[0].y = {5, 5, 5, 5};
  EXPECT_EQ(points_of(chart_html(chart), "t"), std::vector<int>{4});
  chart.series[0].y = {0, 0, 0, 0};
  EXPECT_EQ(chart_html(chart).find("nan"), std::string::npos);
  chart.series[0] = {"s", "line-a", {7}, {0.5}, false};
  EXPECT_NE(chart_html(chart).find("<circle"), std::string::npos);
  chart.series[0] = {"s", "line-a", {}, {}, false};
  EXPECT_NE(chart_html(chart).find("nothing recorded yet"), std::string::npos);
}

TEST(Chart, SmoothingKeepsTheMeanOfAConstantAndSkipsGaps) {
  Series series{"s", "line-a", {}, {}, false};
  for (int i = 0; i < 200; ++i) {
    series.x.push_back(i);
    series.y.push_back(i % 50 == 7 ? std::nan("") : 3);
  }
  for (const double value : smoothed(series, "m", "line-b").y) EXPECT_DOUBLE_EQ(value, 3);
}

}  // namespace
}  // namespace broadsheet
