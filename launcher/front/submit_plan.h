// What `submit` would do with each of its files, understood and checked; nothing is written yet.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "experiments/site.h"
#include "experiments/sweep/sweep_config.h"
#include "launcher/command_line.h"
#include "slurm/job_script.h"

namespace broadsheet {

struct PlannedJob {
  std::string file, kind;  // run | corpus | sweep
  JobSpec spec;
  std::optional<RunConfig> run;
  std::optional<Sweep> sweep;
  nlohmann::json plan;
  std::string plan_text;
  bool finished = false;
};

class SubmitPlanner {
 public:
  explicit SubmitPlanner(const Command& command);
  // One for each file of the command, in its order.
  std::vector<PlannedJob> plan();

 private:
  PlannedJob plan_run_file(const std::string& file);
  PlannedJob plan_corpus_file(const std::string& file);
  PlannedJob plan_sweep_file(const std::string& file);
  const Site* site() const { return site_ ? &*site_ : nullptr; }
  SlurmConfig slurm_of_corpus() const;
  RunConfig without_site(const std::string& file, const RunConfig& config) const;
  std::string wanted_folder(const std::string& usual) const;
  bool has_run_file() const;
  bool is_prepared_before(const std::string& corpus) const;
  JobSpec job(const std::string& place, const SlurmConfig& slurm) const;

  const Command& command_;
  std::optional<Site> site_;
  std::string after_;
  std::vector<std::string> outputs_;  // of corpus files so far
  std::optional<SlurmConfig> slurm_for_corpora_;
};

}  // namespace broadsheet
