#include "experiments/report_chart.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "core/text.h"

namespace broadsheet {
namespace {

constexpr double kWidth = 520, kHeight = 240, kLeft = 58, kRight = 14, kTop = 12, kBottom = 34;

struct AxisRange {
  double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();
  void add(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  bool empty() const { return low > high; }
};

// Data to picture: one per axis.
struct Scale {
  double low, high, from, to;
  double operator()(double value) const { return from + (value - low) / (high - low) * (to - from); }
};

std::string axes(const Scale& x, const Scale& y, const std::string& x_label) {
  std::string out;
  for (const double tick : axis_ticks(y.low, y.high, 5)) {
    const std::string at = coordinate(y(tick));
    out += cat("<line class=\"grid\" x1=\"", kLeft, "\" y1=\"", at, "\" x2=\"", kWidth - kRight, "\" y2=\"", at,
               "\"/><text class=\"tick\" text-anchor=\"end\" x=\"", kLeft - 6, "\" y=\"", coordinate(y(tick) + 3.5),
               "\">", for_people(tick), "</text>");
  }
  for (const double tick : axis_ticks(x.low, x.high, 6)) {
    out += cat("<text class=\"tick\" text-anchor=\"middle\" x=\"", coordinate(x(tick)), "\" y=\"",
               kHeight - kBottom + 15, "\">", for_people(tick), "</text>");
  }
  out += cat("<line class=\"axis\" x1=\"", kLeft, "\" y1=\"", kHeight - kBottom, "\" x2=\"", kWidth - kRight,
             "\" y2=\"", kHeight - kBottom, "\"/><text class=\"tick\" text-anchor=\"end\" x=\"", kWidth - kRight,
             "\" y=\"", kHeight - 4, "\">", html_escape(x_label), "</text>");
  return out;
}

std::string draw(const Series& series, const Scale& x, const Scale& y) {
  std::string out, points;
  size_t count = 0;
  const auto end_line = [&] {
    if (!points.empty()) {
      out += cat("<polyline class=\"", series.style, "\" data-points=\"", count, "\" points=\"", points, "\"/>");
    }
    points.clear();
    count = 0;
  };
  std::string dots;
  for (size_t i = 0; i < series.x.size(); ++i) {
    if (!std::isfinite(series.y[i])) {
      end_line();
      continue;
    }
    const std::string px = coordinate(x(series.x[i])), py = coordinate(y(series.y[i]));
    points += cat(points.empty() ? "" : " ", px, ",", py);
    ++count;
    if (series.dots || series.x.size() == 1) {
      dots += cat("<circle class=\"", series.style, "\" cx=\"", px, "\" cy=\"", py, "\" r=\"3\"><title>",
                  html_escape(series.name), " ", for_people(series.y[i]), " at ", for_people(series.x[i]),
                  "</title></circle>");
    }
  }
  end_line();
  return out + dots;
}

// The vertical line; its label keeps to the half of the picture where the curve is not.
std::string mark(const Chart& chart, const std::vector<Series>& lines, const Scale& x, const Scale& y) {
  double nearest = std::numeric_limits<double>::infinity(), height = 0;
  for (const Series& series : lines) {
    for (size_t i = 0; i < series.x.size(); ++i) {
      const double distance = std::fabs(series.x[i] - chart.marked_x);
      if (!std::isfinite(series.y[i]) || distance >= nearest) continue;
      nearest = distance;
      height = y(series.y[i]);
    }
  }
  const bool low = height > (kTop + kHeight - kBottom) / 2, right = x(chart.marked_x) > kWidth * 0.7;
  const std::string at = coordinate(x(chart.marked_x));
  return cat("<line class=\"mark\" x1=\"", at, "\" y1=\"", kTop, "\" x2=\"", at, "\" y2=\"", kHeight - kBottom,
             "\"/><text class=\"tick\" text-anchor=\"", right ? "end" : "start", "\" x=\"",
             coordinate(x(chart.marked_x) + (right ? -5 : 5)), "\" y=\"", low ? kTop + 8 : kHeight - kBottom - 6, "\">",
             html_escape(chart.mark_label), "</text>");
}

std::string legend(const std::vector<Series>& series) {
  if (series.size() < 2) return "";
  std::string out = "<span class=\"legend\">";
  for (const Series& line : series) {
    out += cat("<span><i class=\"", line.style, "\"></i>", html_escape(line.name), "</span>");
  }
  return out + "</span>";
}

}  // namespace

std::string coordinate(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

std::string html_escape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    size_t length = byte < 0x80 ? 1 : byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2;
    if (byte >= 0x80 && (i + length > text.size() || !is_utf8(text.substr(i, length)))) {
      out += "\xEF\xBF\xBD";
      ++i;
      continue;
    }
    switch (text[i]) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        if (byte >= 0x20 || byte == '\n' || byte == '\t') out += text.substr(i, length);
    }
    i += length;
  }
  return out;
}

