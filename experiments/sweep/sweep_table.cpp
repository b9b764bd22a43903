#include <algorithm>
#include <cmath>

#include "core/text.h"
#include "experiments/report_chart.h"
#include "experiments/sweep/sweep_summary.h"
#include "experiments/sweep/sweep_view.h"

namespace broadsheet {
namespace {

constexpr size_t kBest = 5;
constexpr const char* kBold = "\x1b[1m";
constexpr const char* kDim = "\x1b[2m";
constexpr const char* kReset = "\x1b[0m";

// Columns of a terminal, never too few: whatever lies beyond the scripts of Europe is counted as wide.
size_t columns_of(unsigned char lead) {
  return (lead & 0xC0) == 0x80 ? 0 : lead >= 0xE1 ? 2 : 1;
}

size_t columns(const std::string& text) {
  size_t sum = 0;
  for (const char c : text) sum += columns_of(static_cast<unsigned char>(c));
  return sum;
}

// At most `width` columns, with ".." where something was cut off.
std::string fitted(const std::string& text, size_t width) {
  if (columns(text) <= width) return text;
  const std::string end = width > 4 ? ".." : "";
  size_t used = end.size(), at = 0;
  while (at < text.size()) {
    const size_t next = columns_of(static_cast<unsigned char>(text[at]));
    if (used + next > width) break;
    used += next;
    ++at;
    while (at < text.size() && columns_of(static_cast<unsigned char>(text[at])) == 0) ++at;
  }
  return text.substr(0, at) + end;
}

std::string padded(const std::string& text, size_t width) {
  const size_t used = columns(text);
  return used < width ? text + std::string(width - used, ' ') : text;
}

class Lines {
 public:
  Lines(size_t width, bool colour) : width_(width), colour_(colour) {}
  void add(const std::string& text, const char* style = "") {
    std::string line = fitted(text, width_);
    while (!line.empty() && line.back() == ' ') line.pop_back();
    out_ += colour_ && *style != '\0' ? cat(style, line, kReset, "\n") : line + "\n";
  }
  const std::string& text() const { return out_; }

