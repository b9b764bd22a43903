// Line charts as inline SVG, for reports: no scripts, colours from the page's CSS, so that light and dark both work.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace broadsheet {

// Escaped for HTML text and quoted attributes; what is not UTF-8 becomes U+FFFD, control characters go.
std::string html_escape(std::string_view text);

// Of a point in a picture: "12.3".
std::string coordinate(double value);

// A number for people: four significant digits, thousands separated, "1.8e-05" when very small.
std::string for_people(double value);

struct Series {
  std::string name;
  std::string style;         // CSS class: "line-a", "line-b", "line-faint"
  std::vector<double> x, y;  // same length; points whose y is not finite are left out and break the line
  bool dots = false;         // a dot with a tooltip at every point
};

struct Chart {
  std::string title;
  std::string x_label = "step";
  std::vector<Series> series;
  double marked_x = -1;  // a vertical line (the best step), where inside the axis
  std::string mark_label;
  bool from_zero = false;  // the y axis begins at 0
};

// Long series are thinned to about `kMaxChartPoints` by taking the mean of equal groups.
inline constexpr size_t kMaxChartPoints = 1000;
Series thinned(const Series& series);
// Mean over a centred window of a twentieth of the points.
Series smoothed(const Series& series, const std::string& name, const std::string& style);

// A <figure> with the chart, or with a sentence when no point can be drawn.
std::string chart_html(const Chart& chart);

// Round numbers that cover [low, high], about `count` of them.
std::vector<double> axis_ticks(double low, double high, int count);

}  // namespace broadsheet
