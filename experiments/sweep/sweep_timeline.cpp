// What the trials did over time: their validation curves and what they have cost.
#include <algorithm>
#include <array>
#include <cmath>

#include "core/text.h"
#include "experiments/report_chart.h"
#include "experiments/sweep/sweep_charts.h"

namespace broadsheet {
namespace {

constexpr size_t kMostCurves = 150;
constexpr size_t kMostCurvePoints = 100;
constexpr size_t kMostBars = 150;

struct Unit {
  double per_hour;
  const char* word;
};

Unit unit_for(double hours) {
  if (hours >= 0.5) return {1, "core-hours"};
  if (hours >= 0.5 / 60) return {60, "core-minutes"};
  return {3600, "core-seconds"};
}

std::string curve_points(const Frame& frame, const TrialView& trial, const Axis& y, double last) {
  std::string points;
  const size_t every = (trial.curve.size() + kMostCurvePoints - 1) / kMostCurvePoints;
  for (size_t i = 0; i < trial.curve.size(); ++i) {
    // The last one always: there the trial ended.
    if (i % every != 0 && i + 1 != trial.curve.size()) continue;
    const std::optional<double> at = y.place(trial.curve[i].second);
    if (at) points += cat(frame.x(static_cast<double>(trial.curve[i].first) / last), ",", frame.y(*at), " ");
  }
  if (!points.empty()) points.pop_back();
  return points;
}

// 0: ended well, 1: pruned or paused, 2: failed or infeasible, 3: runs or waits.
size_t kind_of(const TrialView& trial) {
  if (trial.state == "done") return 0;
  if (trial.state == "pruned" || trial.state == "paused") return 1;
  return trial.state == "failed" || trial.state == "infeasible" ? 2 : 3;
}

constexpr std::array<const char*, 4> kKindStyles = {"c-done", "c-pruned", "c-failed", "c-running"};
constexpr std::array<const char*, 4> kKindNames = {"done", "pruned or paused", "failed", "running"};

std::string kind_legend(const SweepView& view) {
  std::array<bool, 4> seen{};
  for (const TrialView& trial : view.trials) seen[kind_of(trial)] = true;
  std::string out = "<span class=\"legend\">";
  for (size_t kind = 0; kind < seen.size(); ++kind) {
    if (seen[kind]) out += cat("<span><i class=\"", kKindStyles[kind], "\"></i>", kKindNames[kind], "</span>");
  }
  return out + "</span>";
}

}  // namespace

std::string core_time(double hours) {
  const Unit unit = unit_for(hours);
  return cat(for_people(std::round(hours * unit.per_hour * 1000) / 1000), " ", unit.word);
}

std::string learning_curves_chart(const SweepView& view) {
  std::vector<size_t> order;
  std::vector<double> values;
  double last = 1;
  for (const size_t index : ranking(view)) {
    if (view.trials[index].curve.size() < 2) continue;
    order.push_back(index);
    for (const auto& [step, value] : view.trials[index].curve) {
      values.push_back(value);
      last = std::max(last, static_cast<double>(step));
    }
  }
  if (order.empty()) return "";
  const Axis y = value_axis(view, std::move(values)).axis;
  const std::vector<size_t> shown = thinned_ranks(order.size(), kMostCurves);
  const Frame frame(cat("Validation ", view.metric, " of ",
                        shown.size() < order.size() ? cat(shown.size(), " of ", order.size(), " trials")
                                                    : std::string("every trial")),
                    linear_axis("", 0, last), y, "step", 1040, 300);
  std::string lines;
  for (auto rank = shown.rbegin(); rank != shown.rend(); ++rank) {
    const TrialView& trial = view.trials[order[*rank]];
    lines += cat("<polyline class=\"way ", rank_class(*rank, order.size()),
                 view.best && *view.best == trial.number ? " top" : "", "\" data-t=\"", trial.number, "\" points=\"",
                 curve_points(frame, trial, y, last), "\"><title>", html_escape(tooltip(view, trial)),
                 "</title></polyline>");
  }
  return frame.figure(lines);
}

std::string cost_chart(const SweepView& view) {
  const size_t count = view.trials.size(), group = (count + kMostBars - 1) / kMostBars;
  std::vector<std::array<double, 4>> bars;
  double highest = 0, total = 0;
  for (size_t begin = 0; begin < count; begin += group) {
    std::array<double, 4> parts{};
    const size_t end = std::min(begin + group, count);
    double sum = 0;
    for (size_t i = begin; i < end; ++i) {
      const double hours = core_hours(view.trials[i]);
      parts[kind_of(view.trials[i])] += hours / static_cast<double>(end - begin);
      sum += hours;
    }
    highest = std::max(highest, sum / static_cast<double>(end - begin));
    total += sum;
    bars.push_back(parts);
  }
  if (!(total > 0)) return "";
  const Unit unit = unit_for(highest);
  const Frame frame(cat(unit.word, " of each trial", group > 1 ? cat(", mean of ", group, " neighbours") : "", "; ",
                        core_time(total), " in all"),
                    linear_axis("", static_cast<double>(view.trials.front().number) - 0.5,
                                static_cast<double>(view.trials.back().number) + 0.5, /*whole=*/true),
                    linear_axis("", 0, highest * unit.per_hour * 1.05), "trial", 1040, 220);
  std::string out;
  const double width = 1 / static_cast<double>(bars.size());
  for (size_t i = 0; i < bars.size(); ++i) {
    double base = 0;
    for (size_t kind = 0; kind < bars[i].size(); ++kind) {
      if (bars[i][kind] <= 0) continue;
      const double top = base + bars[i][kind] / (highest * 1.05), left = static_cast<double>(i) * width;
      const std::string x = frame.x(left + width * 0.1), right = frame.x(left + width * 0.9);
      out += cat("<path class=\"", kKindStyles[kind], "\" d=\"M", x, " ", frame.y(base), "V", frame.y(top), "H", right,
                 "V", frame.y(base), "Z\"><title>",
                 cat(group > 1 ? "from trial " : "trial ", trial_name(view.trials[i * group]), ": ",
                     core_time(bars[i][kind]), ", ", kKindNames[kind]),
                 "</title></path>");
      base = top;
    }
  }
  return frame.figure(out, kind_legend(view));
}

}  // namespace broadsheet
