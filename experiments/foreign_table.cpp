#include "experiments/foreign_table.h"

#include <algorithm>

#include "core/text.h"

namespace broadsheet {

std::string foreign_value(const ConfigNode& value) {
  if (value.is_scalar() && value.text.size() <= 200) return value.text;
  if (value.is_list() && value.items.size() <= 8) {
    std::vector<std::string> parts;
    for (const ConfigNode& item : value.items) {
      if (!item.is_scalar()) return "...";
      parts.push_back(item.text);
    }
    return "[" + join(parts, ", ") + "]";
  }
  return "...";
}

ForeignRemedy same(const std::string& ours) {
  return [ours](const ForeignContext& context) { return cat("write ", ours, ": ", foreign_value(context.value)); };
}
ForeignRemedy translated(const std::string& ours, const std::map<std::string, std::string>& words) {
  return [ours, words](const ForeignContext& context) {
    std::string text = foreign_value(context.value);
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
    const auto found = words.find(text);
    return cat("write ", ours, ": ", found != words.end() ? found->second : text);
  };
}
ForeignRemedy advice(const std::string& text) {
  return [text](const ForeignContext&) { return text; };
}

void add(ForeignTable& table, const std::vector<std::string>& names, const ForeignRemedy& remedy) {
  for (const std::string& name : names) table[name] = remedy;
}

}  // namespace broadsheet
