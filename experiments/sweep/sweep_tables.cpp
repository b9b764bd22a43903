#include "experiments/sweep/sweep_tables.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/text.h"
#include "experiments/report_chart.h"
#include "experiments/report_page.h"
#include "experiments/sweep/sweep_charts.h"
#include "experiments/sweep/sweep_summary.h"

namespace broadsheet {
namespace {

using nlohmann::json;

// A trial that has not trained has no page yet.
std::string link(const TrialView& trial) {
  const std::string name = trial_name(trial);
  if (trial.steps == 0) return name;
  return cat("<a href=\"trials/", name, "/report.html\">", name, "</a>");
}

std::string number_cell(double value, const std::string& text) {
  return cat("<td data-v=\"", std::isfinite(value) ? shortest(value) : "", "\">", text, "</td>");
}

std::string value_cell(const json* value) {
  if (value == nullptr) return "<td class=\"none\" data-v=\"\">\xE2\x80\x93</td>";
  const std::string text = html_escape(short_value(*value));
  return value->is_number() ? number_cell(value->get<double>(), text) : cat("<td class=\"text\">", text, "</td>");
}

std::string parameter_cells(const std::vector<std::string>& names, const TrialView& trial) {
  std::string out;
  for (const std::string& name : names) {
    const auto found = trial.parameters.find(name);
    out += value_cell(found == trial.parameters.end() ? nullptr : &found->second);
  }
  return out;
}

std::string parameter_heads(const SweepView& view, const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    const bool text = std::any_of(view.trials.begin(), view.trials.end(), [&](const TrialView& trial) {
      const auto found = trial.parameters.find(name);
      return found != trial.parameters.end() && !found->second.is_number();
    });
    out += cat(text ? "<th class=\"text\">" : "<th>", html_escape(short_name(view, name)), "</th>");
  }
  return out;
}

// Wide tables have fewer rows: the page stays below its 3 MB.
size_t rows_for(size_t columns) {
  return std::min(kMostRows, std::max<size_t>(50, 12000 / (columns + 8)));
}

std::string state_html(const std::string& state) {
  const char* style = state == "done"                              ? "c-done"
                      : state == "pruned" || state == "paused"     ? "c-pruned"
                      : state == "failed" || state == "infeasible" ? "c-failed"
                                                                   : "c-running";
  return cat("<i class=\"state ", style, "\"></i>", html_escape(state));
}

// Digits out, so that "step 120" and "step 480" are one cause; the first line only.
std::string cause_of(const TrialView& trial) {
  const std::string line = printable(split(trial.why, '\n').front(), 300);
  std::string out;
  bool in_number = false;
  for (const char c : line) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit)
      out += c;
    else if (!in_number)
      out += '#';
    in_number = digit || (in_number && c == '.');
    if (in_number && !digit) out.pop_back();
  }
  return out.empty() ? "no cause recorded" : out;
}

std::string truncation_note(size_t shown, size_t all, const char* what) {
  if (shown >= all) return "";
  return cat("<p class=\"note\">The best ", shown, " of ", with_thousands(static_cast<int64_t>(all)), " ", what,
             "; all of them are in the answer to report --csv.</p>");
}

}  // namespace

std::string best_trial_html(const SweepView& view) {
  const TrialView* best = trial_numbered(view, view.best);
  if (best == nullptr) return "";
  std::string out =
      cat("<p>Trial ", link(*best), ", ", html_escape(best->state), " after ", with_thousands(best->steps), " steps",
          has_value(*best) ? cat(": ", html_escape(view.metric), " ", html_escape(best_value(view, *best))) : "",
          ".</p><div class=\"scroll\"><table class=\"flat\"><tbody>");
  for (const std::string& name : parameter_names(view)) {
    const auto found = best->parameters.find(name);
    if (found == best->parameters.end()) continue;
    out += cat("<tr><td>", html_escape(name), "</td><td>", html_escape(short_value(found->second, 200)), "</td></tr>");
  }
  return out + "</tbody></table></div>";
}

