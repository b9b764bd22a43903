#include "experiments/report_page.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>
#include <set>
#include <vector>

#include "core/text.h"
#include "experiments/report_chart.h"
#include "experiments/results.h"
#include "trainer/config_tables.h"

namespace broadsheet {
namespace {

using nlohmann::json;

constexpr const char* kStyle = R"css(
:root { color-scheme: light dark; --paper: #fbfaf7; --card: #ffffff; --ink: #1d1d1b; --soft: #6a6963; --rule: #e3e0d8;
  --a: #1f6f8b; --b: #c2571a; --faint: #a9c6d1; --good: #20744a; --bad: #b3372c; }
@media (prefers-color-scheme: dark) { :root { --paper: #171715; --card: #20201d; --ink: #ecebe6; --soft: #a3a198;
  --rule: #3a3933; --a: #6dbcd8; --b: #ef9a5c; --faint: #35525e; --good: #6fcf97; --bad: #ef8379; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI",
  "Liberation Sans", "DejaVu Sans", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 20px 56px; }
h1 { font: 600 30px/1.2 Georgia, "Liberation Serif", "DejaVu Serif", serif; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 17px; margin: 36px 0 10px; }
p.lead { color: var(--soft); margin: 6px 0 0; }
p.none { color: var(--soft); padding: 40px 0; text-align: center; }
.facts { display: flex; flex-wrap: wrap; gap: 12px; margin: 22px 0 0; }
.fact { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 10px 16px; min-width: 130px; }
.fact b { display: block; font-size: 21px; font-weight: 600; font-variant-numeric: tabular-nums; }
.fact span { color: var(--soft); font-size: 13px; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(420px, 1fr)); gap: 16px; }
@media (max-width: 480px) { .charts { grid-template-columns: 1fr; } }
figure { margin: 0; background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 12px 14px; }
figcaption { font-weight: 600; display: flex; justify-content: space-between; gap: 12px; flex-wrap: wrap; }
.legend { font-weight: 400; font-size: 13px; color: var(--soft); display: flex; gap: 14px; }
.legend i { display: inline-block; width: 16px; height: 3px; border-radius: 2px; margin-right: 6px; vertical-align: middle; }
svg { display: block; width: 100%; height: auto; margin-top: 6px; }
polyline { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.line-a { stroke: var(--a); } .line-b { stroke: var(--b); } .line-faint { stroke: var(--faint); stroke-width: 1.1; }
circle { stroke: var(--card) !important; stroke-width: 1; }
circle.line-a, i.line-a { fill: var(--a); background: var(--a); } circle.line-b, i.line-b { fill: var(--b); background: var(--b); }
i.line-faint { background: var(--faint); }
.grid { stroke: var(--rule); } .axis { stroke: var(--soft); } .mark { stroke: var(--good); stroke-dasharray: 4 3; }
.tick { fill: var(--soft); font-size: 11px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; background: var(--card); border: 1px solid var(--rule); border-radius: 8px;
  font-variant-numeric: tabular-nums; }
th, td { padding: 6px 14px; border-bottom: 1px solid var(--rule); text-align: right; vertical-align: top; }
tr:last-child td { border-bottom: 0; }
th { font-weight: 600; color: var(--soft); font-size: 13px; } th:first-child, td:first-child { text-align: left; }
th[colspan] { text-align: center; }
tr.chosen td { font-weight: 600; }
td.good { color: var(--good); } td.bad { color: var(--bad); } td.gap, th.gap { border-left: 1px solid var(--rule); }
table.flat td { text-align: left; overflow-wrap: anywhere; } table.flat td:first-child { color: var(--soft); white-space: nowrap; }
table.confusion td.cell { min-width: 64px; }
details { margin-top: 12px; } summary { cursor: pointer; font-weight: 600; }
pre { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 14px 16px; overflow-x: auto;
  font: 13px/1.5 ui-monospace, "Liberation Mono", "DejaVu Sans Mono", monospace; }
footer { margin-top: 40px; color: var(--soft); font-size: 13px; }
@media print { body { background: none; } figure, table { break-inside: avoid; } }
)css";

const json* member(const json& value, const char* name) {
  if (!value.is_object()) return nullptr;
  const auto found = value.find(name);
  return found == value.end() ? nullptr : &*found;
}

const json* value_at(const json& results, const char* split, const char* when, const std::string& metric) {
  const json* part = member(results, split);
  part = part == nullptr ? nullptr : member(*part, when);
  return part == nullptr ? nullptr : member(*part, metric.c_str());
}

// Four decimals, so that the points of a column stand below each other; whole numbers as they are.
std::string table_number(double value) {
  if (!std::isfinite(value) || value == std::floor(value) || std::fabs(value) >= 1000 || std::fabs(value) < 1e-3) {
    return for_people(value);
  }
  char text[32];
  std::snprintf(text, sizeof text, "%.4f", value);
  return text;
}

std::string cell_text(const json* value) {
  if (value == nullptr) return "";
  return value->is_number() ? table_number(value->get<double>()) : value->is_null() ? for_people(std::nan("")) : "?";
}

std::string change_cell(const json* before, const json* after, const std::string& metric) {
  if (before == nullptr || after == nullptr || !before->is_number() || !after->is_number() || is_count(metric)) {
    return "<td></td>";
  }
  const double change = after->get<double>() - before->get<double>();
  const std::optional<bool> higher = direction_of(metric);
  const bool good = higher && *higher == (change > 0);
  const char* style = change == 0 || !higher ? "" : good ? " class=\"good\"" : " class=\"bad\"";
  return cat("<td", style, ">", change > 0 ? "+" : "", table_number(change), "</td>");
}

void flatten_rows(const json& value, const std::string& key, std::vector<std::pair<std::string, std::string>>& rows) {
  constexpr size_t kMaxRows = 500;
  if (rows.size() >= kMaxRows) return;
  if (value.is_structured() && !value.empty()) {
    const bool list = value.is_array();
    size_t index = 0;
    for (const auto& [name, child] : value.items()) {
      const std::string part = list ? std::to_string(index++) : name;
      flatten_rows(child, key.empty() ? part : cat(key, ".", part), rows);
    }
    return;
  }
  rows.emplace_back(
      key, value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, json::error_handler_t::replace));
}

}  // namespace

std::string html_page(const std::string& title, const std::string& body, const std::string& more_style) {
  return cat(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>",
      html_escape(title), "</title>\n<style>", kStyle, more_style, "</style>\n</head>\n<body>\n<main>\n", body,
      "\n</main>\n</body>\n</html>\n");
}

std::string before_after_html(const json& results) {
  constexpr const char* kSplits[] = {"validation", "test"};
  std::set<std::string> names;
  for (const char* split : kSplits) {
    for (const char* when : {"before", "after"}) {
      const json* part = member(results, split);
      part = part == nullptr ? nullptr : member(*part, when);
      if (part == nullptr || !part->is_object()) continue;
      for (const auto& [name, value] : part->items()) {
        if (value.is_number() || value.is_null()) names.insert(name);
      }
    }
  }
  if (names.empty()) return "";
  const json* chosen = member(results, "metric");
  std::vector<std::string> order(names.begin(), names.end());
  const auto rank = [&](const std::string& name) {
    return chosen != nullptr && *chosen == name ? 0 : is_count(name) ? 2 : 1;
  };
  std::stable_sort(order.begin(), order.end(), [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  std::string out =
      "<div class=\"scroll\"><table class=\"results\"><thead><tr><th></th><th class=\"gap\" "
      "colspan=\"3\">validation</th>"
      "<th class=\"gap\" colspan=\"3\">test</th></tr><tr><th>metric</th><th class=\"gap\">before</th><th>after</th>"
      "<th>change</th><th class=\"gap\">before</th><th>after</th><th>change</th></tr></thead><tbody>";
  for (const std::string& name : order) {
    out += cat(rank(name) == 0 ? "<tr class=\"chosen\">" : "<tr>", "<td>", html_escape(name), "</td>");
    for (const char* split : kSplits) {
      const json* before = value_at(results, split, "before", name);
      const json* after = value_at(results, split, "after", name);
      out += cat("<td class=\"gap\">", cell_text(before), "</td><td>", cell_text(after), "</td>",
                 change_cell(before, after, name));
    }
    out += "</tr>";
  }
  return out + "</tbody></table></div>";
}

std::string per_class_html(const json& results) {
  const json* classes = value_at(results, "test", "after", "per_class");
  if (classes == nullptr || !classes->is_object() || classes->empty()) return "";
  std::set<std::string> metrics;
  for (const auto& [name, values] : classes->items()) {
    if (!values.is_object()) return "";
    for (const auto& [metric, value] : values.items()) metrics.insert(metric);
  }
  std::string out = "<div class=\"scroll\"><table class=\"classes\"><thead><tr><th>class</th>";
  for (const std::string& metric : metrics) out += cat("<th>", html_escape(metric), "</th>");
  out += "</tr></thead><tbody>";
  for (const auto& [name, values] : classes->items()) {
    out += cat("<tr><td>", html_escape(name), "</td>");
    for (const std::string& metric : metrics) {
      out += cat("<td>", cell_text(member(values, metric.c_str())), "</td>");
    }
    out += "</tr>";
  }
  return out + "</tbody></table></div>";
}

std::string confusion_html(const json& results) {
  const json* confusion = value_at(results, "test", "after", "confusion");
  const json* labels = confusion == nullptr ? nullptr : member(*confusion, "labels");
  const json* matrix = confusion == nullptr ? nullptr : member(*confusion, "matrix");
  if (labels == nullptr || matrix == nullptr || !labels->is_array() || !matrix->is_array()) return "";
  if (labels->empty() || labels->size() != matrix->size() || labels->size() > 100) return "";
  std::string out = "<div class=\"scroll\"><table class=\"confusion\"><thead><tr><th>true \\ predicted</th>";
  const auto text = [](const json& label) { return html_escape(label.is_string() ? label.get<std::string>() : "?"); };
  for (const json& label : *labels) out += cat("<th>", text(label), "</th>");
  out += "</tr></thead><tbody>";
  for (size_t row = 0; row < matrix->size(); ++row) {
    const json& counts = (*matrix)[row];
    if (!counts.is_array() || counts.size() != labels->size()) return "";
    double total = 0;
    for (const json& count : counts) total += count.is_number() ? count.get<double>() : 0;
    out += cat("<tr><td>", text((*labels)[row]), "</td>");
    for (const json& count : counts) {
      const double share = total > 0 && count.is_number() ? std::clamp(count.get<double>() / total, 0.0, 1.0) : 0;
      out += cat("<td class=\"cell\" style=\"background: color-mix(in srgb, var(--a) ", std::lround(share * 60),
                 "%, var(--card))\">", cell_text(&count), "</td>");
    }
    out += "</tr>";
  }
  return out + "</tbody></table></div>";
}

std::string flat_table_html(const json& value) {
  std::vector<std::pair<std::string, std::string>> rows;
  flatten_rows(value, "", rows);
  std::string out = "<div class=\"scroll\"><table class=\"flat\"><tbody>";
  for (const auto& [key, text] : rows) {
    out += cat("<tr><td>", html_escape(key), "</td><td>", html_escape(text), "</td></tr>");
  }
  return out + "</tbody></table></div>";
}

std::string fact_html(const std::string& value, const std::string& label) {
  return cat("<div class=\"fact\"><b>", html_escape(value), "</b><span>", html_escape(label), "</span></div>");
}

std::string details_html(std::string_view summary, const std::string& content, bool open) {
  return cat("<details", open ? " open=\"open\"" : "", "><summary>", html_escape(summary), "</summary>", content,
             "</details>");
}

}  // namespace broadsheet
