// The types of textual values: texts, names, paths and choices.
#include <algorithm>

#include "core/config_types.h"
#include "core/text.h"

namespace broadsheet {

ConfigType<std::string> text() {
  ConfigType<std::string> type{"a text", {{"type", OrderedJson::array({"string", "number", "boolean"})}}, {}, {}, {}};
  type.read = [](const ConfigNode& node, const std::string& key, ConfigReader& reader, std::string& value) {
    if (!node.is_scalar()) return fault_wanted(node, key, reader, "a text", "write a text or remove the key");
    const auto found = reader.expand(key, node);
    if (!found) return false;
    if (found->empty()) return fault_wanted(node, key, reader, "a text", "write a text or remove the key");
    value = *found;
    return true;
  };
  type.write = [](const std::string& value) { return value.empty() ? OrderedJson() : OrderedJson(value); };
  return type;
}

ConfigType<std::string> short_name() {
  ConfigType<std::string> type = text();
  type.words = "a name of 1 to 64 letters, digits, dots, dashes or underscores";
  type.schema = or_environment(
      {{"type", OrderedJson::array({"string", "number", "boolean"})}, {"pattern", "^[A-Za-z0-9._-]{1,64}$"}});
  type.read = [inner = text(), words = type.words](const ConfigNode& node, const std::string& key, ConfigReader& reader,
                                                   std::string& value) {
    std::string found;
    if (!inner.read(node, key, reader, found)) return false;
    std::string good;
    for (const char c : found) {
      const bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                        c == '-' || c == '_';
      if (fine || good.empty() || good.back() != '-') good += fine ? c : '-';
    }
    good = good.substr(0, 64);
    const bool dots = good.find_first_not_of('.') == std::string::npos;  // "." and ".." are no folders of ours
    if (good != found || dots) {
      return fault_wanted(node, key, reader, words,
                          dots ? "choose a name" : cat("it names a folder; for example ", good));
    }
    value = found;
    return true;
  };
  return type;
}

ConfigType<std::string> path() {
  ConfigType<std::string> type = text();
  type.words = "a path";
  type.read = [inner = text()](const ConfigNode& node, const std::string& key, ConfigReader& reader,
                               std::string& value) {
    std::string found;
    if (!inner.read(node, key, reader, found)) return false;
    if (found[0] == '~') {
      return fault_wanted(node, key, reader, "a path",
                          cat("only the shell knows ~; write ${env:HOME}", found.size() > 1 ? found.substr(1) : ""));
    }
    if (found.find('\0') != std::string::npos) return fault_wanted(node, key, reader, "a path", "remove the NUL byte");
    value = reader.resolve(found, node);
    return true;
  };
  return type;
}

ConfigType<std::string> one_of(Choices choices) {
  ConfigType<std::string> type = text();
  type.words = choices.values.size() == 1 ? choices.values[0] : "one of " + join(choices.values, " | ");
  type.schema = or_environment({{"enum", choices.values}});
  type.read = [choices, words = type.words](const ConfigNode& node, const std::string& key, ConfigReader& reader,
                                            std::string& value) {
    if (!node.is_scalar()) return fault_wanted(node, key, reader, words, "write one of them");
    const auto found = reader.expand(key, node);
    if (!found) return false;
    const auto among = [&](const std::vector<std::string>& list) {
      return std::find(list.begin(), list.end(), *found) != list.end();
    };
    if (among(choices.values)) {
      value = *found;
      return true;
    }
    if (among(choices.later)) {
      reader.fault(key, "config.not_in_this_version", cat(*found, " is designed but not in this version"),
                   cat("wanted ", words));
      return false;
    }
    const auto foreign = choices.foreign.find(*found);
    const std::string near = foreign != choices.foreign.end() ? foreign->second : nearest(*found, choices.values);
    reader.fault(key, "config.choice", cat("found ", describe(node), ", wanted ", words),
                 foreign != choices.foreign.end() ? cat("write ", near)
                 : near.empty()                   ? "choose one of them"
                                                  : cat("did you mean ", near, "?"));
    return false;
  };
  return type;
}

}  // namespace broadsheet