 private:
  size_t width_;
  bool colour_;
  std::string out_;
};

// Control characters of a name would move the cursor.
std::string clean(const std::string& text) {
  return printable(text, 500);
}

std::string value_text(const TrialView& trial) {
  return has_value(trial) ? for_people(*trial.value) : "-";
}

std::string steps_text(const TrialView& trial) {
  return trial.total_steps > 0 ? cat(trial.steps, "/", trial.total_steps) : std::to_string(trial.steps);
}

std::string counts(const SweepView& view) {
  const int64_t wanted = view.trials_wanted * std::max<int64_t>(view.repeat, 1);
  std::string out = cat(count_state(view, "done"), wanted > 0 ? cat(" of ", wanted) : "", " done");
  for (const char* state : {"running", "waiting", "paused", "pruned", "infeasible", "failed"})
    if (const int64_t count = count_state(view, state); count > 0) out += cat(", ", count, " ", state);
  return out;
}

std::string times(const SweepView& view) {
  std::vector<std::string> parts;
  if (view.elapsed_seconds) parts.push_back("elapsed " + human_duration(*view.elapsed_seconds));
  if (const std::string left = time_left(view); !left.empty()) parts.push_back(left);
  return join(parts, ", ");
}

void add_head(const SweepView& view, Lines& lines) {
  lines.add(cat(clean(view.name), ": ", clean(view.method), ", ", view.maximize ? "highest " : "lowest ",
                clean(view.metric), view.finished ? ", finished" : ""),
            kBold);
  lines.add(counts(view));
  if (const std::string time = times(view); !time.empty()) lines.add(time);
  if (const TrialView* best = trial_numbered(view, view.best); best != nullptr) {
    lines.add(cat("best so far ", clean(best_value(view, *best)), ": trial ", trial_name(*best), ", ",
                  clean(short_parameters(view, *best))));
  } else {
    lines.add("nothing measured yet", kDim);
  }
}

struct TableRow {
  std::string trial, steps, value, parameters;
};

// Columns as wide as what stands in them, so that a small sweep leaves more for its parameters.
void add_rows(const std::string& title, const std::string& metric, const std::vector<TableRow>& rows, Lines& lines) {
  TableRow head{title, "step", fitted(metric, 16), "parameters"};
  size_t trial = columns(head.trial), steps = columns(head.steps), value = columns(head.value);
  for (const TableRow& row : rows) {
    trial = std::max(trial, columns(row.trial));
    steps = std::max(steps, columns(row.steps));
    value = std::max(value, columns(row.value));
  }
  const auto line = [&](const TableRow& row) {
    return cat(padded(row.trial, trial), "  ", padded(row.steps, steps), "  ", padded(row.value, value), "  ",
               row.parameters);
  };
  lines.add("");
  lines.add(line(head), kDim);
  for (const TableRow& row : rows) lines.add(line(row));
}

void add_running_trials(const SweepView& view, Lines& lines) {
  std::vector<TableRow> rows;
  size_t running = 0;
  for (const TrialView& trial : view.trials) {
    if (trial.state != "running" || ++running > kRunningShown) continue;
    rows.push_back({trial_name(trial), steps_text(trial), value_text(trial), clean(short_parameters(view, trial))});
  }
  if (rows.empty()) return;
  add_rows("running", clean(view.metric), rows, lines);
  if (running > kRunningShown) lines.add(cat("and ", running - kRunningShown, " more"), kDim);
}

std::vector<TableRow> best_trials(const SweepView& view) {
  std::vector<TableRow> rows;
  for (const size_t index : ranking(view)) {
    const TrialView& trial = view.trials[index];
    rows.push_back(
        {trial_name(trial), std::to_string(trial.steps), value_text(trial), clean(short_parameters(view, trial))});
    if (rows.size() == kBest) break;
  }
  return rows;
}

std::vector<TableRow> best_configurations(const SweepView& view) {
  std::vector<TableRow> rows;
  for (const ConfigurationSummary& summary : configurations_of(view, /*ended_only=*/false)) {
    if (summary.values == 0 || rows.size() == kBest) break;
    const TrialView& first = view.trials[summary.trials.front()];
    int64_t steps = 0;
    for (const size_t index : summary.trials) steps = std::max(steps, view.trials[index].steps);
    std::string value = for_people(summary.mean);
    if (summary.values > 1) value += " +- " + for_people(summary.spread);
    rows.push_back({cat(trial_name(first), " x", summary.values), std::to_string(steps), value,
                    clean(short_parameters(view, first))});
  }
  return rows;
}

}  // namespace

std::string sweep_line(const SweepView& view) {
  const TrialView* best = trial_numbered(view, view.best);
  if (best == nullptr) return counts(view);
  return cat(counts(view), ", best ", clean(view.metric), " ", best_value(view, *best), ", trial ", trial_name(*best));
}

std::string time_left(const SweepView& view) {
  if (!view.seconds_left || view.finished) return "";
  constexpr double kMinute = 60, kHour = 3600;
  const double left = std::ceil(*view.seconds_left);
  if (left < kMinute) return cat("about ", static_cast<int64_t>(left), " s left");
  if (left < kHour) return cat("about ", static_cast<int64_t>(std::ceil(left / kMinute)), " min left");
  return cat("about ", human_duration(left), " left");
}

std::string sweep_table(const SweepView& view, size_t width, bool colour) {
  Lines lines(width, colour);
  add_head(view, lines);
  add_running_trials(view, lines);
  const std::vector<TableRow> best = view.repeat > 1 ? best_configurations(view) : best_trials(view);
  if (!best.empty()) add_rows("best", clean(view.metric), best, lines);
  return lines.text();
}

}  // namespace broadsheet
