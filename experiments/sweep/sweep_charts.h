// The pictures of a sweep's page, as inline SVG and HTML: <figure>s, or "" where there is nothing to see. Colours are
// CSS classes of sweep_style(): r0 (worst) to r6 (best) by rank, from viridis, which keeps its order in grey and for
// the colour-blind. Inside experiments/sweep/.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "experiments/sweep/sweep_axes.h"
#include "experiments/sweep/sweep_summary.h"
#include "experiments/sweep/sweep_view.h"

namespace broadsheet {

inline constexpr size_t kMostLines = 400;  // of parallel coordinates; of dots in a slice
inline constexpr size_t kMany = 150;       // lines or dots that cover each other
inline constexpr size_t kMostAxes = 12;

// "r6" for rank 0 of `count`, "r0" for the last.
std::string rank_class(size_t rank, size_t count);
// At most `most` of 0 .. count - 1: the first eighth of `most`, then evenly from the rest.
std::vector<size_t> thinned_ranks(size_t count, size_t most);
// "trial 0012: 0.7312, pruned after 150 steps", and its parameters.
std::string tooltip(const SweepView& view, const TrialView& trial);

// The best value so far over the trials by number, and over the steps that all of them have trained.
std::string best_so_far_charts(const SweepView& view);
// A line a trial across one axis a parameter, the metric's last. `order`: parameters, the most important first.
std::string parallel_chart(const SweepView& view, const std::vector<std::string>& order);
// Value against one parameter, a dot a trial.
std::string slice_charts(const SweepView& view, const std::vector<std::string>& order);
std::string learning_curves_chart(const SweepView& view);
std::string importance_bars(const SweepView& view, const std::vector<std::pair<std::string, double>>& importance);
std::string rung_bars(const SweepView& view);
std::string cost_chart(const SweepView& view);

// "0.42 core-hours", "3.1 core-minutes".
std::string core_time(double hours);

// A plot's frame: axes, grid and labels; data are placed by x and y, 0 to 1 (y upwards).
class Frame {
 public:
  Frame(std::string title, Axis x, Axis y, std::string x_label, double width = 520, double height = 240);
  std::string x(double place) const;
  std::string y(double place) const;
  std::string dot(double at_x, double at_y, const std::string& style, const std::string& title) const;
  // The <figure>; `legend` is HTML for the caption's right side.
  std::string figure(const std::string& content, const std::string& legend = "") const;

 private:
  std::string title_;
  Axis x_, y_;
  std::string x_label_;
  double width_, height_;
};

// The stylesheet and the script of the page.
const char* sweep_style();
const char* sweep_script();

}  // namespace broadsheet
