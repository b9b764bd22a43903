// A sweep's directory, read for those who look at it, and what a finished sweep leaves behind.
#pragma once

#include <string>

#include "experiments/sweep/sweep_view.h"

namespace broadsheet {

// From the journal, whether a driver lives or not; `with_curves`: every trial's validations too, from its
// metrics.jsonl. UserError("sweep.not_found").
SweepView read_sweep_view(const std::string& folder, bool with_curves);

// How far the running trials that the live table shows have come by now: the journal knows of them what they told last.
void add_progress(SweepView& view);

// results.json (no clock in it) and report.html.
void write_sweep_results(const std::string& folder, const SweepView& view);
std::string write_sweep_report(const std::string& folder);  // report.html alone; returns its path

}  // namespace broadsheet
