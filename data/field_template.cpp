#include "data/field_template.h"

#include <stdexcept>

#include "core/text.h"

namespace broadsheet {

FieldTemplate::FieldTemplate(std::string_view text) : between_(1) {
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c != '{' && c != '}') {
      between_.back() += c;
      continue;
    }
    if (i + 1 < text.size() && text[i + 1] == c) {
      between_.back() += c;
      ++i;
      continue;
    }
    if (c == '}') throw std::invalid_argument(cat("the } at character ", i + 1, " closes nothing"));
    const size_t end = text.find_first_of("{}", i + 1);
    if (end == std::string_view::npos || text[end] == '{')
      throw std::invalid_argument(cat("the { at character ", i + 1, " is not closed"));
    if (end == i + 1) throw std::invalid_argument(cat("the {} at character ", i + 1, " names nothing"));
    columns_.emplace_back(text.substr(i + 1, end - i - 1));
    between_.emplace_back();
    i = end;
  }
  if (columns_.empty()) throw std::invalid_argument("it names nothing in braces");
}

std::string FieldTemplate::fill(const std::vector<std::string_view>& values) const {
  std::string text = between_[0];
  for (size_t i = 0; i < columns_.size(); ++i) {
    text += values[i];
    text += between_[i + 1];
  }
  return text;
}

}  // namespace broadsheet