std::string for_people(double value) {
  if (!std::isfinite(value)) return "\xE2\x80\x93";
  if (std::fabs(value) >= 10000 && std::fabs(value) < 1e15) return with_thousands(std::llround(value));
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

std::vector<double> axis_ticks(double low, double high, int count) {
  if (!(high > low) || count < 1) return {low};
  const double rough = (high - low) / count;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double factor : {5.0, 2.0, 1.0}) {
    if (factor * power >= rough * 0.999) step = factor * power;
  }
  std::vector<double> ticks;
  const double first = std::ceil(low / step - 1e-9);
  for (int i = 0; i <= 2 * count + 2; ++i) {
    const double tick = (first + i) * step;
    if (tick > high + step * 1e-6) break;
    ticks.push_back(std::fabs(tick) < step * 1e-6 ? 0 : tick);
  }
  return ticks;
}

Series thinned(const Series& series) {
  const size_t group = (series.x.size() + kMaxChartPoints - 1) / kMaxChartPoints;
  if (group <= 1) return series;
  Series out = series;
  out.x.clear();
  out.y.clear();
  for (size_t begin = 0; begin < series.x.size(); begin += group) {
    const size_t end = std::min(begin + group, series.x.size());
    double x = 0, y = 0;
    int finite = 0;
    for (size_t i = begin; i < end; ++i) {
      x += series.x[i];
      if (!std::isfinite(series.y[i])) continue;
      y += series.y[i];
      ++finite;
    }
    out.x.push_back(x / static_cast<double>(end - begin));
    out.y.push_back(finite > 0 ? y / finite : std::nan(""));
  }
  return out;
}

Series smoothed(const Series& series, const std::string& name, const std::string& style) {
  Series out{name, style, series.x, series.y, false};
  const size_t reach = series.y.size() / 40;
  std::vector<double> sums(series.y.size() + 1);
  std::vector<int> counts(series.y.size() + 1);
  for (size_t i = 0; i < series.y.size(); ++i) {
    const bool finite = std::isfinite(series.y[i]);
    sums[i + 1] = sums[i] + (finite ? series.y[i] : 0);
    counts[i + 1] = counts[i] + (finite ? 1 : 0);
  }
  for (size_t i = 0; i < series.y.size(); ++i) {
    const size_t begin = i > reach ? i - reach : 0, end = std::min(i + reach + 1, series.y.size());
    const int count = counts[end] - counts[begin];
    out.y[i] = count > 0 ? (sums[end] - sums[begin]) / count : std::nan("");
  }
  return out;
}

std::string chart_html(const Chart& chart) {
  AxisRange x_range, y_range;
  std::vector<Series> lines;
  for (const Series& series : chart.series) {
    lines.push_back(thinned(series));
    for (size_t i = 0; i < lines.back().x.size(); ++i) {
      if (!std::isfinite(lines.back().y[i])) continue;
      x_range.add(lines.back().x[i]);
      y_range.add(lines.back().y[i]);
    }
  }
  const std::string caption =
      cat("<figcaption>", html_escape(chart.title), x_range.empty() ? "" : legend(chart.series), "</figcaption>");
  if (x_range.empty()) return cat("<figure>", caption, "<p class=\"none\">nothing recorded yet</p></figure>");
  if (chart.from_zero) y_range.add(0);
  if (x_range.high == x_range.low) x_range.high += 1;
  if (y_range.high == y_range.low) {
    const double margin = y_range.high == 0 ? 1 : std::fabs(y_range.high) * 0.1;
    y_range.high += margin;
    if (!chart.from_zero) y_range.low -= margin;
  }
  const double margin = (y_range.high - y_range.low) * 0.06;
  if (!chart.from_zero) y_range.low -= margin;
  y_range.high += margin;
  const Scale x{x_range.low, x_range.high, kLeft, kWidth - kRight};
  const Scale y{y_range.low, y_range.high, kHeight - kBottom, kTop};
  std::string out = cat("<figure>", caption, "<svg viewBox=\"0 0 ", kWidth, " ", kHeight,
                        "\" role=\"img\" aria-label=\"", html_escape(chart.title), "\">", axes(x, y, chart.x_label));
  if (chart.marked_x >= x_range.low && chart.marked_x <= x_range.high) out += mark(chart, lines, x, y);
  for (const Series& series : lines) out += draw(series, x, y);
  return out + "</svg></figure>";
}

}  // namespace broadsheet
