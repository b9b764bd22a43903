#include "data/tokenizers/added_tokens.h"

#include <algorithm>
#include <set>

#include "core/errors.h"
#include "core/text.h"
#include "data/tokenizers/unicode.h"

namespace broadsheet {
namespace {

bool starts_with_word(std::string_view text) {
  size_t position = 0;
  return !text.empty() && unicode_classes().is(next_code_point(text, position), CodePointClass::kWord);
}

// Begin of the last code point that ends at `end`.
size_t previous(std::string_view text, size_t end) {
  size_t begin = end - 1;
  while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
  return begin;
}

bool ends_with_word(std::string_view text) {
  return !text.empty() && starts_with_word(text.substr(previous(text, text.size())));
}

bool is_space_at(std::string_view text, size_t& position) {
  return unicode_classes().is(next_code_point(text, position), CodePointClass::kWhitespace);
}

size_t skip_spaces(std::string_view text, size_t position) {
  while (position < text.size()) {
    size_t next = position;
    if (!is_space_at(text, next)) break;
    position = next;
  }
  return position;
}

size_t skip_spaces_back(std::string_view text, size_t position, size_t stop) {
  while (position > stop) {
    size_t begin = previous(text, position);
    const size_t candidate = begin;
    if (!is_space_at(text, begin)) break;
    position = candidate;
  }
  return std::max(position, stop);
}

}  // namespace

AddedTokenMatcher::AddedTokenMatcher(std::vector<Pattern> patterns) : patterns_(std::move(patterns)) {
  for (size_t i = 0; i < patterns_.size(); ++i) {
    const std::string& text = patterns_[i].text;
    by_text_.emplace(text, i);
    bool& begins = begins_one_[static_cast<unsigned char>(text[0])];
    if (!begins) first_bytes_ += text[0];
    begins = true;
    if (text.size() > kShortText) {
      long_ones_.add(text, static_cast<int32_t>(i));
      continue;
    }
    lengths_by_first_byte_[static_cast<unsigned char>(text[0])].push_back(text.size());
  }
  for (auto& lengths : lengths_by_first_byte_) {
    std::sort(lengths.begin(), lengths.end(), std::greater<>());
    lengths.erase(std::unique(lengths.begin(), lengths.end()), lengths.end());
  }
  long_ones_.finish();
}

const AddedTokenMatcher::Pattern* AddedTokenMatcher::match_at(std::string_view text, size_t position) const {
  if (!long_ones_.empty()) {
    size_t length = 0;
    const int32_t found = long_ones_.longest(text.substr(position), length);
    if (found >= 0) return &patterns_[static_cast<size_t>(found)];
  }
  for (const size_t length : lengths_by_first_byte_[static_cast<unsigned char>(text[position])]) {
    if (length > text.size() - position) continue;
    const auto found = by_text_.find(text.substr(position, length));
    if (found != by_text_.end()) return &patterns_[found->second];
  }
  return nullptr;
}

size_t AddedTokenMatcher::candidate(std::string_view text, size_t position) const {
  if (first_bytes_.size() == 1) return text.find(first_bytes_[0], position);  // vectorised; "[" of most tokenizers
  if (first_bytes_.empty()) return std::string_view::npos;
  while (position < text.size() && !begins_one_[static_cast<unsigned char>(text[position])]) ++position;
  return position < text.size() ? position : std::string_view::npos;
}

std::vector<AddedTokenMatcher::Piece> AddedTokenMatcher::split(std::string_view text) const {
  std::vector<Piece> pieces;
  size_t done = 0, spaces_from = 0, spaces_to = 0;  // the last spaces that were skipped, lest they are skipped again
  for (size_t position = candidate(text, 0); position < text.size(); position = candidate(text, position)) {
    const Pattern* pattern = match_at(text, position);
    if (pattern == nullptr) {
      ++position;
      continue;
    }
    size_t begin = position;
    size_t end = position + pattern->text.size();
    position = end;  // also behind a match that is discarded
    if (pattern->token.single_word && (ends_with_word(text.substr(0, begin)) || starts_with_word(text.substr(end))))
      continue;
    if (pattern->token.lstrip) begin = std::max(skip_spaces_back(text, begin, std::min(begin, done)), done);
    if (pattern->token.rstrip) {
      const bool known = end >= spaces_from && end <= spaces_to;
      spaces_from = end;
      end = spaces_to = known ? spaces_to : skip_spaces(text, end);
    }
    if (done < begin) pieces.push_back({done, begin, -1});
    pieces.push_back({begin, end, pattern->token.id});
    done = end;
  }
  if (done < text.size()) pieces.push_back({done, text.size(), -1});
  return pieces;
}

AddedVocabulary::AddedVocabulary(const std::vector<AddedToken>& added, const Normalize& normalize,
                                 const std::string& source, std::vector<std::string>& tokens) {
  std::vector<AddedTokenMatcher::Pattern> raw, normalized;
  std::set<std::string> seen_raw, seen_normalized;
  std::set<std::string> special;
  for (const AddedToken& token : added) {
    const std::string text = token.normalized ? normalize(token.content) : token.content;
    auto& seen = token.normalized ? seen_normalized : seen_raw;
    if (text.empty() || !seen.insert(text).second)
      throw UserError(Fault{"tokenizer.added_token",
                            {source, 0, 0},
                            "added_tokens",
                            cat("the token '", printable(token.content), "' (id ", token.id, ") ",
                                text.empty() ? "is empty once normalised" : "coincides with another once normalised"),
                            "remove it, or set its \"normalized\" to false"});
    (token.normalized ? normalized : raw).push_back({text, token});
    if (tokens.size() <= static_cast<size_t>(token.id)) tokens.resize(static_cast<size_t>(token.id) + 1);
    tokens[static_cast<size_t>(token.id)] = text;
    if (token.special) special.insert(token.content);
  }
  skipped_.resize(tokens.size());
  for (size_t id = 0; id < tokens.size(); ++id) skipped_[id] = special.count(tokens[id]) > 0;
  raw_ = std::make_unique<AddedTokenMatcher>(std::move(raw));
  normalized_ = std::make_unique<AddedTokenMatcher>(std::move(normalized));
}

}  // namespace broadsheet
