#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/text.h"
#include "experiments/report_chart.h"
#include "experiments/sweep/sweep_charts.h"

namespace broadsheet {
namespace {

constexpr double kAxisTop = 54, kAxisBottom = 316, kUnused = 346, kSide = 66;

double down(double place) {
  return kAxisBottom - place * (kAxisBottom - kAxisTop);
}

// Trials of one slot would lie on each other: each gets a place of its own around the slot's middle.
double spread_in_slot(const Axis& axis, double place, int64_t number) {
  if (axis.kind != Axis::Kind::kSlots) return place;
  const double share = static_cast<double>(number) * 0.6180339887498949;
  return place + (share - std::floor(share) - 0.5) * 0.5 / static_cast<double>(axis.slots.size());
}

struct Columns {
  std::vector<Axis> axes;    // of parameters
  std::vector<bool> unused;  // a drawn trial has no value there
  Axis value;
  double width = 0;
  double x(size_t column) const {
    return kSide + static_cast<double>(column) * (width - 2 * kSide) / static_cast<double>(axes.size());
  }
};

std::string axis_svg(const SweepView& view, const Columns& columns, size_t column) {
  const bool last = column == columns.axes.size();
  const Axis& axis = last ? columns.value : columns.axes[column];
  const std::string x = coordinate(columns.x(column));
  std::string name = last ? axis.name : short_name(view, axis.name);
  // Neighbours' names share the width between them.
  const auto room = static_cast<size_t>((columns.width - 2 * kSide) / static_cast<double>(columns.axes.size()) / 6.4);
  if (name.size() > std::max<size_t>(room, 8)) name = short_value(name, std::max<size_t>(room, 8) - 2);
  std::string out = cat("<text class=\"axis-name\" text-anchor=\"middle\" x=\"", x, "\" y=\"20\">", html_escape(name),
                        "<title>", html_escape(axis.name), "</title></text>");
  const char* word =
      last ? (view.maximize ? "higher is better" : "lower is better") : (axis.kind == Axis::Kind::kLog ? "log" : "");
  out += cat("<text class=\"tick\" text-anchor=\"middle\" x=\"", x, "\" y=\"36\">", word, "</text>");
  out += cat("<line class=\"axis\" x1=\"", x, "\" y1=\"", kAxisTop, "\" x2=\"", x, "\" y2=\"", kAxisBottom, "\"/>");
  // The last axis has its numbers outside, away from the lines.
  const double side = last ? 1 : -1;
  for (const Tick& tick : axis.ticks(5)) {
    const std::string y = coordinate(down(tick.place));
    out += cat("<line class=\"axis\" x1=\"", coordinate(columns.x(column) + side * 4), "\" y1=\"", y, "\" x2=\"", x,
               "\" y2=\"", y, "\"/><text class=\"tick halo\" text-anchor=\"", last ? "start" : "end", "\" x=\"",
               coordinate(columns.x(column) + side * 7), "\" y=\"", coordinate(down(tick.place) + 3.5), "\">",
               html_escape(tick.label), "</text>");
  }
  if (!last && columns.unused[column]) {
    out += cat("<circle class=\"unused\" cx=\"", x, "\" cy=\"", kUnused,
               "\" r=\"3\"/><text class=\"tick\" text-anchor=\"middle\" x=\"", x, "\" y=\"", kUnused + 18,
               "\">not used</text>");
  }
  return out;
}

std::string points_of(const Columns& columns, const TrialView& trial) {
  std::string points;
  for (size_t i = 0; i < columns.axes.size(); ++i) {
    const Axis& axis = columns.axes[i];
    const auto found = trial.parameters.find(axis.name);
    const std::optional<double> place = found == trial.parameters.end() ? std::nullopt : axis.place(found->second);
    const double y = place ? down(spread_in_slot(axis, *place, trial.number)) : kUnused;
    points += cat(coordinate(columns.x(i)), ",", coordinate(y), " ");
  }
  return points + cat(coordinate(columns.x(columns.axes.size())), ",",
                      coordinate(down(columns.value.place(*trial.value).value_or(0))));
}

// The ramp and what its ends mean.
std::string ramp_legend(const SweepView& view, const std::vector<size_t>& order) {
  std::string out = cat("<span class=\"legend\"><span>", for_people(*view.trials[order.back()].value), " worst</span>",
                        "<span class=\"ramp\">");
  for (int i = 0; i < 7; ++i) out += cat("<i class=\"r", i, "\"></i>");
  out += cat("</span><span>best ", for_people(*view.trials[order.front()].value), "</span>");
  if (count_state(view, "pruned") + count_state(view, "paused") > 0) {
    out += "<span><i class=\"thin\"></i>thin: pruned or paused</span>";
  }
  return out + "</span>";
}

}  // namespace

std::string parallel_chart(const SweepView& view, const std::vector<std::string>& order) {
  const std::vector<size_t> ranked = ranking(view);
  Columns columns;
  for (const std::string& name : order) {
    const auto found = std::find_if(view.parameters.begin(), view.parameters.end(),
                                    [&](const SearchParameter& parameter) { return parameter.name == name; });
    if (found == view.parameters.end() || columns.axes.size() == kMostAxes) continue;
    if (std::optional<Axis> axis = parameter_axis(view, *found)) columns.axes.push_back(std::move(*axis));
  }
  if (ranked.empty() || columns.axes.empty()) return "";
  std::vector<double> values;
  for (const size_t index : ranked) values.push_back(*view.trials[index].value);
  const ValueAxis value = value_axis(view, values);
  columns.value = value.axis;
  columns.width = std::max(1040.0, 2 * kSide + 110.0 * static_cast<double>(columns.axes.size()));
  columns.unused.assign(columns.axes.size(), false);

  const std::vector<size_t> shown = thinned_ranks(ranked.size(), kMostLines);
  std::string lines;
  // The best last, on top of the others.
  for (auto rank = shown.rbegin(); rank != shown.rend(); ++rank) {
    const TrialView& trial = view.trials[ranked[*rank]];
    for (size_t i = 0; i < columns.axes.size(); ++i) {
      if (trial.parameters.count(columns.axes[i].name) == 0) columns.unused[i] = true;
    }
    const bool faint = trial.state == "pruned" || trial.state == "paused";
    const bool best = view.best && trial.number == *view.best;
    lines += cat("<polyline class=\"way ", rank_class(*rank, ranked.size()), faint ? " faint" : "", best ? " top" : "",
                 "\" data-t=\"", trial.number, "\" points=\"", points_of(columns, trial), "\"><title>",
                 html_escape(tooltip(view, trial)), "</title></polyline>");
  }
  const bool some_unused = std::find(columns.unused.begin(), columns.unused.end(), true) != columns.unused.end();
  const double height = some_unused ? kUnused + 26 : kAxisBottom + 14;
  std::string out = cat("<figure><figcaption>One line a trial", ramp_legend(view, ranked),
                        "</figcaption><div class=\"scroll\"><svg class=\"wide", shown.size() < kMany ? "" : " many",
                        "\" viewBox=\"0 0 ", columns.width, " ", height,
                        "\" role=\"img\" aria-label=\"Parallel coordinates\">", lines);
  for (size_t i = 0; i <= columns.axes.size(); ++i) out += axis_svg(view, columns, i);
  out += "</svg></div>";
  std::vector<std::string> notes;
  if (shown.size() < ranked.size()) notes.push_back(cat("Drawn: ", shown.size(), " of ", ranked.size(), " trials."));
  if (value.outside > 0) notes.push_back(cat("At the edge of the last axis, being far worse: ", value.outside, "."));
  if (const size_t none = view.trials.size() - ranked.size(); none > 0) {
    notes.push_back(cat("Without a value, and left out: ", none, "."));
  }
  if (!notes.empty()) out += cat("<p class=\"note\">", join(notes, " "), "</p>");
  return out + "</figure>";
}

}  // namespace broadsheet
