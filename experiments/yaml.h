// YAML files -> ConfigNode. Stricter than YAML: what different readers read differently is refused by name, with its
// line and column: duplicate keys, merges (<<), tags, several documents, tabs as indentation, keys that are no texts.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>

#include "core/config_node.h"
#include "core/errors.h"

namespace broadsheet {

// Limits that no file of a person's reaches; they keep a hostile one from taking memory, time or the stack.
inline constexpr size_t kMaxYamlBytes = 4 << 20;
inline constexpr int kMaxYamlDepth = 64;
inline constexpr size_t kMaxYamlValues = 100'000;  // aliases count as the values they stand for

// Parses `text`; `file` is what places say. Faults that leave a usable tree (duplicate keys: the first counts; merges)
// go to `faults`. Throws UserError("config.syntax") for text that is no YAML or breaks a limit.
ConfigNode parse_yaml(const std::string& text, const std::string& file, Faults& faults);
// The same for a file. UserError("config.no_file") when it cannot be read.
ConfigNode read_yaml(const std::string& path, Faults& faults);

// Edits the tree as "--set key=value" says: `value` is YAML (a scalar or a flow list or map), missing maps are made,
// and what stood there is replaced. The new nodes say from_command_line. UserError when key or value cannot be read.
void set_value(ConfigNode& root, const std::string& key, const std::string& value);
// The same with a value that exists; the maps that are made say that they stand where it does.
void set_node(ConfigNode& root, const std::string& key, ConfigNode value);

// A JSON value as block YAML that parse_yaml reads back to equal texts; maps keep their order.
std::string emit_yaml(const nlohmann::ordered_json& value);

}  // namespace broadsheet
