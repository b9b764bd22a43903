#include <algorithm>

#include "core/text.h"
#include "experiments/foreign_keys.h"
#include "experiments/sweep/foreign_distribution.h"
#include "experiments/sweep/parameter_file.h"
#include "experiments/sweep/sweep_keys.h"

namespace broadsheet {
namespace {

using nlohmann::json;

constexpr size_t kMostNames = 8;  // in a dotted key; the longest of ours has three
constexpr size_t kMostParameters = 1000;

bool describes_parameter(const std::string& key, const ConfigNode& node) {
  static const std::vector<KeyDoc> docs = [] {
    std::vector<KeyDoc> list;
    parameter_section().describe("", list);
    return list;
  }();
  if (!node.is_map() || node.entries.empty()) return true;
  if (std::any_of(docs.begin(), docs.end(), [&](const KeyDoc& doc) { return node.find(doc.key) != nullptr; }))
    return true;
  // freeze may be a parameter, or have some.
  const RunKeys& keys = RunKeys::table();
  const bool section = std::any_of(node.entries.begin(), node.entries.end(), [&](const ConfigNode::Entry& entry) {
    return keys.has_value(join_key(key, entry.key));
  });
  return !section && keys.has_value(key);
}

// Relative paths belong to the sweep file's folder.
void resolve_paths(ParameterFile& file, const std::string& key, ConfigReader& reader) {
  const auto resolve = [&](json& value, const std::string& full) {
    const ConfigNode* node = reader.given(full);
    const bool path = value.is_string() && node != nullptr && !starts_with(value.get<std::string>(), "~");
    if (path) value = reader.resolve(value.get<std::string>(), *node);
  };
  for (size_t i = 0; i < file.values.size(); ++i) resolve(file.values[i], cat(key, ".values[", i, "]"));
  if (file.value) resolve(*file.value, key + ".value");
}

bool read_parameter(const ConfigNode::Entry& entry, const std::string& name, const std::string& key,
                    ConfigReader& reader, SearchParameter& parameter) {
  if (const auto refused = RunKeys::table().refusal(name)) {
    const auto foreign = foreign_key_remedy(name, entry.value, entry.value, "run");
    const bool ours = !foreign || refused->code != "sweep.unknown_parameter";
    reader.fault_at(entry.place, key, refused->code, refused->what, ours ? refused->remedy : *foreign);
    return false;
  }
  const ConfigNode& node = entry.value;
  if (!node.is_map()) {
    const std::string remedy = node.is_scalar() ? cat("write {value: ", describe(node), "} for a fixed value")
                               : node.is_list() ? "write {values: [...]}"
                                                : "write {values: [...]}, or a distribution with its bounds";
    return fault_wanted(node, key, reader, "a map that describes the parameter", remedy);
  }
  if (foreign_distribution(node, key, reader)) return false;
  ParameterFile file;
  if (!parameter_section().read(node, key, reader, file)) return false;
  if (RunKeys::table().is_path(name)) resolve_paths(file, key, reader);
  parameter.name = name;
  return to_parameter(file, key, reader, parameter);
}

bool read_parameters(const ConfigNode& map, const std::string& prefix, const std::string& key, ConfigReader& reader,
                     std::vector<SearchParameter>& parameters) {
  bool good = true;
  for (const ConfigNode::Entry& entry : map.entries) {
    const std::string name = join_key(prefix, entry.key), full = join_key(key, entry.key);
    reader.note(full, entry.value);
    if (!describes_parameter(name, entry.value)) {
      good = read_parameters(entry.value, name, full, reader, parameters) && good;
      continue;
    }
    SearchParameter parameter;
    if (read_parameter(entry, name, full, reader, parameter)) {
      parameters.push_back(std::move(parameter));
    } else {
      good = false;
    }
  }
  return good;
}

// Puts `entry` where its dotted key says.
void place(ConfigNode& parameters, const std::string& key, const ConfigNode::Entry& entry, Faults& faults) {
  std::vector<std::string> names = split(key, '.');
  const bool strange = names.size() > kMostNames || std::find(names.begin(), names.end(), "") != names.end();
  if (strange) names = {key};  // no key of ours; the reader says so
  ConfigNode* target = &parameters;
  std::string above;
  for (size_t i = 0; i + 1 < names.size(); ++i) {
    above = join_key(above, names[i]);
    ConfigNode* child = target->find(names[i]);
    if (child != nullptr && describes_parameter(above, *child)) {
      faults.add({"config.duplicate_key", entry.place, join_key("parameters", key),
                  cat("lies in ", above, ", which is a parameter itself"), "keep one of the two"});
      return;
    }
    if (child == nullptr) {
      ConfigNode map;
      map.kind = ConfigNode::Kind::kMap;
      map.place = entry.place;
      target->entries.push_back({names[i], entry.place, std::move(map)});
      child = &target->entries.back().value;
    }
    target = child;
  }
  if (target->find(names.back()) != nullptr) {
    faults.add({"config.duplicate_key", entry.place, join_key("parameters", key),
                "given twice, or as a section and a parameter", "keep one of the two"});
    return;
  }
  target->entries.push_back({names.back(), entry.place, entry.value});
}

void nest(ConfigNode& parameters, const std::string& prefix, const ConfigNode& map, size_t& count, Faults& faults) {
  for (const ConfigNode::Entry& entry : map.entries) {
    const std::string key = join_key(prefix, entry.key);
    if (!describes_parameter(key, entry.value)) {
      nest(parameters, key, entry.value, count, faults);
      continue;
    }
    if (count < kMostParameters) place(parameters, key, entry, faults);
    if (++count == kMostParameters) {
      faults.add({"sweep.parameters", entry.place, "parameters", cat("found ", kMostParameters, " parameters or more"),
                  "search the few that matter"});
    }
  }
}

}  // namespace

void nest_parameters(ConfigNode& root, Faults& faults) {
  ConfigNode* given = root.find("parameters");
  if (given == nullptr || !given->is_map()) return;
  ConfigNode parameters;
  parameters.kind = ConfigNode::Kind::kMap;
  parameters.place = given->place;
  size_t count = 0;
  nest(parameters, "", *given, count, faults);
  *given = std::move(parameters);
}

ConfigType<std::vector<SearchParameter>> parameters_type() {
  ConfigType<std::vector<SearchParameter>> type;
  type.words = "a map from keys of the run file, each value a map";
  const OrderedJson one = parameter_section().schema();
  OrderedJson schema = one;
  for (int level = 0; level < 3; ++level) {  // train: {learning_rate: {...}} as well as train.learning_rate: {...}
    const OrderedJson map = {{"type", "object"}, {"additionalProperties", schema}, {"minProperties", 1}};
    schema = level < 2 ? OrderedJson{{"anyOf", OrderedJson::array({one, map})}} : map;
  }
  type.schema = schema;
  type.read = [words = type.words](const ConfigNode& node, const std::string& key, ConfigReader& reader,
                                   std::vector<SearchParameter>& parameters) {
    if (!node.is_map() || node.entries.empty()) {
      return fault_wanted(node, key, reader, words, "write train.learning_rate: {values: [1e-5, 1e-4]}, for instance");
    }
    return read_parameters(node, "", key, reader, parameters);
  };
  type.write = [](const std::vector<SearchParameter>& parameters) {
    OrderedJson map;
    for (const SearchParameter& parameter : parameters) {
      map[parameter.name] = parameter_section().write(to_file(parameter));
    }
    return map;
  };
  type.children = [](const std::string& prefix, std::vector<KeyDoc>& docs) {
    parameter_section().describe(join_key(prefix, "*"), docs);
  };
  return type;
}

}  // namespace broadsheet
