// The site's own file: defaults of the `slurm:` section beneath every run file, and ceilings above it.
//   schema: 1
//   kind: site
//   slurm: {account: newsroom, partition: main, launcher: srun, preamble: "module load openmpi"}    any key of slurm:
//   limits: {nodes: 8, time: "24:00:00"}
// Read by submit and check. A run itself never reads it: what it computes does not depend on where it is submitted.
#pragma once

#include <optional>
#include <string>

#include "core/config_node.h"
#include "slurm/config.h"

namespace broadsheet {

struct Site {
  std::string file;
  ConfigNode slurm;      // a map, perhaps empty
  SlurmConfig defaults;  // the same, read
  SlurmLimits limits;
};

// $BROADSHEET_SITE, else /etc/broadsheet/site.yaml when it is there. UserError with every fault in it.
std::optional<Site> find_site();

// The section with every default, as a job of `submit` keeps it beside its script: <run>/job/slurm.yaml.
void write_slurm_config(const std::string& path, const SlurmConfig& config);
SlurmConfig load_slurm_config(const std::string& path);

}  // namespace broadsheet
