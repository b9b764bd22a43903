// What a configuration value can be. A ConfigType<V> knows how to read a V from a tree, how to write it back, how to
// say what is wanted, and its JSON schema: one description, so that the four cannot disagree.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/config_reader.h"

namespace broadsheet {

using OrderedJson = nlohmann::ordered_json;

// One line of the reference page.
struct KeyDoc {
  std::string key;      // dotted; "*" stands for a name that the user chooses, "[]" for a list's items
  std::string words;    // what is wanted: "a number above 0"
  std::string initial;  // the default as YAML text; empty: none
  std::string doc;      // one or two sentences
  bool required = false;
  bool later = false;  // designed, but not in this version
};

template <class V>
struct ConfigType {
  std::string words;   // "an integer of at least 1"
  OrderedJson schema;  // draft-07
  // False when a fault was recorded; the value is then as it was.
  std::function<bool(const ConfigNode&, const std::string& key, ConfigReader&, V&)> read;
  // Null when there is nothing to write: an empty text, list or map, an optional without a value.
  std::function<OrderedJson(const V&)> write;
  // The keys below `prefix`, for types that have any.
  std::function<void(const std::string& prefix, std::vector<KeyDoc>&)> children = {};
};

struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_open = false, high_open = false;
};
inline Range at_least(double low) {
  return {low, std::numeric_limits<double>::infinity(), false, false};
}
inline Range above(double low) {
  return {low, std::numeric_limits<double>::infinity(), true, false};
}

// A fixed choice. `later`: designed values that are not built yet. `foreign`: other tools' spellings of ours.
struct Choices {
  std::vector<std::string> values;
  std::vector<std::string> later = {};
  std::map<std::string, std::string> foreign = {};
};

ConfigType<bool> boolean();  // true | false, nothing else
ConfigType<int64_t> integer(int64_t low, int64_t high = std::numeric_limits<int64_t>::max());
ConfigType<int> fixed_integer(int value);  // exactly this
ConfigType<uint64_t> natural();            // 0 .. 2^64-1
ConfigType<int64_t> auto_or(int64_t low);  // "auto" (0) or an integer
ConfigType<double> number(Range range);    // finite; decimal notation
ConfigType<std::string> text();            // not empty
ConfigType<std::string> short_name();      // [A-Za-z0-9._-]{1,64}: becomes a folder's name
ConfigType<std::string> path();            // comes back absolute
ConfigType<std::string> one_of(Choices choices);
ConfigType<std::pair<double, double>> interval();       // [low, high] with low < high
ConfigType<nlohmann::json> raw_map(std::string words);  // any map, as JSON

// A scalar read with strict rules; used by types of the caller's own.
bool read_number(const ConfigNode& node, const std::string& key, ConfigReader& reader, double& value);
bool fault_wanted(const ConfigNode& node, const std::string& key, ConfigReader& reader, const std::string& wanted,
                  const std::string& remedy);
// The tree as JSON: plain true, false, null and decimal numbers by YAML's core schema, everything else text.
nlohmann::json to_raw_json(const ConfigNode& node, const std::string& key, ConfigReader& reader);
// Adds "or ${env:NAME}" to a scalar's schema.
OrderedJson or_environment(OrderedJson schema);

template <class V>
ConfigType<std::vector<V>> list_of(ConfigType<V> item, bool one_is_enough = false) {
  ConfigType<std::vector<V>> type;
  type.words = (one_is_enough ? item.words + ", or a list of such" : "a list, each item " + item.words);
  const OrderedJson list = {{"type", "array"}, {"items", item.schema}, {"minItems", 1}};
  type.schema = one_is_enough ? OrderedJson{{"anyOf", {item.schema, list}}} : list;
  type.read = [item, one_is_enough, words = type.words](const ConfigNode& node, const std::string& key,
                                                        ConfigReader& reader, std::vector<V>& value) {
    std::vector<V> values;
    if (!node.is_list()) {
      if (!one_is_enough)
        return fault_wanted(node, key, reader, words, "write [first, second], or one in a line after a dash");
      values.emplace_back();
      if (!item.read(node, key, reader, values.back())) return false;
      value = std::move(values);
      return true;
    }
    if (node.items.empty()) return fault_wanted(node, key, reader, words, "list at least one, or remove the key");
    bool good = true;
    for (size_t i = 0; i < node.items.size(); ++i) {
      const std::string item_key = key + "[" + std::to_string(i) + "]";
      reader.note(item_key, node.items[i]);
      values.emplace_back();
      good = item.read(node.items[i], item_key, reader, values.back()) && good;
    }
    if (good) value = std::move(values);
    return good;
  };
  type.write = [item](const std::vector<V>& value) {
    OrderedJson list_json;
    for (const V& one : value) list_json.push_back(item.write(one));
    return list_json;
  };
  if (item.children) {
    type.children = [item](const std::string& prefix, std::vector<KeyDoc>& docs) {
      item.children(prefix + "[]", docs);
    };
  }
  return type;
}

template <class V>
ConfigType<std::map<std::string, V>> map_of(ConfigType<V> item) {
  ConfigType<std::map<std::string, V>> type;
  type.words = "a map from names, each value " + item.words;
  type.schema = {{"type", "object"}, {"additionalProperties", item.schema}, {"minProperties", 1}};
  type.read = [item, words = type.words](const ConfigNode& node, const std::string& key, ConfigReader& reader,
                                         std::map<std::string, V>& value) {
    if (!node.is_map() || node.entries.empty()) return fault_wanted(node, key, reader, words, "write {name: value}");
    std::map<std::string, V> values;
    bool good = true;
    for (const ConfigNode::Entry& entry : node.entries) {
      const std::string item_key = join_key(key, entry.key);
      reader.note(item_key, entry.value);
      good = item.read(entry.value, item_key, reader, values[entry.key]) && good;
    }
    if (good) value = std::move(values);
    return good;
  };
  type.write = [item](const std::map<std::string, V>& value) {
    OrderedJson map_json;
    for (const auto& [name, one] : value) map_json[name] = item.write(one);
    return map_json;
  };
  if (item.children) {
    type.children = [item](const std::string& prefix, std::vector<KeyDoc>& docs) {
      item.children(join_key(prefix, "*"), docs);
    };
  }
  return type;
}

template <class V>
ConfigType<std::optional<V>> optional_of(ConfigType<V> item) {
  ConfigType<std::optional<V>> type{item.words, item.schema, {}, {}, item.children};
  type.read = [item](const ConfigNode& node, const std::string& key, ConfigReader& reader, std::optional<V>& value) {
    V one{};
    if (!item.read(node, key, reader, one)) return false;
    value = std::move(one);
    return true;
  };
  type.write = [item](const std::optional<V>& value) { return value ? item.write(*value) : OrderedJson(); };
  return type;
}

// A choice whose values are an enum's.
template <class E>
ConfigType<E> enum_of(std::vector<std::pair<std::string, E>> names) {
  Choices choices;
  for (const auto& [name, value] : names) choices.values.push_back(name);
  const ConfigType<std::string> inner = one_of(choices);
  ConfigType<E> type{inner.words, inner.schema, {}, {}, {}};
  type.read = [inner, names](const ConfigNode& node, const std::string& key, ConfigReader& reader, E& value) {
    std::string found;
    if (!inner.read(node, key, reader, found)) return false;
    for (const auto& [name, one] : names) {
      if (name == found) value = one;
    }
    return true;
  };
  type.write = [names](const E& value) {
    for (const auto& [name, one] : names) {
      if (one == value) return OrderedJson(name);
    }
    return OrderedJson();
  };
  return type;
}

}  // namespace broadsheet
