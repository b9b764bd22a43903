// Report: a run's directory as one page that a person can open, mail or archive. Self-contained: no scripts, no fonts,
// nothing fetched. Made from metrics.jsonl, timings.jsonl, results.json, run.yaml and environment.json; what is not
// there yet is left out, so that a running run can be looked at too. Everything from files is escaped.
#pragma once

#include <string>

#include "core/fence.h"

namespace broadsheet {

// Throws UserError("report.not_a_run") when the folder holds none of a run's files.
std::string run_report_html(const std::string& run_folder);

// Writes <run_folder>/report.html, whole or not at all. Returns its path.
std::string write_run_report(const std::string& run_folder);
// The same by the attempt that has made the run. RunError("run.fenced").
void publish_run_report(const std::string& run_folder, const Fence& fence);

}  // namespace broadsheet
