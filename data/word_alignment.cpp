#include "data/word_alignment.h"

#include <algorithm>
#include <optional>

#include "core/text.h"
#include "data/tokenizers/unicode.h"

namespace broadsheet {
namespace {

// Words that are tried as one. Letter by letter, few words are longer.
constexpr size_t kMostJoined = 32;

class WordAligner {
 public:
  WordAligner(std::span<const int64_t> tokens, const std::vector<std::string>& words, const Tokenizer& tokenizer)
      : tokens_(tokens), words_(words), tokenizer_(tokenizer) {}

  std::vector<WordTokens> align() {
    while (places_.size() < words_.size() && (add_next() || join_around())) {
    }
    return std::move(places_);
  }

 private:
  // The next word by itself.
  bool add_next() {
    const std::string& word = words_[places_.size()];
    encode(trim(word));  // white space belongs to the word behind it
    if (ids_.empty()) {
      places_.push_back({at_, at_});
      return true;
    }
    if (at_ == static_cast<int64_t>(tokens_.size())) return false;
    const std::optional<int64_t> end = end_of(word, at_);
    if (end) places_.push_back({at_, *end});
    at_ = end.value_or(at_);
    return end.has_value();
  }

  // The next word with some of those around it: what the tokenizer takes for one.
  bool join_around() {
    if (at_ == static_cast<int64_t>(tokens_.size())) return false;
    const size_t next = places_.size();
    for (size_t back = 0; back <= std::min(next, kMostJoined); ++back) {
      const size_t first = next - back;
      if (first < next && places_[first].inside) continue;
      if (join_from(first, first < next ? places_[first].begin : at_)) return true;
    }
    return false;
  }

  bool join_from(size_t first, int64_t begin) {
    std::string joined;
    for (size_t word = first; word < std::min(words_.size(), first + kMostJoined); ++word) {
      joined += words_[word];
      if (word < places_.size() || word == first) continue;
      const std::optional<int64_t> end = end_of(joined, begin);
      if (!end) continue;
      places_.resize(first);
      for (size_t part = first; part <= word; ++part) places_.push_back({begin, *end, part > first});
      at_ = *end;
      return true;
    }
    return false;
  }

  // Where the tokens of `text` that begin at `begin` end; none: the tokens there are others. Byte-level BPE cuts a word
  // behind a space in another way than by itself.
  std::optional<int64_t> end_of(const std::string& text, int64_t begin) {
    for (const char* before : {"", " "}) {
      encode(cat(before, text));
      const auto count = std::min(static_cast<int64_t>(ids_.size()), static_cast<int64_t>(tokens_.size()) - begin);
      if (count > 0 && std::equal(ids_.begin(), ids_.begin() + count, tokens_.begin() + begin)) return begin + count;
    }
    return std::nullopt;
  }

  void encode(std::string_view text) {
    ids_.clear();
    tokenizer_.encode_into(text, ids_);
  }

  std::span<const int64_t> tokens_;
  const std::vector<std::string>& words_;
  const Tokenizer& tokenizer_;
  std::vector<WordTokens> places_;
  std::vector<int32_t> ids_;
  int64_t at_ = 0;
};

}  // namespace

std::vector<WordTokens> align_words(std::span<const int64_t> tokens, const std::vector<std::string>& words,
                                    const Tokenizer& tokenizer) {
  return WordAligner(tokens, words, tokenizer).align();
}

std::vector<WordTokens> align_words(const Batch& batch, int64_t sequence, const std::vector<std::string>& words,
                                    const Tokenizer& tokenizer) {
  const SpecialTokens specials = tokenizer.special_tokens();
  const std::vector<int64_t>& tokens = batch.tokens;
  auto begin = static_cast<size_t>(batch.boundaries[static_cast<size_t>(sequence)]);
  auto end = static_cast<size_t>(batch.boundaries[static_cast<size_t>(sequence) + 1]);
  if (begin < end && tokens[begin] == specials.cls) ++begin;
  if (begin < end && (tokens[end - 1] == specials.sep || tokens[end - 1] == specials.eos)) --end;
  std::vector<WordTokens> places =
      align_words(std::span<const int64_t>(tokens).subspan(begin, end - begin), words, tokenizer);
  for (WordTokens& place : places) {
    place.begin += static_cast<int64_t>(begin);
    place.end += static_cast<int64_t>(begin);
  }
  return places;
}

std::vector<TextPiece> cut_into_words(std::string_view text) {
  const UnicodeClasses& classes = unicode_classes();
  std::vector<TextPiece> pieces;
  bool goes_on = false;
  for (size_t position = 0; position < text.size();) {
    const size_t begin = position;
    const char32_t c = next_code_point(text, position);
    const bool letter =
        (classes.is(c, CodePointClass::kWord) || classes.is(c, CodePointClass::kMark)) && !is_chinese(c);
    if (letter && goes_on) {
      pieces.back().end = position;
    } else if (!classes.is(c, CodePointClass::kWhitespace)) {
      pieces.push_back({begin, position});
    }
    goes_on = letter;
  }
  return pieces;
}

}  // namespace broadsheet
