#include "experiments/sweep/sweep_results.h"

#include <algorithm>
#include <fstream>

#include "core/durable.h"
#include "core/errors.h"
#include "data/shards.h"
#include "experiments/run_status.h"
#include "experiments/sweep/journal.h"
#include "experiments/sweep/study.h"
#include "experiments/sweep/sweep_directory.h"

namespace broadsheet {
namespace {

// (step, value) of the validations in a run's metrics.jsonl; a line that is no record is passed over.
std::vector<std::pair<int64_t, double>> curve_of(const std::string& run_folder, const std::string& metric) {
  std::vector<std::pair<int64_t, double>> curve;
  std::ifstream file(run_folder + "/metrics.jsonl");
  for (std::string line; std::getline(file, line);) {
    if (line.find("\"validation\"") == std::string::npos) continue;
    const nlohmann::json record = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!record.is_object() || record.value("kind", nlohmann::json()) != "validation") continue;
    const auto step = record.find("step"), value = record.find(metric);
    if (step == record.end() || value == record.end() || !step->is_number_integer() || !value->is_number()) continue;
    curve.emplace_back(step->get<int64_t>(), value->get<double>());
  }
  return curve;
}

}  // namespace

SweepView read_sweep_view(const std::string& folder, bool with_curves) {
  const Sweep sweep = SweepDirectory::read(folder);
  Study study(sweep);
  Journal::read(folder + "/journal", [&](const nlohmann::json& event) { study.apply(event); });
  SweepView view = study.view(folder);
  if (!with_curves) return view;
  for (TrialView& trial : view.trials) trial.curve = curve_of(trial.folder, view.metric);
  return view;
}

void add_progress(SweepView& view) {
  size_t running = 0;
  for (TrialView& trial : view.trials) {
    if (trial.state != "running" || ++running > kRunningShown) continue;
    try {
      const RunProgress progress = read_progress(trial.folder);
      trial.steps = std::max(trial.steps, progress.step);
      trial.total_steps = progress.total_steps;
      if (progress.best && progress.metric == view.metric) trial.value = progress.best;
    } catch (const UserError&) {
      // It has not begun yet.
    }
  }
}

std::string write_sweep_report(const std::string& folder) {
  const std::string path = folder + "/report.html";
  write_file_durably(path, sweep_report_html(read_sweep_view(folder, /*with_curves=*/true)));
  return path;
}

void write_sweep_results(const std::string& folder, const SweepView& view) {
  write_file_durably(folder + "/results.json", to_json(view, /*with_clock=*/false).dump(2) + "\n");
  write_sweep_report(folder);
}

}  // namespace broadsheet
