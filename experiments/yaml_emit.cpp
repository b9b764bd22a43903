#include "core/text.h"
#include "experiments/yaml.h"

namespace broadsheet {
namespace {

using OrderedJson = nlohmann::ordered_json;

// Plain where no YAML reader could see anything but a text; else in double quotes, whose escapes JSON shares.
std::string emit_text(const std::string& text) {
  static constexpr std::string_view kSafe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-";
  static const std::vector<std::string> kReserved = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"};
  std::string small;
  for (const char c : text) small += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  const bool letter = !text.empty() && (text[0] == '/' || text[0] == '_' || (small[0] >= 'a' && small[0] <= 'z'));
  bool plain = letter && text.find_first_not_of(kSafe) == std::string::npos;
  for (const std::string& word : kReserved) plain = plain && small != word;
  return plain ? text : OrderedJson(text).dump();
}

std::string emit_scalar(const OrderedJson& value) {
  if (value.is_string()) return emit_text(value.get<std::string>());
  if (value.is_object()) return "{}";
  if (value.is_array()) return "[]";
  return value.dump();
}

bool is_flat(const OrderedJson& value) {
  for (const OrderedJson& item : value) {
    if (item.is_structured() && !item.empty()) return false;
  }
  return true;
}

void emit(const OrderedJson& value, const std::string& indent, std::string& text) {
  for (auto item = value.begin(); item != value.end(); ++item) {
    const std::string head = value.is_array() ? indent + "-" : indent + emit_text(item.key()) + ":";
    if (!item->is_structured() || item->empty()) {
      text += head + " " + emit_scalar(*item) + "\n";
    } else if (item->is_array() && is_flat(*item)) {
      std::vector<std::string> parts;
      for (const OrderedJson& one : *item) parts.push_back(emit_scalar(one));
      text += head + " [" + join(parts, ", ") + "]\n";
    } else {
      text += head + "\n";
      emit(*item, indent + "  ", text);
    }
  }
}

}  // namespace

std::string emit_yaml(const OrderedJson& value) {
  std::string text;
  emit(value, "", text);
  return text;
}

}  // namespace broadsheet
