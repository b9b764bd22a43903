#include "data/cleaning/names.h"

#include <algorithm>

#include "core/errors.h"
#include "core/text.h"
#include "data/cleaning/finders.h"
#include "data/tokenizers/unicode.h"

namespace broadsheet {
namespace {

constexpr size_t kLongestName = 200;

// The end of the run of spaces at `position`.
size_t spaces_end(std::string_view text, size_t position) {
  while (position < text.size()) {
    size_t next = position;
    if (!unicode_classes().is(next_code_point(text, next), CodePointClass::kWhitespace)) break;
    position = next;
  }
  return position;
}

std::string with_single_spaces(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const size_t next = spaces_end(text, i);
    if (next == i) {
      out += text[i++];
      continue;
    }
    if (!out.empty() && next < text.size()) out += ' ';
    i = next;
  }
  return out;
}

size_t two_bytes(std::string_view text) {
  return static_cast<unsigned char>(text[0]) * size_t{256} + static_cast<unsigned char>(text[1]);
}

}  // namespace

NameList::NameList(std::string_view text, const std::string& path) {
  Faults faults;
  int number = 0;
  for (const std::string& line : split(text, '\n')) {
    ++number;
    if (trim(line).empty() || line[0] == '#') continue;
    const size_t before = names_.size();
    for (const std::string& part : split(line, '\t')) {
      const std::string name = with_single_spaces(part);
      if (name.empty()) continue;
      size_t second = 0;
      next_code_point(name, second);
      // The name itself is not told: messages are kept longer than lists.
      if (second == name.size() || name.size() > kLongestName || !is_utf8(name))
        faults.add({"corpus.names",
                    {path, number, 0},
                    "deidentify.name_list",
                    cat("a name of ", name.size(), " bytes"),
                    "a name has two characters to 200 bytes of UTF-8"});
      else
        names_.push_back({name, static_cast<uint32_t>(persons_.size())});
    }
    if (names_.size() > before) persons_.push_back(names_[before].text);
  }
  std::sort(names_.begin(), names_.end(),
            [](const Name& a, const Name& b) { return a.text != b.text ? a.text < b.text : a.person < b.person; });
  for (size_t i = 1; i < names_.size(); ++i)
    if (names_[i].text == names_[i - 1].text && names_[i].person != names_[i - 1].person)
      faults.add({"corpus.names",
                  {path, 0, 0},
                  "deidentify.name_list",
                  "two lines have one and the same name",
                  "write all names of a person in one line, each name once"});
  faults.throw_if_any();
  if (names_.empty())
    throw UserError("corpus.names", cat(path, ": holds no name"),
                    "write a person a line, or remove deidentify.name_list");
  for (const Name& name : names_) begins_.set(two_bytes(name.text));
}

// Narrows the range of the names that begin as the text does, byte by byte.
size_t NameList::longest_at(std::string_view text, size_t begin) const {
  const auto byte_at = [](const Name& name, size_t depth) {
    return depth < name.text.size() ? static_cast<unsigned char>(name.text[depth]) : -1;
  };
  auto low = names_.begin(), high = names_.end();
  size_t longest = begin, position = begin;
  for (size_t depth = 0; position < text.size(); ++depth) {
    const size_t behind = spaces_end(text, position);
    const int byte = behind > position ? ' ' : static_cast<unsigned char>(text[position]);
    position = behind > position ? behind : position + 1;
    low = std::partition_point(low, high, [&](const Name& name) { return byte_at(name, depth) < byte; });
    high = std::partition_point(low, high, [&](const Name& name) { return byte_at(name, depth) == byte; });
    if (low == high) break;
    if (low->text.size() != depth + 1) continue;
    size_t last = position;
    const char32_t end = finders::code_point_before(text, last);
    size_t next = position;
    const bool inside_word =
        finders::is_spaced_word(end) && position < text.size() && finders::is_spaced_word(next_code_point(text, next));
    if (!inside_word) longest = position;
  }
  return longest;
}

void NameList::find(std::string_view text, std::vector<Finding>& found) const {
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    if (!begins_[two_bytes(text.substr(i))]) continue;
    if ((static_cast<unsigned char>(text[i]) & 0xC0) == 0x80) continue;
    size_t next = i, before = i;
    const bool word = finders::is_spaced_word(next_code_point(text, next));
    if (word && i > 0 && finders::is_spaced_word(finders::code_point_before(text, before))) continue;
    const size_t end = longest_at(text, i);
    if (end == i) continue;
    found.push_back({i, end, IdentifierKind::kName});
    i = end - 1;
  }
}

std::string_view NameList::person(std::string_view found) const {
  const std::string name = with_single_spaces(found);
  const auto place = std::lower_bound(names_.begin(), names_.end(), name,
                                      [](const Name& one, const std::string& wanted) { return one.text < wanted; });
  if (place == names_.end() || place->text != name) return {};
  return persons_[place->person];
}

}  // namespace broadsheet
