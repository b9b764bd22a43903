// Distributions by the names of other tools, and what to write instead.
#pragma once

#include <string>
#include <vector>

#include "core/config_reader.h"

namespace broadsheet {

// Ours, in the order of the reference page.
const std::vector<std::string>& distribution_names();

// Whether `node`, a parameter's map, has a distribution that only another tool has; a fault with the converted line
// was then recorded. W&B's log_uniform is one: its bounds are exponents.
bool foreign_distribution(const ConfigNode& node, const std::string& key, ConfigReader& reader);

}  // namespace broadsheet
