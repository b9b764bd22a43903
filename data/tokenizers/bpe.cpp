#include "data/tokenizers/bpe.h"

#include <algorithm>

#include "core/errors.h"
#include "core/text.h"
#include "data/tokenizers/byte_alphabet.h"
#include "data/tokenizers/fingerprint.h"
#include "data/tokenizers/gpt2_words.h"
#include "data/tokenizers/unicode.h"

namespace broadsheet {
namespace {

// "" for a token that is not in the byte alphabet, which no word can become.
std::vector<std::string> bytes_of_all(const std::vector<std::string>& vocabulary) {
  std::vector<std::string> bytes;
  bytes.reserve(vocabulary.size());
  for (const std::string& token : vocabulary) bytes.push_back(bytes_of_token(token).value_or(""));
  return bytes;
}

BpeRules rules_of(const BpeSpec& spec, const std::vector<std::string>& bytes) {
  BpeRules rules;
  rules.bytes.fill(-1);
  rules.merges = spec.merges;
  rules.fuse_unknown = spec.fuse_unk;
  for (size_t id = 0; id < bytes.size(); ++id) {
    if (bytes[id].size() == 1) rules.bytes[static_cast<uint8_t>(bytes[id][0])] = static_cast<int32_t>(id);
    if (!spec.unk_token.empty() && spec.vocabulary[id] == spec.unk_token) rules.unknown = static_cast<int32_t>(id);
  }
  return rules;
}

}  // namespace

BpeTokenizer::BpeTokenizer(BpeSpec spec, const std::string& source)
    : spec_(std::move(spec)),
      tokens_(spec_.vocabulary),
      bytes_(bytes_of_all(spec_.vocabulary)),
      added_(
          spec_.added, [](const std::string& text) { return text; }, source, tokens_),
      merger_(rules_of(spec_, bytes_), bytes_) {
  for (size_t id = 0; spec_.ignore_merges && id < bytes_.size(); ++id)
    if (!bytes_[id].empty()) by_bytes_.emplace(bytes_[id], static_cast<int32_t>(id));
  special_ = {find(spec_.names.pad),  find(spec_.unk_token),
              find(spec_.names.cls),  find(spec_.names.sep),
              find(spec_.names.mask), find(spec_.names.eos.empty() ? "<|endoftext|>" : spec_.names.eos)};
  fingerprint_ = compute_fingerprint();
}

int32_t BpeTokenizer::find(const std::string& token) const {
  if (token.empty()) return -1;
  const auto found = std::find(tokens_.begin(), tokens_.end(), token);
  return found == tokens_.end() ? -1 : static_cast<int32_t>(found - tokens_.begin());
}

void BpeTokenizer::encode_into(std::string_view text, std::vector<int32_t>& ids) const {
  added_.raw().encode(text, ids, [&](std::string_view part) {
    added_.normalized().encode(part, ids, [&](std::string_view ordinary) { encode_ordinary(ordinary, ids); });
  });
}

void BpeTokenizer::encode_ordinary(std::string_view text, std::vector<int32_t>& ids) const {
  if (!spec_.add_prefix_space || text[0] == ' ') return encode_words(text, ids);
  encode_words(cat(" ", text), ids);
}

void BpeTokenizer::encode_words(std::string_view text, std::vector<int32_t>& ids) const {
  const Gpt2Words& words = gpt2_words();
  for (size_t position = 0; position < text.size();) {
    const ShortText word = Gpt2Words::short_ascii_word(text, position);
    const size_t end = word.length > 0 ? position + word.length : words.end_of_word(text, position);
    const int32_t id = word.length > 0 && by_bytes_.empty() ? merger_.whole(word) : -1;
    if (id >= 0)
      ids.push_back(id);
    else
      encode_word(text.substr(position, end - position), ids);
    position = end;
  }
}

void BpeTokenizer::encode_word(std::string_view word, std::vector<int32_t>& ids) const {
  if (!by_bytes_.empty()) {
    if (const auto found = by_bytes_.find(word); found != by_bytes_.end()) {
      ids.push_back(found->second);
      return;
    }
  }
  merger_.merge(word, ids);
}

std::string BpeTokenizer::decode(const std::vector<int32_t>& ids) const {
  std::string bytes;
  bool first = true;
  for (const int32_t id : ids) {
    if (id < 0 || id >= vocab_size() || added_.skipped(id)) continue;
    const std::string& token = tokens_[static_cast<size_t>(id)];
    if (token.empty()) continue;
    if (!spec_.has_decoder && !first) bytes += ' ';
    first = false;
    bytes += spec_.has_decoder ? bytes_of_token(token).value_or(token) : token;
  }
  return spec_.has_decoder ? utf8_with_replacements(bytes) : bytes;
}

const std::string& BpeTokenizer::token(int32_t id) const {
  BROADSHEET_ASSERT(id >= 0 && id < vocab_size());
  return tokens_[static_cast<size_t>(id)];
}

bool BpeTokenizer::continues_word(int32_t id) const {
  if (id < 0 || static_cast<size_t>(id) >= bytes_.size() || added_.skipped(id)) return false;
  const std::string& bytes = bytes_[static_cast<size_t>(id)];
  return !bytes.empty() && gpt2_words().begins_within_word(bytes);
}

int64_t BpeTokenizer::byte_count(int32_t id) const {
  if (id < 0 || id >= vocab_size() || added_.skipped(id)) return 0;
  const size_t at = static_cast<size_t>(id);
  const bool ordinary = at < bytes_.size() && !bytes_[at].empty();
  return static_cast<int64_t>(ordinary ? bytes_[at].size() : tokens_[at].size());
}

std::string BpeTokenizer::compute_fingerprint() const {
  TokenizerFingerprint fingerprint;
  fingerprint.add("broadsheet byte-level bpe 1");
  fingerprint.add(cat(spec_.add_prefix_space, spec_.ignore_merges, spec_.fuse_unk));
  fingerprint.add(spec_.unk_token);
  fingerprint.add_vocabulary(spec_.vocabulary);
  fingerprint.add(std::to_string(spec_.merges.size()));
  for (const BpeMerge& merge : spec_.merges) {
    fingerprint.add(std::to_string(merge.left));
    fingerprint.add(std::to_string(merge.right));
  }
  fingerprint.add_tokens(spec_.added);
  return fingerprint.hex();
}

}  // namespace broadsheet
