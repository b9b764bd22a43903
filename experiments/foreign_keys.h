// Other tools' spellings. Each is an error that gives our key and, where one can be computed, the converted value: a
// file from another tool then becomes one of ours by following the messages.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/config_node.h"

namespace broadsheet {

// What to write instead of `key` (dotted; its last part is looked up); nullopt: not a key of another tool that we know.
// `root`: the whole file, because some values depend on others (a batch per device on the number of ranks).
std::optional<std::string> foreign_key_remedy(const std::string& key, const ConfigNode& value, const ConfigNode& root,
                                              const std::string& file_kind);
// Every spelling known, sorted; for tests and the reference page.
std::vector<std::string> foreign_keys(const std::string& file_kind);

}  // namespace broadsheet
