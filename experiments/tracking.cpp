#include "experiments/tracking.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "core/durable.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/text.h"
#include "experiments/results.h"

namespace broadsheet {
namespace {

constexpr size_t kRateWindow = 20;  // steps over which tokens per second are averaged

std::string json_number(double value) {
  if (!std::isfinite(value)) return "null";
  // "-0" is an integer to JSON readers, and loses its sign.
  return value == 0 && std::signbit(value) ? "-0.0" : shortest(value);
}
std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// The fields that every record has; a task's metrics of the same name would stand twice in the line.
bool is_record_field(const std::string& name) {
  static const std::set<std::string> kFields = {"step",          "epoch",     "kind",   "loss",
                                                "learning_rate", "grad_norm", "tokens", "examples"};
  return kFields.count(name) != 0;
}

std::string fixed(double value, const char* format) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

}  // namespace

std::string metrics_line(const StepRecord& record) {
  std::string line = cat("{\"step\": ", record.step, ", \"epoch\": ", json_number(record.epoch),
                         ", \"kind\": ", quoted(record.kind), ", \"loss\": ", json_number(record.loss));
  if (record.kind == "train") {
    line += cat(", \"learning_rate\": ", json_number(record.learning_rate),
                ", \"grad_norm\": ", json_number(record.grad_norm));
  }
  line += cat(", \"tokens\": ", record.tokens, ", \"examples\": ", record.examples);
  for (const auto& [name, value] : record.metrics) {
    if (!is_record_field(name)) line += cat(", ", quoted(name), ": ", json_number(value));
  }
  return line + "}";
}

std::string timings_line(const StepRecord& record) {
  const double rate = record.seconds > 0 ? static_cast<double>(record.tokens) / record.seconds : 0;
  std::string line = cat("{\"step\": ", record.step, ", \"kind\": ", quoted(record.kind),
                         ", \"seconds\": ", json_number(record.seconds), ", \"tokens\": ", record.tokens,
                         ", \"tokens_per_second\": ", json_number(rate));
  for (const auto& [name, value] : record.phases) line += cat(", ", quoted(name), ": ", json_number(value));
  if (!record.ranks.empty()) line += cat(", \"ranks\": ", nlohmann::json(record.ranks).dump());
  return line + "}";
}

std::string progress_line(const StepRecord& record, int64_t total_steps, double tokens_per_second,
                          double seconds_left) {
  std::string line = cat("step ", record.step, "/", total_steps, ", epoch ", fixed(record.epoch, "%.2f"), ", loss ",
                         fixed(record.loss, "%.4f"), ", lr ", fixed(record.learning_rate, "%.3g"));
  if (tokens_per_second >= 0) line += cat(", ", with_thousands(std::llround(tokens_per_second)), " tokens/s");
  if (seconds_left >= 0) line += cat(", ", human_duration(seconds_left), " left");
  return line;
}

RunTracker::RunTracker(TrackingOptions options) : options_(std::move(options)) {}

RunTracker::~RunTracker() {
  finish();
}

void RunTracker::keep(const std::string& line) {
  const auto record = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  const int64_t step = record.value("step", int64_t{-1});
  const auto kind = record.find("kind");
  if (kind != record.end() && *kind == "train") known_train_step_ = std::max(known_train_step_, step);
  if (kind != record.end() && *kind == "validation") {
    known_validations_.insert(step);
    const auto value = record.find(options_.metric);
    if (value == record.end() || !value->is_number()) return;
    const auto metric = value->get<double>();
    if (!has_best_ || (options_.higher_is_better ? metric > best_ : metric < best_)) best_ = metric;
    has_best_ = true;
  }
}

bool RunTracker::is_known(const StepRecord& record) const {
  if (record.kind == "train") return record.step <= known_train_step_;
  return known_validations_.count(record.step) != 0;
}

void RunTracker::on_start(int64_t start_step, int64_t total_steps, int64_t /*steps_per_epoch*/) {
  start_step_ = start_step;
  total_steps_ = total_steps;
  const std::string metrics = options_.run_folder + "/metrics.jsonl", timings = options_.run_folder + "/timings.jsonl";
  // From nothing, everything goes, also what the evaluation before training wrote: it is done again.
  const int64_t last = start_step > 0 ? start_step : -1;
  cut_back_lines(metrics, last, options_.fence, [&](const std::string& line) { keep(line); });
  cut_back_lines(timings, last, options_.fence, [](const std::string&) {});
  metrics_ = AppendFile(metrics, options_.fence);
  timings_ = AppendFile(timings, options_.fence);
  if (options_.tensorboard) {
    events_ = std::make_unique<EventWriter>(options_.run_folder + "/tensorboard", start_step, options_.fence);
  }
  progress_ = std::make_unique<Progress>("training", "steps", total_steps);
  start_time_ = std::chrono::steady_clock::now();
  started_ = true;
  for (const StepRecord& record : std::exchange(early_, {})) on_record(record);
}

void RunTracker::on_record(const StepRecord& record) {
  if (!started_) {
    early_.push_back(record);
    return;
  }
  if (!is_known(record)) {
    metrics_.append(metrics_line(record) + "\n");
    timings_.append(timings_line(record) + "\n");
    write_events(record);
  }
  if (record.kind == "train") {
    show_training(record);
  } else {
    show_validation(record);
  }
}

void RunTracker::on_checkpoint(int64_t step, const std::string& folder, double seconds) {
  log_info(cat("checkpoint of step ", step, " saved in ", human_duration(seconds), ": ", folder));
}

void RunTracker::finish() {
  metrics_.sync();
  timings_.sync();
  progress_.reset();
}

void RunTracker::show_training(const StepRecord& record) {
  recent_.emplace_back(record.tokens, record.seconds);
  if (recent_.size() > kRateWindow) recent_.pop_front();
  double tokens = 0, seconds = 0;
  for (const auto& [count, time] : recent_) {
    tokens += static_cast<double>(count);
    seconds += time;
  }
  // Wall time per step since the start: it holds validation and checkpoints too, which the steps' own seconds do not.
  const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_time_).count();
  const auto done = static_cast<double>(record.step - start_step_);
  const double left = done > 0 ? elapsed / done * static_cast<double>(total_steps_ - record.step) : -1;
  const bool last = record.step == total_steps_;
  progress_->show(progress_line(record, total_steps_, seconds > 0 ? tokens / seconds : -1, left), last);
}

