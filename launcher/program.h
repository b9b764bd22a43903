// Who this program is and where its other half lies.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "core/durable.h"

namespace broadsheet {

std::string program_version();  // "0.1.0"
// Names the exact bytes of this executable (the linker's build id); empty when it was linked without one.
std::string program_build_id();
// broadsheet-engine, beside the resolved /proc/self/exe, or in ../libexec/broadsheet of an installation.
// UserError("install.no_engine") when it is not there.
std::string engine_path();
std::string program_path();     // of this executable, resolved
std::string job_tool_path();    // broadsheet-job, likewise beside it
std::string term_guard_path();  // broadsheet-term-guard.so, likewise

std::string host_name();
std::string cpu_model();  // of /proc/cpuinfo; "unknown" when it does not say
int available_cores();    // that this process may run on
uint64_t memory_bytes();  // of the machine, or of the control group when that is less; 0: unknown

// When Slurm will end this job, in seconds since 1970 (SLURM_JOB_END_TIME); 0: it does not say.
double job_end_time();

// This start of the Slurm job, which is requeued under the same id; none outside of Slurm. Of a job that `submit` made,
// its starts are counted over all jobs of the run (kStartVariable): a later one takes over from an earlier one.
Incarnation job_incarnation();
inline constexpr char kJobVariable[] = "BROADSHEET_JOB";      // the job's folder, in jobs that `submit` made
inline constexpr char kStartVariable[] = "BROADSHEET_START";  // 1, 2, ...

// Slurm's ids of this process, where set: {"job_id": "17", ...}.
nlohmann::json slurm_ids();

}  // namespace broadsheet
