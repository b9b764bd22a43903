// ConfigNode: a configuration file as a tree, before anyone knows what its keys mean. Every node and every key knows
// where it stands, so that every fault can say so. Knows no YAML: experiments/yaml.h makes these trees.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/errors.h"

namespace broadsheet {

struct ConfigNode {
  enum class Kind { kNull, kScalar, kList, kMap };
  struct Entry;

  Kind kind = Kind::kNull;
  Place place;                     // of the value; of a map: its first key
  std::string text;                // scalar: its text without quotes
  bool quoted = false;             // scalar: it stood in quotes, so it is a text and no number
  bool from_command_line = false;  // came from --set: relative paths belong to the working directory
  std::vector<ConfigNode> items;   // list
  std::vector<Entry> entries;      // map, in the order of the file; keys are unique

  bool is_map() const { return kind == Kind::kMap; }
  bool is_list() const { return kind == Kind::kList; }
  bool is_scalar() const { return kind == Kind::kScalar; }
  const ConfigNode* find(std::string_view key) const;  // nullptr: no map, or no such key
  ConfigNode* find(std::string_view key);
};

struct ConfigNode::Entry {
  std::string key;
  Place place;  // of the key
  ConfigNode value;
};

// For messages: `"fast"`, `12`, "nothing", "a list", "a map"; long texts are cut.
std::string describe(const ConfigNode& node);
// "train" + "optim" -> "train.optim"; "" + "name" -> "name".
std::string join_key(const std::string& prefix, const std::string& name);

}  // namespace broadsheet
