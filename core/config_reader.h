// ConfigReader: what one reading of a configuration tree has found out: the faults, and which keys were given where.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "core/config_node.h"
#include "core/errors.h"

namespace broadsheet {

class ConfigReader {
 public:
  // Asked about a key that no table has; answers with a better fault than "unknown key" (another tool's spelling, a key
  // of another section), or nullopt. `key` is dotted from the root.
  using UnknownKey = std::function<std::optional<Fault>(const std::string& key, const ConfigNode& value)>;

  // Relative paths in the tree are resolved against `folder` (absolute), those of --set against the working directory.
  explicit ConfigReader(std::string folder, UnknownKey unknown_key = {});

  // Records a fault at `key`, placed where the key's value stands (else where its nearest given parent does). A key
  // that already has a fault, or lies under one that has, gets no second one: the first is the cause.
  void fault(const std::string& key, const std::string& code, const std::string& what, const std::string& remedy);
  // The same at a place of its own.
  void fault_at(const Place& place, const std::string& key, const std::string& code, const std::string& what,
                const std::string& remedy);
  void unknown_key(const std::string& key, const ConfigNode::Entry& entry, const std::vector<std::string>& known);
  // Another tool's spelling below a key that is not read: true when one was found and recorded.
  bool foreign_key(const std::string& key, const ConfigNode::Entry& entry);

  // Called by the tables for every key they read.
  void note(const std::string& key, const ConfigNode& node) { given_[key] = &node; }
  // The node that gave `key` its value; nullptr: not in the file. Valid while the tree lives.
  const ConfigNode* given(const std::string& key) const;
  // True when `key`, or what it lies in, could not be read: checks that involve it make no sense.
  bool at_fault(const std::string& key) const;

  // A scalar's text with ${env:NAME} replaced. nullopt: a fault was recorded (unset variable, broken syntax).
  std::optional<std::string> expand(const std::string& key, const ConfigNode& node);
  // The absolute path that a text in `node` means.
  std::string resolve(const std::string& path, const ConfigNode& node) const;

  const Faults& faults() const { return faults_; }
  const std::map<std::string, const ConfigNode*>& all_given() const { return given_; }

 private:
  std::string folder_;
  UnknownKey unknown_key_;
  Faults faults_;
  std::map<std::string, const ConfigNode*> given_;
  std::set<std::string> at_fault_;
};

}  // namespace broadsheet
