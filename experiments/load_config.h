// The steps from a file to a struct that every kind of file shares.
#pragma once

#include <string>
#include <vector>

#include "experiments/config_tables.h"

namespace broadsheet {

// The tree of a file of this kind. UserError when it is no map, or says that it is of another kind.
ConfigNode read_config_tree(const std::string& path, const std::string& kind, Faults& faults);
// A reader that knows what other tools and other sections call a key. `root` must outlive it, and is what is then read.
ConfigReader config_reader(const ConfigNode& root, const std::string& path, const std::string& kind);
// In the order of the file; those that name no file get `path`.
std::vector<Fault> in_order(std::vector<Fault> faults, const std::string& path);
// One entry for each key of `resolved`.
void fill_origins(const ConfigReader& reader, const OrderedJson& resolved, Origins& origins);

// A run file's tree as a struct, with the defaults that depend on other sections. Faults go to `reader`, which
// config_reader made for this tree and `path`.
RunConfig read_run_tree(const ConfigNode& root, const std::string& path, ConfigReader& reader);

}  // namespace broadsheet
