// What the tables of other tools' keys are made of; foreign_keys.h is for everybody else.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/config_node.h"

namespace broadsheet {

struct ForeignContext {
  const ConfigNode& value;
  const ConfigNode& root;
};
// What to write instead.
using ForeignRemedy = std::function<std::string(const ForeignContext&)>;
using ForeignTable = std::map<std::string, ForeignRemedy>;

std::string foreign_value(const ConfigNode& value);  // as text for a message; "..." when it is long
ForeignRemedy same(const std::string& ours);
// A value that other tools spell otherwise too.
ForeignRemedy translated(const std::string& ours, const std::map<std::string, std::string>& words);
ForeignRemedy advice(const std::string& text);
void add(ForeignTable& table, const std::vector<std::string>& names, const ForeignRemedy& remedy);

ForeignTable foreign_sweep_keys();

}  // namespace broadsheet
