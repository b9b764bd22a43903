#include "trainer/metrics/entities.h"

#include <set>

#include "core/errors.h"
#include "data/tokenizers/unicode.h"

namespace broadsheet {
namespace {

struct Tag {
  char32_t mark = U'O';
  std::string type = "_";
};

Tag read_tag(const std::string& text) {
  Tag tag;
  if (text.empty()) return tag;
  size_t at = 0;
  tag.mark = next_code_point(text, at);
  const size_t hyphen = text.find('-', at);
  std::string type = text.substr(hyphen == std::string::npos ? at : hyphen + 1);
  if (!type.empty()) tag.type = std::move(type);
  return tag;
}

bool outside(const Tag& tag) {
  return tag.mark == U'O' || tag.mark == U'.';
}

bool is_any(char32_t mark, std::u32string_view marks) {
  return marks.find(mark) != std::u32string_view::npos;
}

bool ends(const Tag& before, const Tag& tag) {
  if (is_any(before.mark, U"ES")) return true;
  if (is_any(before.mark, U"BI") && is_any(tag.mark, U"BSO")) return true;
  return !outside(before) && before.type != tag.type;
}

bool begins(const Tag& before, const Tag& tag) {
  if (is_any(tag.mark, U"BS")) return true;
  if (is_any(before.mark, U"ESO") && is_any(tag.mark, U"EI")) return true;
  return !outside(tag) && before.type != tag.type;
}

double share(double part, double whole) {
  return whole > 0 ? part / whole : 0;
}

}  // namespace

std::vector<Entity> entities_of(const std::vector<std::string>& tags) {
  std::vector<Entity> entities;
  Tag before;
  before.type.clear();
  int64_t begin = 0;
  for (size_t i = 0; i <= tags.size(); ++i) {
    Tag tag = i < tags.size() ? read_tag(tags[i]) : Tag{};
    const auto here = static_cast<int64_t>(i);
    if (ends(before, tag)) entities.push_back({before.type, begin, here - 1});
    if (begins(before, tag)) begin = here;
    before = std::move(tag);
  }
  return entities;
}

void EntityCounts::add(const std::vector<std::string>& wanted, const std::vector<std::string>& found) {
  BROADSHEET_ASSERT(wanted.size() == found.size());
  const std::vector<Entity> all = entities_of(wanted);
  const std::set<Entity> right(all.begin(), all.end());
  for (const Entity& entity : right) ++counts_[entity.type].wanted;
  const std::vector<Entity> guessed = entities_of(found);
  for (const Entity& entity : std::set<Entity>(guessed.begin(), guessed.end())) {
    ++counts_[entity.type].found;
    if (right.count(entity) > 0) ++counts_[entity.type].right;
  }
}

void EntityCounts::add(const std::string& type, const Counts& counts) {
  Counts& sum = counts_[type];
  sum.wanted += counts.wanted;
  sum.found += counts.found;
  sum.right += counts.right;
}

void EntityCounts::merge(const EntityCounts& other) {
  for (const auto& [type, counts] : other.counts_) add(type, counts);
}

EntityCounts::Scores EntityCounts::scores(const Counts& counts) {
  Scores scores;
  scores.precision = share(static_cast<double>(counts.right), static_cast<double>(counts.found));
  scores.recall = share(static_cast<double>(counts.right), static_cast<double>(counts.wanted));
  scores.f1 = share(2 * scores.precision * scores.recall, scores.precision + scores.recall);
  return scores;
}

EntityCounts::Scores EntityCounts::micro() const {
  EntityCounts sum;
  for (const auto& [type, counts] : counts_) sum.add("", counts);
  return scores(sum.counts_[""]);
}

double EntityCounts::macro_f1() const {
  double sum = 0;
  for (const auto& [type, counts] : counts_) sum += scores(counts).f1;
  return sum / static_cast<double>(counts_.size());
}

}  // namespace broadsheet
