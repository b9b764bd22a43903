#include "experiments/sweep/sweep_charts.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/text.h"
#include "experiments/report_chart.h"

namespace broadsheet {
namespace {

constexpr double kPlotLeft = 58, kPlotRight = 14, kPlotTop = 14, kPlotBottom = 36;

std::vector<double> values_of(const SweepView& view, const std::vector<size_t>& order) {
  std::vector<double> values;
  for (const size_t index : order) values.push_back(*view.trials[index].value);
  return values;
}

std::string dot_style(const TrialView& trial, size_t rank, size_t count) {
  const bool faint = trial.state == "pruned" || trial.state == "paused";
  return rank_class(rank, count) + (faint ? " faint" : "");
}

// The corners of the best value so far; every trial moves x on, by one or by its steps.
std::string best_so_far(const SweepView& view, const std::string& title, bool by_steps) {
  const std::vector<size_t> order = ranking(view);
  std::vector<size_t> rank_of(view.trials.size());
  for (size_t rank = 0; rank < order.size(); ++rank) rank_of[order[rank]] = rank;
  std::vector<double> at;
  double x = 0;
  for (const TrialView& trial : view.trials) {
    x += by_steps ? static_cast<double>(trial.steps) : 1;
    at.push_back(by_steps ? x : static_cast<double>(trial.number));
  }
  const double low = by_steps ? 0 : at.front(), width = std::max(at.back() - low, 1.0);
  const Frame frame(title, linear_axis("", low, low + width, /*whole=*/true),
                    value_axis(view, values_of(view, order)).axis, by_steps ? "steps of all trials" : "trial");
  const Axis y = value_axis(view, values_of(view, order)).axis;
  const std::vector<size_t> shown = thinned_ranks(order.size(), kMostLines);
  std::string dots, line;
  for (auto rank = shown.rbegin(); rank != shown.rend(); ++rank) {
    const TrialView& trial = view.trials[order[*rank]];
    dots += frame.dot((at[order[*rank]] - low) / width, *y.place(*trial.value), dot_style(trial, *rank, order.size()),
                      cat(trial_name(trial), ": ", for_people(*trial.value)));
  }
  size_t best = order.size();
  for (size_t i = 0; i < view.trials.size(); ++i) {
    if (!has_value(view.trials[i]) || rank_of[i] >= best) continue;
    const std::string px = frame.x((at[i] - low) / width);
    if (best < order.size()) line += cat(px, ",", frame.y(*y.place(*view.trials[order[best]].value)), " ");
    best = rank_of[i];
    line += cat(px, ",", frame.y(*y.place(*view.trials[i].value)), " ");
  }
  line += cat(frame.x(1), ",", frame.y(*y.place(*view.trials[order.front()].value)));
  line = cat("<polyline class=\"line-b\" points=\"", line, "\"/>");
  // Few dots lie on the line; many would hide it.
  return frame.figure(shown.size() < kMany ? line + dots : dots + line);
}

// `inner`: the part of the bar that is solid; the rest is pale.
std::string bar(const std::string& label, double share, const std::string& text, double inner) {
  char width[32], inner_width[32];
  std::snprintf(width, sizeof width, "%.1f%%", std::clamp(share, 0.0, 1.0) * 100);
  std::snprintf(inner_width, sizeof inner_width, "%.1f%%", std::clamp(inner, 0.0, 1.0) * 100);
  return cat("<div class=\"bar\"><span>", label, "</span><span class=\"track\"><i style=\"width:", width,
             "\"></i><b style=\"width:", inner_width, "\"></b></span><span class=\"amount\">", text, "</span></div>");
}

}  // namespace

std::string rank_class(size_t rank, size_t count) {
  return cat("r", 6 - std::min<size_t>(6, rank * 7 / std::max<size_t>(count, 1)));
}

std::vector<size_t> thinned_ranks(size_t count, size_t most) {
  std::vector<size_t> out;
  const size_t first = count <= most ? count : most / 8, rest = count <= most ? 0 : most - first;
  for (size_t i = 0; i < first; ++i) out.push_back(i);
  for (size_t i = 0; i < rest; ++i) out.push_back(first + (i + 1) * (count - first) / rest - 1);
  return out;
}

std::string tooltip(const SweepView& view, const TrialView& trial) {
  return cat("trial ", trial_name(trial), ": ", has_value(trial) ? for_people(*trial.value) : "no value", ", ",
             trial.state, " after ", trial.steps, " steps\n", printable(short_parameters(view, trial), 300));
}

Frame::Frame(std::string title, Axis x, Axis y, std::string x_label, double width, double height)
    : title_(std::move(title)),
      x_(std::move(x)),
      y_(std::move(y)),
      x_label_(std::move(x_label)),
      width_(width),
      height_(height) {}

std::string Frame::x(double place) const {
  return coordinate(kPlotLeft + place * (width_ - kPlotLeft - kPlotRight));
}

std::string Frame::y(double place) const {
  return coordinate(height_ - kPlotBottom - place * (height_ - kPlotBottom - kPlotTop));
}

std::string Frame::dot(double at_x, double at_y, const std::string& style, const std::string& title) const {
  return cat("<circle class=\"", style, "\" cx=\"", x(at_x), "\" cy=\"", y(at_y), "\" r=\"3.5\"><title>",
             html_escape(title), "</title></circle>");
}

std::string Frame::figure(const std::string& content, const std::string& legend) const {
  std::string out = cat("<figure><figcaption>", html_escape(title_), legend, "</figcaption><svg viewBox=\"0 0 ", width_,
                        " ", height_, "\" role=\"img\" aria-label=\"", html_escape(title_), "\">");
  for (const Tick& tick : y_.ticks(5)) {
    const std::string at = y(tick.place);
    out += cat("<line class=\"grid\" x1=\"", kPlotLeft, "\" y1=\"", at, "\" x2=\"", width_ - kPlotRight, "\" y2=\"", at,
               "\"/><text class=\"tick\" text-anchor=\"end\" x=\"", kPlotLeft - 6, "\" y=\"", at, "\" dy=\"3.5\">",
               html_escape(tick.label), "</text>");
  }
  // A label needs about 7 units a letter: of slots, as many as there is room for.
  double free_from = 0;
  for (const Tick& tick : x_.ticks(width_ < 400 ? 4 : 6)) {
    const double middle = kPlotLeft + tick.place * (width_ - kPlotLeft - kPlotRight);
    const double half = std::min(3.3 * static_cast<double>(tick.label.size()), 60.0);
    if (middle - half < free_from) continue;
    free_from = middle + half + 4;
    const char* anchor = middle + half > width_ ? "end" : "middle";
    out += cat("<line class=\"axis\" x1=\"", coordinate(middle), "\" y1=\"", height_ - kPlotBottom, "\" x2=\"",
               coordinate(middle), "\" y2=\"", height_ - kPlotBottom + 3, "\"/><text class=\"tick\" text-anchor=\"",
               anchor, "\" x=\"", coordinate(anchor[0] == 'e' ? width_ - 2 : middle), "\" y=\"",
               height_ - kPlotBottom + 15, "\">", html_escape(tick.label), "</text>");
  }
  return cat(out, "<line class=\"axis\" x1=\"", kPlotLeft, "\" y1=\"", height_ - kPlotBottom, "\" x2=\"",
             width_ - kPlotRight, "\" y2=\"", height_ - kPlotBottom,
             "\"/><text class=\"tick\" text-anchor=\"end\" x=\"", width_ - kPlotRight, "\" y=\"", height_ - 5, "\">",
             html_escape(x_label_), "</text>", content, "</svg></figure>");
}

std::string best_so_far_charts(const SweepView& view) {
  if (ranking(view).empty()) return "";
  return cat("<div class=\"charts\">", best_so_far(view, "Best " + view.metric + " so far, by trial", false),
             best_so_far(view, "Best " + view.metric + " so far, by steps trained", true), "</div>");
}

std::string slice_charts(const SweepView& view, const std::vector<std::string>& order) {
  const std::vector<size_t> ranked = ranking(view);
  if (ranked.empty()) return "";
  const ValueAxis value = value_axis(view, values_of(view, ranked));
  std::string out;
  size_t count = 0;
  for (const std::string& name : order) {
    const auto found = std::find_if(view.parameters.begin(), view.parameters.end(),
                                    [&](const SearchParameter& parameter) { return parameter.name == name; });
    const std::optional<Axis> axis =
        found == view.parameters.end() || count == kMostAxes ? std::nullopt : parameter_axis(view, *found);
    if (!axis) continue;
    ++count;
    const Frame frame(short_name(view, name), *axis, value.axis, axis->kind == Axis::Kind::kLog ? name + ", log" : name,
                      346, 220);
    std::string dots;
    const std::vector<size_t> shown = thinned_ranks(ranked.size(), kMostLines);
    for (auto rank = shown.rbegin(); rank != shown.rend(); ++rank) {
      const TrialView& trial = view.trials[ranked[*rank]];
      const auto given = trial.parameters.find(name);
      std::optional<double> x = given == trial.parameters.end() ? std::nullopt : axis->place(given->second);
      if (!x) continue;
      if (axis->kind == Axis::Kind::kSlots) {
        const double share = static_cast<double>(trial.number) * 0.6180339887498949;
        *x += (share - std::floor(share) - 0.5) * 0.4 / static_cast<double>(axis->slots.size());
      }
      dots += frame.dot(*x, *value.axis.place(*trial.value), dot_style(trial, *rank, ranked.size()),
                        cat(trial_name(trial), ": ", for_people(*trial.value), " at ", short_value(given->second)));
    }
    out += frame.figure(dots);
  }
  return out.empty() ? "" : cat("<div class=\"slices\">", out, "</div>");
}

std::string importance_bars(const SweepView& view, const std::vector<std::pair<std::string, double>>& importance) {
  if (importance.empty()) return "";
  const double largest = std::max(importance.front().second, 1e-9);
  std::string out = "<figure><div class=\"bars\">";
  for (const auto& [name, share] : importance) {
    char percent[32];
    std::snprintf(percent, sizeof percent, share < 0.0995 ? "%.1f %%" : "%.0f %%", share * 100);
    out += bar(html_escape(short_name(view, name)), share / largest, percent, share / largest);
  }
  return out + "</div></figure>";
}

std::string rung_bars(const SweepView& view) {
  int64_t most = 0;
  for (const EarlyTermination::RungCount& rung : view.rungs) most = std::max(most, rung.reported);
  if (most == 0) return "";
  std::string out = "<figure><div class=\"bars\">";
  for (const EarlyTermination::RungCount& rung : view.rungs) {
    const double all = static_cast<double>(most);
    out += bar(cat(with_thousands(rung.resource), " ", html_escape(view.early_terminate.resource)),
               static_cast<double>(rung.reported) / all,
               cat(rung.reported, " reported, ", rung.promoted, " went on",
                   rung.reported > 0 ? cat(" (", rung.promoted * 100 / rung.reported, " %)") : ""),
               static_cast<double>(rung.promoted) / all);
  }
  return out +
         "</div></figure><p class=\"note\">Trials that reported at each rung; the dark part went on from there.</p>";
}

}  // namespace broadsheet
