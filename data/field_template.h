// FieldTemplate: the text of a field made of several columns, "{title}\n\n{body}".
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace broadsheet {

// Columns stand in braces; "{{" and "}}" are braces themselves.
class FieldTemplate {
 public:
  // Throws std::invalid_argument that says what is wrong: a brace without its other, no column at all.
  explicit FieldTemplate(std::string_view text);

  const std::vector<std::string>& columns() const { return columns_; }  // as they stand, one perhaps twice
  // What stands around them: before the first, between two, behind the last; one more than columns.
  const std::vector<std::string>& between() const { return between_; }
  // `values`: one per column.
  std::string fill(const std::vector<std::string_view>& values) const;

 private:
  std::vector<std::string> columns_;
  std::vector<std::string> between_;
};

}  // namespace broadsheet
