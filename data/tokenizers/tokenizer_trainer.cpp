#include "data/tokenizers/tokenizer_trainer.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "core/errors.h"
#include "core/text.h"
#include "data/tokenizers/bert_normalizer.h"
#include "data/tokenizers/bert_words.h"
#include "data/tokenizers/byte_alphabet.h"
#include "data/tokenizers/gpt2_words.h"
#include "data/tokenizers/unicode.h"

namespace broadsheet {
namespace {

constexpr const char* kContinues = "##";

[[noreturn]] void fail_vocab_size(const TrainingOptions& options, size_t special, size_t alphabet) {
  const bool word_piece = options.kind == TokenizerKind::kWordPiece;
  throw UserError("tokenizer.vocab_size",
                  cat("--vocab-size ", options.vocab_size, ": wanted at least ", special + alphabet, ", which are ",
                      special, " special tokens and an alphabet of ", alphabet,
                      word_piece ? " characters, first and \"##\" ones" : " bytes"),
                  word_piece ? "raise it, or leave rare characters out with --limit-alphabet" : "raise it");
}

// Appends tokens that are not there yet.
class VocabularyBuilder {
 public:
  explicit VocabularyBuilder(std::vector<std::string>& vocabulary) : vocabulary_(vocabulary) {}
  int32_t add(const std::string& token) {
    const auto [entry, is_new] = ids_.emplace(token, static_cast<int32_t>(vocabulary_.size()));
    if (is_new) vocabulary_.push_back(token);
    return entry->second;
  }

