#include <algorithm>
#include <cmath>

#include "core/text.h"
#include "experiments/report_chart.h"
#include "experiments/report_page.h"
#include "experiments/sweep/sweep_charts.h"
#include "experiments/sweep/sweep_tables.h"
#include "experiments/sweep/sweep_view.h"

namespace broadsheet {
namespace {

std::string sweep_facts(const SweepView& view) {
  std::string out = "<div class=\"facts\">";
  if (const TrialView* best = trial_numbered(view, view.best); best != nullptr && has_value(*best)) {
    out += fact_html(best_value(view, *best), cat(view.metric, ", trial ", trial_name(*best)));
  }
  const int64_t wanted = view.trials_wanted * std::max<int64_t>(view.repeat, 1);
  const std::string done = with_thousands(count_state(view, "done"));
  out += fact_html(wanted > 0 ? cat(done, " of ", with_thousands(wanted)) : done, "trials done");
  for (const char* state : {"running", "waiting", "paused", "pruned", "infeasible", "failed"}) {
    if (const int64_t count = count_state(view, state); count > 0) out += fact_html(with_thousands(count), state);
  }
  int64_t steps = 0;
  double hours = 0;
  for (const TrialView& trial : view.trials) {
    steps += trial.steps;
    hours += core_hours(trial);
  }
  if (steps > 0) out += fact_html(with_thousands(steps), "steps trained");
  if (hours > 0) {
    const std::string text = core_time(hours);
    const size_t space = text.find(' ');
    out += fact_html(text.substr(0, space), text.substr(space + 1));
  }
  if (view.elapsed_seconds) out += fact_html(human_duration(*view.elapsed_seconds), "elapsed");
  return out + "</div>";
}

// The most important first where that is known, otherwise as in the sweep file.
std::vector<std::string> parameter_order(const SweepView& view,
                                         const std::vector<std::pair<std::string, double>>& importance) {
  std::vector<std::string> order;
  for (const auto& [name, share] : importance) order.push_back(name);
  for (const SearchParameter& parameter : view.parameters) {
    if (std::find(order.begin(), order.end(), parameter.name) == order.end()) order.push_back(parameter.name);
  }
  return order;
}

std::string importance_html(const SweepView& view, const std::vector<std::pair<std::string, double>>& importance) {
  if (ranking(view).empty() || view.parameters.empty()) return "";
  if (importance.empty()) {
    return "<p class=\"note\">Not measured: fewer than 10 configurations have ended with a value, or the best do not "
           "differ from the rest.</p>";
  }
  return cat(
      importance_bars(view, importance),
      "<p class=\"note\">PED-ANOVA (Watanabe, Bansal and Hutter 2023; conditions: Baba, Ozaki and Watanabe 2026): "
      "how far the best tenth of the configurations (at least 5) lie elsewhere than all that were tried. Local: a "
      "value that the search itself has preferred does not count as important for that. A pruned trial counts "
      "with its best value. What the sweep did not vary, or hardly, cannot show.</p>");
}

std::string curves_note(const SweepView& view) {
  std::string out = "<p class=\"note\">Dots are trials, coloured by rank; paler ones were pruned or are paused.";
  if (view.trials.size() > kMostLines) out += " Not all dots are drawn.";
  return out + " Steps are counted in the order of the trials' numbers.</p>";
}

std::string lead(const SweepView& view) {
  return cat("<p class=\"lead\">Sweep, ", html_escape(view.method), ": ", view.maximize ? "highest " : "lowest ",
             html_escape(view.metric), " on the validation split",
             view.early_terminate.type != "none" ? ", early termination " + html_escape(view.early_terminate.type) : "",
             view.repeat > 1 ? cat(", ", view.repeat, " runs of each configuration") : "",
             view.finished ? ", finished" : ", not finished yet", "</p>");
}

}  // namespace

std::string sweep_report_html(const SweepView& view) {
  std::string body = cat("<h1>", html_escape(view.name), "</h1>", lead(view), sweep_facts(view));
  const auto section = [&](const std::string& title, const std::string& content) {
    if (!content.empty()) body += cat("\n<section><h2>", html_escape(title), "</h2>", content, "</section>");
  };
  const auto importance = parameter_importance(view);
  const std::vector<std::string> order = parameter_order(view, importance);
  if (ranking(view).empty()) {
    body +=
        cat("\n<section><p class=\"none\">",
            view.trials.empty() ? "No trial has begun yet." : "No trial has measured a value yet.", "</p></section>");
  }
  section("Best trial", best_trial_html(view));
  section("Configurations", configurations_html(view));
  const std::string progress = best_so_far_charts(view);
  section("Progress", progress.empty() ? "" : progress + curves_note(view));
  section("Parameters together", parallel_chart(view, order));
  section("Importance of the parameters", importance_html(view, importance));
  section(cat("Each parameter against ", view.metric), slice_charts(view, order));
  section("Validation curves", learning_curves_chart(view));
  section("Early termination", rung_bars(view));
  section("Cost", cost_chart(view));
  section("Failures", failures_html(view));
  section("All trials", trials_html(view));
  body += cat("\n<footer>Made by Broadsheet from the sweep's journal and the records of its trials.</footer>\n<script>",
              sweep_script(), "</script>");
  return html_page(view.name, body, sweep_style());
}

}  // namespace broadsheet
