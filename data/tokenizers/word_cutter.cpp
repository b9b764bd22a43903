#include "data/tokenizers/word_cutter.h"

#include <algorithm>

#include "core/errors.h"
#include "core/text.h"
#include "data/tokenizers/unicode.h"

namespace broadsheet {

void WordPieces::add(std::string_view text, int32_t id) {
  if (text.size() > kShortText) {
    if (long_by_text_.emplace(text, id).second) long_ones_.add(text, id);
    return;
  }
  const ShortText head(text);
  if (text.size() <= ShortText::kLongest)
    short_.add(head, id);
  else
    middle_.emplace(text, id);
  if (text.size() > 2) lengths_[bucket_of(head.low)] |= uint64_t{1} << (text.size() - 1);
}

int32_t WordPieces::find(std::string_view text) const {
  if (text.size() <= ShortText::kLongest) return short_.find(ShortText(text));
  const auto& longer = text.size() <= kShortText ? middle_ : long_by_text_;
  const auto found = longer.find(text);
  return found == longer.end() ? -1 : found->second;
}

int32_t WordPieces::longest(std::string_view rest, size_t& length) const {
  if (!long_ones_.empty() && rest.size() > kShortText) {
    if (const int32_t id = long_ones_.longest(rest, length); id >= 0) return id;
  }
  const ShortText head(rest);
  uint64_t lengths = lengths_[bucket_of(head.low)];
  if (rest.size() < kShortText) lengths &= (uint64_t{1} << rest.size()) - 1;
  while (lengths != 0) {
    length = 64 - static_cast<size_t>(std::countl_zero(lengths));
    const int32_t id = length <= ShortText::kLongest ? short_.find(head.prefix(length)) : find(rest.substr(0, length));
    if (id >= 0) return id;
    lengths ^= uint64_t{1} << (length - 1);
  }
  return -1;
}

WordCutter::WordCutter(const std::vector<std::string>& vocabulary, std::string_view prefix, const std::string& unknown,
                       size_t max_chars)
    : words_(vocabulary.size()),
      continuations_(static_cast<size_t>(
          std::count_if(vocabulary.begin(), vocabulary.end(),
                        [prefix](const std::string& token) { return starts_with(token, prefix); }))),
      max_chars_(max_chars) {
  for (size_t id = 0; id < vocabulary.size(); ++id) {
    const std::string_view token = vocabulary[id];
    if (token.empty()) continue;
    words_.add(token, static_cast<int32_t>(id));
    if (token.size() > prefix.size() && starts_with(token, prefix))
      continuations_.add(token.substr(prefix.size()), static_cast<int32_t>(id));
  }
  words_.finish();
  continuations_.finish();
  unknown_ = words_.find(unknown);
  BROADSHEET_ASSERT(unknown_ >= 0);
  singles_.assign(kBasicPlane, unknown_);
  for (size_t id = 0; id < vocabulary.size(); ++id) {
    const std::string& token = vocabulary[id];
    if (token.empty() || token.size() > 3) continue;
    size_t end = 0;
    const char32_t c = next_code_point(token, end);
    if (end == token.size()) singles_[c] = static_cast<int32_t>(id);
  }
}

int32_t WordCutter::rare_single(char32_t c) const {
  std::string text;
  append_utf8(c, text);
  const int32_t id = words_.find(text);
  return id < 0 ? unknown_ : id;
}

void WordCutter::cut(std::string_view word, std::vector<int32_t>& ids) const {
  if (word.size() > max_chars_ && count_code_points(word) > max_chars_) {
    ids.push_back(unknown_);
    return;
  }
  const size_t before = ids.size();
  for (size_t start = 0, length = 0; start < word.size(); start += length) {
    const int32_t id = (start == 0 ? words_ : continuations_).longest(word.substr(start), length);
    if (id < 0) {  // one unknown piece makes the whole word unknown
      ids.resize(before);
      ids.push_back(unknown_);
      return;
    }
    ids.push_back(id);
  }
}

}  // namespace broadsheet