void RunTracker::show_validation(const StepRecord& record) {
  std::string line = cat("validation at step ", record.step, ": loss ", fixed(record.loss, "%.4f"));
  for (const auto& [name, value] : record.metrics) {
    if (!is_record_field(name)) line += cat(", ", name, " ", fixed(value, is_count(name) ? "%.0f" : "%.4f"));
  }
  const auto chosen = record.metrics.find(options_.metric);
  const bool known = chosen != record.metrics.end() || options_.metric == "loss";
  const double value = chosen != record.metrics.end() ? chosen->second : record.loss;
  if (known && std::isfinite(value) && (!has_best_ || (options_.higher_is_better ? value > best_ : value < best_))) {
    // Before training there is nothing to be better than.
    if (has_best_) line += cat("  (best ", options_.metric, " so far)");
    best_ = value;
    has_best_ = true;
  }
  log_info(line);
}

void RunTracker::write_events(const StepRecord& record) {
  if (!events_) return;
  std::vector<std::pair<std::string, double>> values = {{record.kind + "/loss", record.loss}};
  if (record.kind == "train") {
    values.emplace_back("train/learning_rate", record.learning_rate);
    values.emplace_back("train/grad_norm", record.grad_norm);
    values.emplace_back("train/epoch", record.epoch);
    if (record.seconds > 0) {
      values.emplace_back("timings/tokens_per_second", static_cast<double>(record.tokens) / record.seconds);
    }
  }
  for (const auto& [name, value] : record.metrics) {
    if (!is_record_field(name)) values.emplace_back(cat(record.kind, "/", name), value);
  }
  events_->scalars(record.step, values);
}

}  // namespace broadsheet
