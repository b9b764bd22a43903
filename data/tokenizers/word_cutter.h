// WordPiece on one word: the longest known pieces from left to right. Private to data/tokenizers.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/tokenizers/long_texts.h"
#include "data/tokenizers/short_texts.h"

namespace broadsheet {

// Pieces of words by their text, which must outlive the object. Immutable after finish().
class WordPieces {
 public:
  explicit WordPieces(size_t count) : short_(count), lengths_(kBuckets, 3) {}
  void add(std::string_view text, int32_t id);
  void finish() { long_ones_.finish(); }

  int32_t find(const ShortText& text) const { return short_.find(text); }
  int32_t find(std::string_view text) const;  // -1: not there
  // The longest one that `rest` begins with: its id and length in bytes; -1 when there is none. At most kShortText
  // look-ups, and two or three in a real vocabulary: lengths_ knows which lengths may be there.
  int32_t longest(std::string_view rest, size_t& length) const;

 private:
  static constexpr size_t kBuckets = 8192;
  // By the first three bytes.
  static size_t bucket_of(uint64_t low) {
    return static_cast<uint32_t>(first_bytes(low, 3)) * uint32_t{0x9E3779B1} >> (32 - std::countr_zero(kBuckets));
  }

  ShortTexts short_;                                      // up to sixteen bytes
  std::unordered_map<std::string_view, int32_t> middle_;  // up to kShortText
  LongTexts long_ones_;
  std::unordered_map<std::string_view, int32_t> long_by_text_;
  std::vector<uint64_t> lengths_;  // by bucket: bit n - 1 where a piece has n bytes; one and two always may
};

// Immutable and thread-safe. About 3 MB for a vocabulary of 30,000.
class WordCutter {
 public:
  // The vocabulary by id ("" where no token has the id), which must outlive the object; `unknown` is in it.
  WordCutter(const std::vector<std::string>& vocabulary, std::string_view prefix, const std::string& unknown,
             size_t max_chars);

  // Appends the ids of a word that is not empty.
  void cut(std::string_view word, std::vector<int32_t>& ids) const;
  // The id of a word that is in the vocabulary as it is, or -1; the caller has counted its code points.
  int32_t whole(const ShortText& word) const { return words_.find(word); }
  // The id of the word that is this code point.
  int32_t single(char32_t c) const { return c < singles_.size() ? singles_[c] : rare_single(c); }

  int32_t find(std::string_view token) const { return words_.find(token); }
  int32_t unknown() const { return unknown_; }
  size_t max_chars() const { return max_chars_; }

 private:
  int32_t rare_single(char32_t c) const;

  WordPieces words_, continuations_;
  std::vector<int32_t> singles_;  // by code point: the basic plane
  int32_t unknown_ = -1;
  size_t max_chars_;
};

}  // namespace broadsheet
