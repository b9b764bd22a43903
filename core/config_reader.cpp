#include "core/config_reader.h"

#include <cstdlib>

#include "core/path.h"
#include "core/text.h"

namespace broadsheet {
namespace {

// "a.b[2].c" -> "a.b[2]" -> "a.b" -> "a" -> "".
std::string parent_key(const std::string& key) {
  const size_t end = key.find_last_of(".[");
  return end == std::string::npos ? "" : key.substr(0, end);
}

// One line, and not a long one.
std::string cut(std::string text) {
  constexpr size_t kLongest = 80;
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  if (text.size() <= kLongest) return text;
  size_t end = kLongest;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // not inside a character
  return text.substr(0, end) + "...";
}

}  // namespace

const ConfigNode* ConfigNode::find(std::string_view key) const {
  for (const Entry& entry : entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

ConfigNode* ConfigNode::find(std::string_view key) {
  for (Entry& entry : entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

std::string describe(const ConfigNode& node) {
  switch (node.kind) {
    case ConfigNode::Kind::kNull:
      return "nothing";
    case ConfigNode::Kind::kList:
      return node.items.empty() ? "an empty list" : "a list";
    case ConfigNode::Kind::kMap:
      return node.entries.empty() ? "an empty map" : "a map";
    case ConfigNode::Kind::kScalar:
      break;
  }
  return node.quoted || node.text.empty() ? "\"" + cut(node.text) + "\"" : cut(node.text);
}

std::string join_key(const std::string& prefix, const std::string& name) {
  return prefix.empty() ? name : prefix + "." + name;
}

ConfigReader::ConfigReader(std::string folder, UnknownKey unknown_key)
    : folder_(std::move(folder)), unknown_key_(std::move(unknown_key)) {}

void ConfigReader::fault(const std::string& key, const std::string& code, const std::string& what,
                         const std::string& remedy) {
  std::string holder = key;
  while (!holder.empty() && given(holder) == nullptr) holder = parent_key(holder);
  const ConfigNode* node = given(holder);
  fault_at(node != nullptr ? node->place : Place{}, key, code, what, remedy);
}

void ConfigReader::fault_at(const Place& place, const std::string& key, const std::string& code,
                            const std::string& what, const std::string& remedy) {
  if (at_fault(key)) return;
  at_fault_.insert(key);
  faults_.add(Fault{code, place, key, what, remedy});
}

void ConfigReader::unknown_key(const std::string& key, const ConfigNode::Entry& entry,
                               const std::vector<std::string>& known) {
  if (foreign_key(key, entry)) return;
  const std::string near = nearest(entry.key, known);
  const std::string remedy = near.empty() ? "the keys here are " + join(known, ", ") : "did you mean " + near + "?";
  fault_at(entry.place, key, "config.unknown_key", "unknown key", remedy);
}

bool ConfigReader::foreign_key(const std::string& key, const ConfigNode::Entry& entry) {
  if (!unknown_key_) return false;
  std::optional<Fault> answer = unknown_key_(key, entry.value);
  if (!answer) return false;
  answer->place = entry.place;
  answer->key = key;
  at_fault_.insert(key);
  faults_.add(std::move(*answer));
  return true;
}

const ConfigNode* ConfigReader::given(const std::string& key) const {
  const auto found = given_.find(key);
  return found == given_.end() ? nullptr : found->second;
}

bool ConfigReader::at_fault(const std::string& key) const {
  for (std::string name = key; !name.empty(); name = parent_key(name)) {
    if (at_fault_.count(name) > 0) return true;
  }
  return at_fault_.count("") > 0;
}

std::optional<std::string> ConfigReader::expand(const std::string& key, const ConfigNode& node) {
  static constexpr std::string_view kOpen = "${env:";
  std::string text;
  size_t next = 0;
  while (true) {
    const size_t begin = node.text.find(kOpen, next);
    if (begin == std::string::npos) break;
    const size_t end = node.text.find('}', begin);
    const std::string name =
        end == std::string::npos ? "" : node.text.substr(begin + kOpen.size(), end - begin - kOpen.size());
    if (name.empty() || name.find_first_of("${=: \t\n") != std::string::npos || name.find('\0') != std::string::npos) {
      fault_at(node.place, key, "config.environment", cat("found ", describe(node), ", in which ${env:NAME} is broken"),
               "write ${env:NAME} with the name of an environment variable");
      return std::nullopt;
    }
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) {
      fault_at(node.place, key, "config.environment", cat("the environment variable ", name, " is not set"),
               cat("set it (export ", name, "=...) or write the value itself"));
      return std::nullopt;
    }
    if (!is_utf8(value)) {
      fault_at(node.place, key, "config.environment", cat("the environment variable ", name, " is not UTF-8"),
               "set it to a text in UTF-8");
      return std::nullopt;
    }
    text += node.text.substr(next, begin - next) + value;
    next = end + 1;
  }
  return text + node.text.substr(next);
}

std::string ConfigReader::resolve(const std::string& path, const ConfigNode& node) const {
  return absolute_path(path, node.from_command_line ? "." : folder_);
}

}  // namespace broadsheet
