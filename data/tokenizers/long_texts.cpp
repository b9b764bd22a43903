#include "data/tokenizers/long_texts.h"

#include <algorithm>

#include "core/text.h"

namespace broadsheet {

void LongTexts::finish() {
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.text < b.text; });
  std::vector<int32_t> open;  // each one begins with those before it
  for (size_t i = 0; i < entries_.size(); ++i) {
    Entry& entry = entries_[i];
    while (!open.empty() && !starts_with(entry.text, entries_[static_cast<size_t>(open.back())].text)) open.pop_back();
    entry.parent = open.empty() ? -1 : open.back();
    entry.shortest = open.empty() ? entry.text.size() : entries_[static_cast<size_t>(open.front())].text.size();
    open.push_back(static_cast<int32_t>(i));
  }
}

int32_t LongTexts::longest(std::string_view rest, size_t& length) const {
  // Sorted, every text between one that `rest` begins with and `rest` itself begins with that one, too: so the last
  // one before `rest` begins with all of them.
  const auto next = std::upper_bound(entries_.begin(), entries_.end(), rest,
                                     [](std::string_view text, const Entry& entry) { return text < entry.text; });
  if (next == entries_.begin()) return -1;
  const Entry* entry = &*(next - 1);
  if (!starts_with(rest, entry->text.substr(0, entry->shortest))) return -1;
  const auto common = std::mismatch(rest.begin(), rest.end(), entry->text.begin(), entry->text.end());
  const auto shared = static_cast<size_t>(common.first - rest.begin());
  while (entry->text.size() > shared) entry = &entries_[static_cast<size_t>(entry->parent)];
  length = entry->text.size();
  return entry->value;
}

}  // namespace broadsheet
