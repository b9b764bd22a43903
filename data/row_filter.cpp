#include "data/row_filter.h"

#include <algorithm>

#include "core/text.h"

namespace broadsheet {

std::vector<std::pair<std::string, std::string>> filter_columns(const FilterConfig& filter) {
  std::vector<std::pair<std::string, std::string>> columns;
  for (const auto& [column, values] : filter.keep) columns.emplace_back(column, "keep");
  for (const std::string& column : filter.not_empty) columns.emplace_back(column, "not_empty");
  return columns;
}

std::optional<std::string> passed_over_by(const FilterConfig& filter, const Document& document) {
  const auto value_of = [&](const std::string& column) -> std::string_view {
    const auto found = document.values.find(column);
    return found == document.values.end() ? std::string_view() : trim(found->second);
  };
  for (const auto& [column, values] : filter.keep)
    if (std::find(values.begin(), values.end(), value_of(column)) == values.end()) return column;
  for (const std::string& column : filter.not_empty)
    if (value_of(column).empty()) return column;
  return std::nullopt;
}

}  // namespace broadsheet
