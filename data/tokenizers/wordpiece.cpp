#include "data/tokenizers/wordpiece.h"

#include <algorithm>
#include <set>

#include "core/checksum.h"
#include "core/errors.h"
#include "core/text.h"
#include "data/tokenizers/unicode.h"

namespace broadsheet {
namespace {

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  size_t at = text.find(from), done = 0;
  if (at == std::string::npos) return;
  std::string replaced;
  for (; at != std::string::npos; at = text.find(from, done)) {
    replaced.append(text, done, at - done).append(to);
    done = at + from.size();
  }
  text = replaced.append(text, done);
}

// The decoder's clean-up, token by token as `tokenizers` does it.
void clean_up(std::string& token) {
  constexpr std::pair<std::string_view, std::string_view> kReplacements[] = {
      {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},   {" n't", "n't"},
      {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : kReplacements) replace_all(token, from, to);
}

size_t count_code_points(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

WordPieceTokenizer::WordPieceTokenizer(WordPieceSpec spec, const std::string& source) : spec_(std::move(spec)) {
  index_vocabulary();
  index_added(source);
  special_ = {find(spec_.pad_token), unk_, find(spec_.cls_token), find(spec_.sep_token), find(spec_.mask_token)};
  fingerprint_ = compute_fingerprint();
}

void WordPieceTokenizer::index_vocabulary() {
  tokens_ = spec_.vocabulary;
  words_.all.reserve(tokens_.size());
  const std::string_view prefix = spec_.continuing_prefix;
  for (size_t id = 0; id < spec_.vocabulary.size(); ++id) {
    const std::string_view token = spec_.vocabulary[id];
    if (token.empty()) continue;
    words_.add(token, static_cast<int32_t>(id));
    if (token.size() > prefix.size() && starts_with(token, prefix))
      continuations_.add(token.substr(prefix.size()), static_cast<int32_t>(id));
  }
  words_.long_ones.finish();
  continuations_.long_ones.finish();
  const auto unknown = words_.all.find(spec_.unk_token);
  BROADSHEET_ASSERT(unknown != words_.all.end());
  unk_ = unknown->second;
}

void WordPieceTokenizer::Pieces::add(std::string_view text, int32_t id) {
  if (!all.emplace(text, id).second) return;
  if (text.size() > kShortText)
    long_ones.add(text, id);
  else
    longest_short = std::max(longest_short, text.size());
}

void WordPieceTokenizer::index_added(const std::string& source) {
  std::vector<AddedTokenMatcher::Pattern> raw, normalized;
  std::set<std::string> seen_raw, seen_normalized;
  std::set<std::string> special;
  for (const AddedToken& token : spec_.added) {
    const std::string text = token.normalized ? bert_normalize(token.content, spec_.normalizer) : token.content;
    auto& seen = token.normalized ? seen_normalized : seen_raw;
    if (text.empty() || !seen.insert(text).second)
      throw UserError(Fault{"tokenizer.added_token",
                            {source, 0, 0},
                            "added_tokens",
                            cat("the token '", printable(token.content), "' (id ", token.id, ") ",
                                text.empty() ? "is empty once normalised" : "coincides with another once normalised"),
                            "remove it, or set its \"normalized\" to false"});
    (token.normalized ? normalized : raw).push_back({text, token});
    if (tokens_.size() <= static_cast<size_t>(token.id)) tokens_.resize(static_cast<size_t>(token.id) + 1);
    tokens_[static_cast<size_t>(token.id)] = text;
    if (token.special) special.insert(token.content);
  }
  skipped_.resize(tokens_.size());
  for (size_t id = 0; id < tokens_.size(); ++id) skipped_[id] = special.count(tokens_[id]) > 0;
  raw_ = std::make_unique<AddedTokenMatcher>(std::move(raw));
  normalized_ = std::make_unique<AddedTokenMatcher>(std::move(normalized));
}

int32_t WordPieceTokenizer::find(const std::string& token) const {
  for (const AddedToken& added : spec_.added)
    if (added.content == token) return added.id;
  const auto found = words_.all.find(token);
  return found == words_.all.end() ? -1 : found->second;
}

std::vector<int32_t> WordPieceTokenizer::encode(std::string_view text) const {
  std::vector<int32_t> ids;
  ids.reserve(text.size() / 4 + 1);
  for (const auto& piece : raw_->split(text)) {
    if (piece.id >= 0) {
      ids.push_back(piece.id);
      continue;
    }
    const std::string normal = bert_normalize(text.substr(piece.begin, piece.end - piece.begin), spec_.normalizer);
    for (const auto& part : normalized_->split(normal)) {
      if (part.id >= 0)
        ids.push_back(part.id);
      else
        encode_normalized(std::string_view(normal).substr(part.begin, part.end - part.begin), ids);
    }
  }
  return ids;
}

void WordPieceTokenizer::encode_normalized(std::string_view text, std::vector<int32_t>& ids) const {
  const UnicodeClasses& classes = unicode_classes();
  size_t begin = 0;  // of the word being read
  for (size_t position = 0; position < text.size();) {
    const size_t here = position;
    const char32_t c = next_code_point(text, position);
    const bool space = classes.is(c, CodePointClass::kWhitespace);
    if (!space && !classes.is(c, CodePointClass::kPunctuation)) continue;
    if (here > begin) encode_word(text.substr(begin, here - begin), ids);
    if (!space) encode_word(text.substr(here, position - here), ids);
    begin = position;
  }
  if (begin < text.size()) encode_word(text.substr(begin), ids);
}

int32_t WordPieceTokenizer::Pieces::longest(std::string_view rest, size_t& length) const {
  if (!long_ones.empty() && rest.size() > kShortText) {
    if (const int32_t id = long_ones.longest(rest, length); id >= 0) return id;
  }
  for (length = std::min(rest.size(), longest_short); length > 0; --length) {
    const bool boundary = length == rest.size() || (static_cast<unsigned char>(rest[length]) & 0xC0) != 0x80;
    if (!boundary) continue;
    const auto found = all.find(rest.substr(0, length));
    if (found != all.end()) return found->second;
  }
  return -1;
}

void WordPieceTokenizer::encode_word(std::string_view word, std::vector<int32_t>& ids) const {
  const size_t limit = spec_.max_input_chars_per_word;
  if (word.size() > limit && count_code_points(word) > limit) {
    ids.push_back(unk_);
    return;
  }
  const size_t before = ids.size();
  for (size_t start = 0, length = 0; start < word.size(); start += length) {
    const int32_t id = (start == 0 ? words_ : continuations_).longest(word.substr(start), length);
    if (id < 0) {  // one unknown piece makes the whole word unknown
      ids.resize(before);
      ids.push_back(unk_);
      return;
    }
    ids.push_back(id);
  }
}

std::string WordPieceTokenizer::decode(const std::vector<int32_t>& ids) const {
  std::string text;
  bool first = true;
  for (const int32_t id : ids) {
    if (id < 0 || id >= vocab_size() || skipped_[static_cast<size_t>(id)]) continue;
    std::string token = tokens_[static_cast<size_t>(id)];
    if (token.empty()) continue;
    if (!spec_.has_decoder) {
      if (!first) text += ' ';
    } else {
      if (!first && starts_with(token, spec_.decoder_prefix))
        token.erase(0, spec_.decoder_prefix.size());
      else if (!first)
        token.insert(0, 1, ' ');
      if (spec_.decoder_cleanup) clean_up(token);
    }
    first = false;
    text += token;
  }
  return text;
}

const std::string& WordPieceTokenizer::token(int32_t id) const {
  BROADSHEET_ASSERT(id >= 0 && id < vocab_size());
  return tokens_[static_cast<size_t>(id)];
}

bool WordPieceTokenizer::continues_word(int32_t id) const {
  return id >= 0 && id < vocab_size() && !skipped_[static_cast<size_t>(id)] &&
         starts_with(tokens_[static_cast<size_t>(id)], spec_.continuing_prefix);
}

std::string WordPieceTokenizer::compute_fingerprint() const {
  std::string text;
  const auto field = [&text](std::string_view value) {
    text += std::to_string(value.size());
    text += ':';
    text += value;
  };
  field("broadsheet wordpiece 1");
  const BertNormalizerOptions& n = spec_.normalizer;
  field(cat(n.clean_text, n.handle_chinese_chars, n.strip_accents, n.lowercase));
  field(spec_.unk_token);
  field(spec_.continuing_prefix);
  field(cat(spec_.max_input_chars_per_word));
  field(cat(spec_.vocabulary.size()));
  for (const std::string& token : spec_.vocabulary) field(token);
  for (const AddedToken& token : spec_.added) {
    field(cat(token.id, " ", token.single_word, token.lstrip, token.rstrip, token.normalized));
    field(token.content);
  }
  return sha256_hex(text);
}

}  // namespace broadsheet
