#include "data/tokenizers/wordpiece.h"

#include "core/errors.h"
#include "core/text.h"
#include "data/tokenizers/bert_words.h"
#include "data/tokenizers/fingerprint.h"

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

}  // namespace

WordPieceTokenizer::WordPieceTokenizer(WordPieceSpec spec, const std::string& source)
    : spec_(std::move(spec)),
      tokens_(spec_.vocabulary),
      words_(spec_.vocabulary, spec_.continuing_prefix, spec_.unk_token, spec_.max_input_chars_per_word),
      pass_(spec_.normalizer, words_),
      added_(
          spec_.added, [this](const std::string& text) { return bert_normalize(text, spec_.normalizer); }, source,
          tokens_) {
  special_ = {find(spec_.names.pad), words_.unknown(),       find(spec_.names.cls),
              find(spec_.names.sep), find(spec_.names.mask), spec_.names.eos.empty() ? -1 : find(spec_.names.eos)};
  fingerprint_ = compute_fingerprint();
}

int32_t WordPieceTokenizer::find(const std::string& token) const {
  for (const AddedToken& added : spec_.added)
    if (added.content == token) return added.id;
  return words_.find(token);
}

void WordPieceTokenizer::encode_into(std::string_view text, std::vector<int32_t>& ids) const {
  const auto ordinary = [this, &ids](std::string_view part) {
    if (!added_.normalized().empty() || !pass_.encode(part, ids)) encode_in_steps(part, ids);
  };
  added_.raw().encode(text, ids, ordinary);
}

void WordPieceTokenizer::encode_in_steps(std::string_view text, std::vector<int32_t>& ids) const {
  const std::string normal = bert_normalize(text, spec_.normalizer);
  added_.normalized().encode(normal, ids, [&](std::string_view part) { encode_normalized(part, ids); });
}

void WordPieceTokenizer::encode_normalized(std::string_view text, std::vector<int32_t>& ids) const {
  each_bert_word(text, [&](std::string_view word) { words_.cut(word, ids); });
}

std::string WordPieceTokenizer::decode(const std::vector<int32_t>& ids) const {
  std::string text;
  bool first = true;
  for (const int32_t id : ids) {
    if (id < 0 || id >= vocab_size() || added_.skipped(id)) continue;
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
  return id >= 0 && id < vocab_size() && !added_.skipped(id) &&
         starts_with(tokens_[static_cast<size_t>(id)], spec_.continuing_prefix);
}

std::string WordPieceTokenizer::compute_fingerprint() const {
  TokenizerFingerprint fingerprint;
  fingerprint.add("broadsheet wordpiece 1");
  const BertNormalizerOptions& n = spec_.normalizer;
  fingerprint.add(cat(n.clean_text, n.handle_chinese_chars, n.strip_accents, n.lowercase));
  fingerprint.add(spec_.unk_token);
  fingerprint.add(spec_.continuing_prefix);
  fingerprint.add(cat(spec_.max_input_chars_per_word));
  fingerprint.add_vocabulary(spec_.vocabulary);
  fingerprint.add_tokens(spec_.added);
  return fingerprint.hex();
}

}  // namespace broadsheet
