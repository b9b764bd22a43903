// Which linear layers of a model get a branch. No torch here: `check` reads it too.
#pragma once

#include <regex>
#include <string>
#include <vector>

#include "trainer/config.h"

namespace broadsheet {

class TargetModules {
 public:
  // Where `adapter` names none: query and value as each kind of model calls them, as peft has it (GPT-2: c_attn, which
  // makes query, key and value at once).
  TargetModules(const AdapterConfig& adapter, const std::string& model_type);

  // Whether the module of this whole name is one.
  bool has(const std::string& module) const;
  // The names that it was made of; empty: a pattern.
  const std::vector<std::string>& names() const { return names_; }
  // Those of the names that none of `modules` answers to.
  std::vector<std::string> unmatched(const std::vector<std::string>& modules) const;

 private:
  bool all_ = false;
  std::vector<std::string> names_;
  std::regex pattern_;
};

// Whether a head of this name, the first component of its parameters', is trained beside an adapter: a classifier is, a
// language model's is not.
bool trains_head(const std::string& first_component);

}  // namespace broadsheet