 private:
  std::vector<std::string>& vocabulary_;
  std::unordered_map<std::string, int32_t> ids_;
};

std::vector<std::string> special_tokens_of(const TrainingOptions& options) {
  std::vector<std::string> tokens = own_special_tokens(options.kind);
  tokens.insert(tokens.end(), options.special_tokens.begin(), options.special_tokens.end());
  return tokens;
}

// The characters that stay. Of equally frequent ones those with the lower code points do.
std::set<char32_t> learned_characters(const WordCounts& words, int64_t limit) {
  std::map<char32_t, int64_t> counts;
  for (size_t i = 0; i < words.size(); ++i)
    for (size_t position = 0; position < words.word(i).size();)
      counts[next_code_point(words.word(i), position)] += words.count(i);
  std::vector<std::pair<int64_t, char32_t>> order;
  for (const auto& [c, count] : counts) order.emplace_back(-count, c);
  std::sort(order.begin(), order.end());
  if (limit > 0 && order.size() > static_cast<size_t>(limit)) order.resize(static_cast<size_t>(limit));
  std::set<char32_t> kept;
  for (const auto& [count, c] : order) kept.insert(c);
  return kept;
}

std::string character_token(char32_t c, const char* prefix) {
  std::string token = prefix;
  append_utf8(c, token);
  return token;
}

// Calls action(character, whether it continues the word) for those characters of a word that are in the alphabet: the
// others are passed over as if the word did not have them, but still count as its first.
template <class Action>
void each_learned_character(std::string_view word, const std::set<char32_t>& alphabet, Action action) {
  for (size_t position = 0; position < word.size();) {
    const bool continues = position > 0;
    const char32_t c = next_code_point(word, position);
    if (alphabet.count(c) > 0) action(c, continues);
  }
}

MergeInput word_piece_input(const WordCounts& words, const TrainingOptions& options) {
  MergeInput input;
  input.continuing_prefix = kContinues;
  VocabularyBuilder vocabulary(input.vocabulary);
  for (const std::string& token : special_tokens_of(options)) vocabulary.add(token);
  const size_t special = input.vocabulary.size();
  const std::set<char32_t> alphabet = learned_characters(words, options.limit_alphabet);
  std::set<char32_t> continuing;
  for (size_t i = 0; i < words.size(); ++i)
    each_learned_character(words.word(i), alphabet, [&](char32_t c, bool continues) {
      if (continues) continuing.insert(c);
    });
  std::unordered_map<char32_t, int32_t> first_ids, continuing_ids;
  for (const char32_t c : alphabet) first_ids[c] = vocabulary.add(character_token(c, ""));
  for (const char32_t c : continuing) continuing_ids[c] = vocabulary.add(character_token(c, kContinues));
  if (input.vocabulary.size() > static_cast<size_t>(options.vocab_size))
    fail_vocab_size(options, special, input.vocabulary.size() - special);
  for (size_t i = 0; i < words.size(); ++i) {
    each_learned_character(words.word(i), alphabet, [&](char32_t c, bool continues) {
      input.symbols.push_back(continues ? continuing_ids.at(c) : first_ids.at(c));
    });
    input.end_word(words.count(i));
  }
  return input;
}

MergeInput bpe_input(const WordCounts& words, const TrainingOptions& options) {
  MergeInput input;
  VocabularyBuilder vocabulary(input.vocabulary);
  for (const std::string& token : special_tokens_of(options)) vocabulary.add(token);
  const size_t special = input.vocabulary.size();
  std::map<char32_t, uint8_t> bytes;
  for (int byte = 0; byte < 256; ++byte) bytes[byte_character(static_cast<uint8_t>(byte))] = static_cast<uint8_t>(byte);
  std::vector<int32_t> ids(bytes.size());
  for (const auto& [c, byte] : bytes) ids[byte] = vocabulary.add(character_token(c, ""));
  if (input.vocabulary.size() > static_cast<size_t>(options.vocab_size))
    fail_vocab_size(options, special, input.vocabulary.size() - special);
  for (size_t i = 0; i < words.size(); ++i) {
    for (const char byte : words.word(i)) input.symbols.push_back(ids[static_cast<uint8_t>(byte)]);
    input.end_word(words.count(i));
  }
  return input;
}

}  // namespace

std::vector<std::string> own_special_tokens(TokenizerKind kind) {
  if (kind == TokenizerKind::kBpe) return {"<|endoftext|>"};
  return {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
}

void check_special_tokens(const TrainingOptions& options) {
  std::set<std::string> seen;
  for (const std::string& token : special_tokens_of(options)) {
    const char* wrong = token.empty()                           ? "is empty"
                        : !is_utf8(token)                       ? "is no UTF-8"
                        : trim(token).size() != token.size()    ? "begins or ends with white space"
                        : token.find('\n') != std::string::npos ? "has a line break"
                        : !seen.insert(token).second            ? "is there twice"
                                                                : nullptr;
    if (wrong != nullptr)
      throw UserError("tokenizer.special_token", cat("--special-tokens: '", printable(token), "' ", wrong),
                      "name each further token once, with commas between");
  }
}

void TrainingWords::count(std::string_view text, WordTable& table) {
  if (options_.kind == TokenizerKind::kBpe) {
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = gpt2_words().end_of_word(text, begin);
      if (end - begin <= kLongestBpeWord)
        table.add(text.substr(begin, end - begin));
      else
        ++too_long_;
      begin = end;
    }
    return;
  }
  const BertNormalizerOptions normalizer = {.strip_accents = options_.lowercase, .lowercase = options_.lowercase};
  const std::string normal = bert_normalize(text, normalizer);
  each_bert_word(normal, [&](std::string_view word) {
    if (word.size() <= kLongestWordPieceWord || count_code_points(word) <= kLongestWordPieceWord)
      table.add(word);
    else
      ++too_long_;
  });
}

TrainedTokenizer train_tokenizer(const WordCounts& words, const TrainingOptions& options,
                                 const std::function<void(int64_t)>& progress) {
  if (words.size() == 0)
    throw UserError("tokenizer.no_text", "the texts have no word to learn from", "check sources: and fields:");
  const bool bpe = options.kind == TokenizerKind::kBpe;
  MergeInput input = bpe ? bpe_input(words, options) : word_piece_input(words, options);
  TrainedTokenizer result;
  result.merges = learn_merges(input, options.vocab_size, options.min_frequency, progress);
  result.options = options;
  result.vocabulary = std::move(input.vocabulary);
  return result;
}

}  // namespace broadsheet
