// One parameter as the sweep file has it, and as the space has it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/config.h"
#include "experiments/search/space.h"

namespace broadsheet {

struct ParameterFile {
  std::string distribution;
  std::optional<double> min, max, mu, sigma, q;
  std::vector<nlohmann::json> values;
  std::optional<nlohmann::json> value;
  std::string tied_to;
  std::vector<std::string> when;
};

const Section<ParameterFile>& parameter_section();
// The distribution and the conditions; false: a fault was recorded below `key`.
bool to_parameter(const ParameterFile& file, const std::string& key, ConfigReader& reader, SearchParameter& parameter);
ParameterFile to_file(const SearchParameter& parameter);

}  // namespace broadsheet
