// The field table of sweep.yaml, and what a sweep has to know of the run file's keys.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/config.h"
#include "experiments/sweep/sweep_config.h"

namespace broadsheet {

// Reads parameters as nest_parameters leaves them. Notes every value under "parameters.<key>.<what>" and
// "points[i].<key>", so that faults found later can say where it stands.
const Section<SweepConfig>& sweep_section();
// The type of `parameters`; part of the table.
ConfigType<std::vector<SearchParameter>> parameters_type();

// {train.learning_rate: {...}} and {train: {learning_rate: {...}}} mean the same: makes the second of both, so that
// --set finds them. A map with one of the keys of a distribution describes a parameter.
void nest_parameters(ConfigNode& root, Faults& faults);

// A JSON value as the node of a tree that stands at `place`.
ConfigNode to_node(const nlohmann::json& value, const Place& place);

// The run file's keys, by their table.
class RunKeys {
 public:
  static const RunKeys& table();
  // Has a value of its own: no section. model.config holds whatever the model's own file may.
  bool has_value(const std::string& key) const;
  bool is_path(const std::string& key) const;
  bool wants_integer(const std::string& key) const;
  const std::vector<std::string>& names() const { return names_; }
  // Why a sweep may not search it; nullopt: it may. The fault has neither place nor key.
  std::optional<Fault> refusal(const std::string& key) const;

 private:
  RunKeys();
  const KeyDoc* find(const std::string& key) const;
  std::vector<KeyDoc> docs_;
  std::vector<std::string> names_;
};

}  // namespace broadsheet
