// The field table of a config struct: one list of keys, each with its member, type, default and doc. It alone drives
// reading, validation, help text, the reference page and the JSON schema, so none of them can drift.
//
//   const Section<CleanConfig>& table() {
//     static const auto section = Section<CleanConfig>().key("exact_duplicates", &CleanConfig::exact_duplicates,
//                                                            boolean(), "Drop documents whose texts are equal.");
//     return section;
//   }
//
// The YAML key is the member's name; the default is the member's initialiser.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/config_types.h"

namespace broadsheet {

enum class Need { kOptional, kRequired };

template <class T>
class Section {
 public:
  // Looks at a section that was read and records what is wrong in it across keys. `prefix` is the section's own key.
  using Check = std::function<void(const T& value, const std::string& prefix, ConfigReader& reader)>;

  template <class V>
  Section& key(const std::string& name, V T::*member, const ConfigType<V>& type, const std::string& doc,
               Need need = Need::kOptional) {
    Field field{name, doc, need == Need::kRequired, false, type.words, type.schema, {}, {}, type.children};
    field.read = [member, type](const ConfigNode& node, const std::string& full, ConfigReader& reader, T& value) {
      return type.read(node, full, reader, value.*member);
    };
    field.write = [member, type](const T& value) { return type.write(value.*member); };
    fields_.push_back(std::move(field));
    return *this;
  }
  // A designed key that is not built yet: refused by name whenever it is given, unless `harmless` says that the value
  // asks for nothing ("adapter: {kind: none}").
  Section& later(const std::string& name, const std::string& doc,
                 std::function<bool(const ConfigNode&)> harmless = {}) {
    Field field{name, doc, false, true, "not in this version", OrderedJson(false), {}, {}, {}};
    if (harmless)
      field.schema = OrderedJson{
          {"type", "object"}, {"additionalProperties", false}, {"properties", {{"kind", {{"const", "none"}}}}}};
    field.read = [name, harmless](const ConfigNode& node, const std::string& full, ConfigReader& reader, T&) {
      if (harmless && harmless(node)) return true;
      for (const ConfigNode::Entry& entry : node.entries) reader.foreign_key(join_key(full, entry.key), entry);
      reader.fault(full, "config.not_in_this_version", name + " is designed but not in this version", "remove it");
      return false;
    };
    field.write = [](const T&) { return OrderedJson(); };
    fields_.push_back(std::move(field));
    return *this;
  }
  Section& check(Check check) {
    checks_.push_back(std::move(check));
    return *this;
  }

  // Reads `node` into `value`. Every fault is recorded; what could not be read keeps its default.
  bool read(const ConfigNode& node, const std::string& prefix, ConfigReader& reader, T& value) const {
    if (!node.is_map()) return fault_wanted(node, prefix, reader, "a map", "its keys are " + join_names());
    const size_t before = reader.faults().all().size();
    for (const ConfigNode::Entry& entry : node.entries) {
      const std::string full = join_key(prefix, entry.key);
      const Field* field = find(entry.key);
      if (field == nullptr) {
        reader.unknown_key(full, entry, names());
        continue;
      }
      reader.note(full, entry.value);
      field->read(entry.value, full, reader, value);
    }
    for (const Field& field : fields_) {
      if (!field.required || node.find(field.name) != nullptr) continue;
      reader.fault_at(node.place, join_key(prefix, field.name), "config.required", "missing, wanted " + field.words,
                      "add " + field.name + ": ...");
    }
    for (const Check& check : checks_) check(value, prefix, reader);
    return reader.faults().all().size() == before;
  }

  OrderedJson write(const T& value) const {
    OrderedJson json = OrderedJson::object();
    for (const Field& field : fields_) {
      OrderedJson one = field.write(value);
      if (!one.is_null()) json[field.name] = std::move(one);
    }
    return json;
  }

  OrderedJson schema() const {
    OrderedJson json = {{"type", "object"}, {"additionalProperties", false}, {"properties", OrderedJson::object()}};
    const OrderedJson initial = write(T{});
    for (const Field& field : fields_) {
      if (field.later && field.schema.is_boolean()) continue;  // additionalProperties refuses it
      OrderedJson one = field.schema;
      if (one.is_object()) one["description"] = field.doc;
      if (!field.required && initial.contains(field.name) && initial[field.name].is_primitive()) {
        one["default"] = initial[field.name];
      }
      json["properties"][field.name] = std::move(one);
      if (field.required) json["required"].push_back(field.name);
    }
    return json;
  }

  void describe(const std::string& prefix, std::vector<KeyDoc>& docs) const {
    const OrderedJson initial = write(T{});
    for (const Field& field : fields_) {
      const std::string full = join_key(prefix, field.name);
      const bool shown = !field.required && initial.contains(field.name) && initial[field.name].is_primitive();
      docs.push_back(
          {full, field.words, shown ? plain_text(initial[field.name]) : "", field.doc, field.required, field.later});
      if (field.children) field.children(full, docs);
    }
  }

 private:
  struct Field {
    std::string name, doc;
    bool required = false, later = false;
    std::string words;
    OrderedJson schema;
    std::function<bool(const ConfigNode&, const std::string&, ConfigReader&, T&)> read;
    std::function<OrderedJson(const T&)> write;
    std::function<void(const std::string&, std::vector<KeyDoc>&)> children;
  };
  const Field* find(const std::string& name) const {
    for (const Field& field : fields_) {
      if (field.name == name) return &field;
    }
    return nullptr;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> list;
    for (const Field& field : fields_) list.push_back(field.name);
    return list;
  }
  std::string join_names() const {
    std::string list;
    for (const Field& field : fields_) list += (list.empty() ? "" : ", ") + field.name;
    return list;
  }
  static std::string plain_text(const OrderedJson& value) {
    return value.is_string() ? value.template get<std::string>() : value.dump();
  }

  std::vector<Field> fields_;
  std::vector<Check> checks_;
};

// A section as the type of a key in a larger one. `section` must outlive the type: tables are function-local statics.
template <class T>
ConfigType<T> nested(const Section<T>& section) {
  ConfigType<T> type;
  type.words = "a map";
  type.schema = section.schema();
  type.read = [&section](const ConfigNode& node, const std::string& key, ConfigReader& reader, T& value) {
    return section.read(node, key, reader, value);
  };
  type.write = [&section](const T& value) { return section.write(value); };
  type.children = [&section](const std::string& prefix, std::vector<KeyDoc>& docs) { section.describe(prefix, docs); };
  return type;
}

}  // namespace broadsheet
