#include "experiments/report.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/durable.h"
#include "core/errors.h"
#include "core/path.h"
#include "core/text.h"
#include "experiments/report_chart.h"
#include "experiments/report_page.h"

namespace broadsheet {
namespace {

using nlohmann::json;

constexpr uint64_t kMaxLines = uint64_t{2} << 30;
constexpr uint64_t kMaxFile = uint64_t{16} << 20;

struct RunFiles {
  std::vector<json> metrics, timings;
  json results, environment;
  std::string config, command;
};

// A run that still trains may have a torn last line; a report leaves out what it cannot read.
std::vector<json> read_lines(const std::string& path) {
  std::vector<json> records;
  if (!exists(path)) return records;
  for (const std::string& line : split(read_file(path, kMaxLines), '\n')) {
    json record = json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (record.is_object() && record.contains("step") && record["step"].is_number())
      records.push_back(std::move(record));
  }
  return records;
}

json read_object(const std::string& path) {
  if (!exists(path)) return json::object();
  json value = json::parse(read_file(path, kMaxFile), nullptr, /*allow_exceptions=*/false);
  return value.is_object() ? value : json::object();
}

RunFiles read_run(const std::string& folder) {
  RunFiles files;
  files.metrics = read_lines(folder + "/metrics.jsonl");
  files.timings = read_lines(folder + "/timings.jsonl");
  files.results = read_object(folder + "/results.json");
  files.environment = read_object(folder + "/environment.json");
  if (exists(folder + "/run.yaml")) files.config = read_file(folder + "/run.yaml", kMaxFile);
  if (exists(folder + "/command.txt")) files.command = read_file(folder + "/command.txt", kMaxFile);
  return files;
}

double number_of(const json& record, const std::string& key) {
  const auto found = record.find(key);
  return found != record.end() && found->is_number() ? found->get<double>() : std::nan("");
}

std::string text_of(const json& value, const char* key) {
  const auto found = value.find(key);
  return found != value.end() && found->is_string() ? found->get<std::string>() : "";
}

bool is_kind(const json& record, const char* kind) {
  return text_of(record, "kind") == kind;
}

Series series_of(const std::vector<json>& records, const char* kind, const std::string& key, std::string name,
                 std::string style, bool dots) {
  Series series{std::move(name), std::move(style), {}, {}, dots};
  for (const json& record : records) {
    if (!is_kind(record, kind) || !record.contains(key)) continue;
    series.x.push_back(number_of(record, "step"));
    series.y.push_back(number_of(record, key));
  }
  return series;
}

// The metric that chose the weights, or, while there are no results, the first that validation reports.
std::string chosen_metric(const RunFiles& files) {
  if (const std::string metric = text_of(files.results, "metric"); !metric.empty()) return metric;
  for (const json& record : files.metrics) {
    if (!is_kind(record, "validation")) continue;
    for (const char* name : {"macro_f1", "accuracy", "pearson", "mse", "perplexity"}) {
      if (record.contains(name)) return name;
    }
  }
  return "loss";
}

std::string charts(const RunFiles& files, const std::string& metric) {
  constexpr size_t kSmoothFrom = 40;  // fewer points are seen better as they are
  const Series loss = series_of(files.metrics, "train", "loss", "each step", "line-a", false);
  const double best = files.results.contains("best_step") ? number_of(files.results, "best_step") : -1;
  Chart training{"Training loss", "step", {}, -1, "", false};
  if (loss.x.size() >= kSmoothFrom) {
    Series faint = loss;
    faint.style = "line-faint";
    training.series = {faint, smoothed(loss, "smoothed", "line-a")};
  } else {
    training.series = {loss};
  }
  const auto validation = [&](const std::string& key) {
    return Chart{"Validation " + key,
                 "step",
                 {series_of(files.metrics, "validation", key, key, "line-b", true)},
                 best,
                 "best",
                 false};
  };
  std::string out = "<div class=\"charts\">" + chart_html(training) + chart_html(validation(metric));
  if (metric != "loss") out += chart_html(validation("loss"));
  out += chart_html({"Learning rate",
                     "step",
                     {series_of(files.metrics, "train", "learning_rate", "learning rate", "line-a", false)},
                     -1,
                     "",
                     true});
  out += chart_html({"Gradient norm before clipping",
                     "step",
                     {series_of(files.metrics, "train", "grad_norm", "gradient norm", "line-a", false)},
                     -1,
                     "",
                     true});
  out += chart_html({"Tokens per second",
                     "step",
                     {series_of(files.timings, "train", "tokens_per_second", "tokens per second", "line-a", false)},
                     -1,
                     "",
                     true});
  return out + "</div>";
}

constexpr const char* kTrainedOnAll =
    "; trained on train and validation together: nothing was held out to validate on, and the model is the last step's";

std::string run_facts(const RunFiles& files, const std::string& metric) {
  std::string out = "<div class=\"facts\">";
  const json pointer = files.results;
  const auto test = [&](const char* when) {
    const json* value = &pointer;
    for (const char* key : {"test", when}) {
      if (!value->is_object() || !value->contains(key)) return std::nan("");
      value = &value->at(key);
    }
    return value->is_object() ? number_of(*value, metric) : std::nan("");
  };
  if (std::isfinite(test("after"))) {
    out += fact_html(cat(for_people(test("before")), " \xE2\x86\x92 ", for_people(test("after"))),
                     metric + " on the test set");
  }
  const double left_out = pointer.is_object() ? number_of(pointer, "tokens_left_out") : std::nan("");
  if (left_out > 0) out += fact_html(for_people(100 * left_out) + " %", "of the training texts cut by max_length");
  double tokens = 0, seconds = 0, last_step = 0, last_epoch = 0;
  for (const json& record : files.metrics) {
    if (!is_kind(record, "train")) continue;
    last_step = number_of(record, "step");
    last_epoch = number_of(record, "epoch");
  }
  for (const json& record : files.timings) {
    const double time = number_of(record, "seconds"), count = number_of(record, "tokens");
    if (std::isfinite(time)) seconds += time;
    if (is_kind(record, "train") && std::isfinite(count)) tokens += count;
  }
  out += fact_html(for_people(last_step), "steps");
  if (std::isfinite(last_epoch)) out += fact_html(for_people(last_epoch), "epochs");
  if (files.results.contains("best_step"))
    out += fact_html(for_people(number_of(files.results, "best_step")), "best step");
  if (tokens > 0) out += fact_html(for_people(tokens), "tokens trained on");
  if (seconds > 0) out += fact_html(human_duration(seconds), "in steps and validation");
  return out + "</div>";
}

}  // namespace

std::string run_report_html(const std::string& run_folder) {
  const RunFiles files = read_run(run_folder);
  if (files.config.empty() && files.metrics.empty() && files.results.empty()) {
    throw UserError(Fault{"report.not_a_run",
                          {run_folder},
                          "",
                          "has neither run.yaml nor metrics.jsonl nor results.json",
                          "give the directory of a run"});
  }
  std::string name = text_of(files.results, "name");
  if (name.empty()) name = file_name(absolute_path(run_folder));
  const std::string task = text_of(files.results, "task"), metric = chosen_metric(files);
  const bool finished = !files.results.empty();
  std::string body = cat("<h1>", html_escape(name), "</h1><p class=\"lead\">",
                         task.empty() ? "" : html_escape(task) + ", ", finished ? "finished" : "not finished yet",
                         files.results.contains("trained_on") ? kTrainedOnAll : "", "</p>", run_facts(files, metric));
  const auto section = [&](const char* title, const std::string& content) {
    if (!content.empty()) body += cat("\n<section><h2>", title, "</h2>", content, "</section>");
  };
  section("Before and after", before_after_html(files.results));
  section("Curves", charts(files, metric));
  section("Classes, test set after training", per_class_html(files.results));
  section("Confusion, test set after training", confusion_html(files.results));
  std::string setup;
  if (!files.config.empty()) {
    setup += details_html("run.yaml, with every default", cat("<pre>", html_escape(files.config), "</pre>"), true);
  }
  if (!files.command.empty())
    setup += details_html("Command", cat("<pre>", html_escape(files.command), "</pre>"), true);
  if (!files.environment.empty()) setup += details_html("Environment", flat_table_html(files.environment), false);
  section("Configuration and environment", setup);
  body += "\n<footer>Made by Broadsheet from the files of the run's directory.</footer>";
  return html_page(name, body);
}

std::string write_run_report(const std::string& run_folder) {
  const std::string path = run_folder + "/report.html";
  write_file_durably(path, run_report_html(run_folder));
  return path;
}

void publish_run_report(const std::string& run_folder, const Fence& fence) {
  fence.publish_text(run_folder + "/report.html", run_report_html(run_folder));
}

}  // namespace broadsheet