std::string configurations_html(const SweepView& view) {
  if (view.repeat < 2 || view.trials.empty()) return "";
  const std::vector<std::string> names = parameter_names(view);
  const std::vector<ConfigurationSummary> all = configurations_of(view, /*ended_only=*/false);
  std::string out = cat("<div class=\"scroll\"><table class=\"trials sortable\"><thead><tr><th>rank</th><th>mean ",
                        html_escape(view.metric), "</th><th>spread</th><th>values</th><th class=\"text\">trials</th>",
                        parameter_heads(view, names), "</tr></thead><tbody>");
  const TrialView* best = trial_numbered(view, view.best);
  const size_t shown = std::min(all.size(), rows_for(names.size()));
  for (size_t i = 0; i < shown; ++i) {
    const ConfigurationSummary& summary = all[i];
    std::string links;
    for (const size_t index : summary.trials) links += cat(links.empty() ? "" : " ", link(view.trials[index]));
    const bool chosen = best != nullptr && best->configuration == summary.configuration;
    const double none = std::nan("");
    out += cat(
        chosen ? "<tr class=\"chosen\">" : "<tr>",
        summary.values > 0 ? number_cell(static_cast<double>(i + 1), std::to_string(i + 1)) : value_cell(nullptr),
        summary.values > 0 ? number_cell(summary.mean, for_people(summary.mean)) : number_cell(none, "\xE2\x80\x93"),
        summary.values > 1 ? number_cell(summary.spread, "\xC2\xB1 " + for_people(summary.spread))
                           : number_cell(none, "\xE2\x80\x93"),
        number_cell(static_cast<double>(summary.values), cat(summary.values, " of ", view.repeat)),
        "<td class=\"text\">", links, "</td>", parameter_cells(names, view.trials[summary.trials.front()]), "</tr>");
  }
  return cat(out, "</tbody></table></div>", truncation_note(shown, all.size(), "configurations"),
             "<p class=\"note\">The spread is the standard deviation over the repeats. Configurations with all their "
             "repeats come before the others.</p>");
}

std::string failures_html(const SweepView& view) {
  struct Cause {
    std::string state, text;
    std::vector<const TrialView*> trials;
  };
  std::map<std::pair<std::string, std::string>, Cause> by_cause;
  for (const TrialView& trial : view.trials) {
    if (trial.state != "failed" && trial.state != "infeasible") continue;
    const std::string text = cause_of(trial);
    Cause& cause = by_cause[{trial.state, text}];
    cause.state = trial.state;
    cause.text = text;
    cause.trials.push_back(&trial);
  }
  if (by_cause.empty()) return "";
  std::vector<Cause> causes;
  for (auto& [key, cause] : by_cause) causes.push_back(std::move(cause));
  std::stable_sort(causes.begin(), causes.end(),
                   [](const Cause& a, const Cause& b) { return a.trials.size() > b.trials.size(); });
  constexpr size_t kMostCauses = 50;
  const size_t shown = std::min(causes.size(), kMostCauses);
  std::string out =
      "<div class=\"scroll\"><table class=\"failures\"><thead><tr><th>trials</th><th>state</th><th>cause</th>"
      "<th>for example</th></tr></thead><tbody>";
  for (size_t i = 0; i < shown; ++i) {
    const TrialView& example = *causes[i].trials.front();
    out += cat("<tr><td class=\"count\">", causes[i].trials.size(), "</td><td>", state_html(causes[i].state),
               "</td><td>", html_escape(causes[i].text), "</td><td>", link(example), " ",
               html_escape(short_value(example.why, 300)), "</td></tr>");
  }
  out += "</tbody></table></div>";
  if (shown < causes.size()) out += cat("<p class=\"note\">And ", causes.size() - shown, " rarer causes.</p>");
  return out;
}

std::string trials_html(const SweepView& view) {
  if (view.trials.empty()) return "";
  const std::vector<std::string> names = parameter_names(view);
  std::vector<size_t> order = ranking(view);
  const size_t with_value = order.size();
  for (size_t i = 0; i < view.trials.size(); ++i) {
    if (!has_value(view.trials[i])) order.push_back(i);
  }
  const std::string unit = view.repeat > 1 ? "<th>configuration</th>" : "";
  std::string out = cat("<div class=\"scroll\"><table class=\"trials sortable\"><thead><tr><th>rank</th><th>trial</th>",
                        unit, "<th class=\"text\">state</th><th>", html_escape(view.metric),
                        "</th><th>steps</th><th>core-hours</th>", parameter_heads(view, names), "</tr></thead><tbody>");
  const size_t shown = std::min(order.size(), rows_for(names.size()));
  for (size_t i = 0; i < shown; ++i) {
    const TrialView& trial = view.trials[order[i]];
    const bool best = view.best && trial.number == *view.best;
    out +=
        cat("<tr", best ? " class=\"chosen\"" : "", " data-t=\"", trial.number, "\">",
            i < with_value ? number_cell(static_cast<double>(i + 1), std::to_string(i + 1)) : value_cell(nullptr),
            number_cell(static_cast<double>(trial.number), link(trial)),
            view.repeat > 1 ? number_cell(static_cast<double>(trial.configuration), std::to_string(trial.configuration))
                            : "",
            "<td class=\"text\">", state_html(trial.state), "</td>",
            has_value(trial) ? number_cell(*trial.value, for_people(*trial.value)) : value_cell(nullptr),
            number_cell(static_cast<double>(trial.steps), with_thousands(trial.steps)),
            number_cell(core_hours(trial), for_people(core_hours(trial))), parameter_cells(names, trial), "</tr>");
  }
  return cat(out, "</tbody></table></div>", truncation_note(shown, order.size(), "trials"));
}

}  // namespace broadsheet
