// Tokens that are found in the text before it is cut into words ("[MASK]"): AddedVocabulary of `tokenizers`.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/tokenizers/long_texts.h"

namespace broadsheet {

struct AddedToken {
  int32_t id = -1;
  std::string content;
  bool single_word = false;  // only where no word character touches it
  bool lstrip = false;       // takes the white space on its left with it
  bool rstrip = false;
  bool normalized = true;  // is looked for in the normalised text, by its own normalised form
  bool special = false;    // decode leaves it out
};

// Finds the tokens of one list in a text: leftmost, then longest. Immutable after construction.
class AddedTokenMatcher {
 public:
  struct Piece {
    size_t begin = 0, end = 0;  // bytes
    int32_t id = -1;            // -1: ordinary text
  };
  struct Pattern {
    std::string text;  // not empty, unique
    AddedToken token;
  };

  explicit AddedTokenMatcher(std::vector<Pattern> patterns);
  bool empty() const { return patterns_.empty(); }
  // Pieces of `text` in order; ordinary pieces are not empty.
  std::vector<Piece> split(std::string_view text) const;
  // Appends the ids of what it finds in `text`, and gives what lies between to `ordinary`, in order; never nothing.
  template <class Ordinary>
  void encode(std::string_view text, std::vector<int32_t>& ids, Ordinary ordinary) const {
    if (candidate(text, 0) == std::string_view::npos) {
      if (!text.empty()) ordinary(text);
      return;
    }
    for (const Piece& piece : split(text)) {
      if (piece.id >= 0)
        ids.push_back(piece.id);
      else
        ordinary(text.substr(piece.begin, piece.end - piece.begin));
    }
  }
  // The first place from `position` on where a pattern may begin, judged by one byte; npos when there is none.
  size_t candidate(std::string_view text, size_t position) const;

 private:
  const Pattern* match_at(std::string_view text, size_t position) const;

  std::vector<Pattern> patterns_;
  std::unordered_map<std::string_view, size_t> by_text_;        // views into patterns_
  std::array<std::vector<size_t>, 256> lengths_by_first_byte_;  // of the short ones: distinct, longest first
  LongTexts long_ones_;                                         // to positions in patterns_
  std::string first_bytes_;                                     // of all of them: distinct
  std::array<bool, 256> begins_one_{};                          // by first byte
};

// The added tokens of one tokenizer: those that are looked for in the text as it is, then those in the normalised text.
// Immutable after construction.
class AddedVocabulary {
 public:
  using Normalize = std::function<std::string(const std::string&)>;
  // Puts the tokens, as decode sees them, into `tokens` by id. Throws UserError when two normalised ones coincide or
  // one is empty; `source` is the file to name.
  AddedVocabulary(const std::vector<AddedToken>& added, const Normalize& normalize, const std::string& source,
                  std::vector<std::string>& tokens);

  const AddedTokenMatcher& raw() const { return *raw_; }
  const AddedTokenMatcher& normalized() const { return *normalized_; }
  // Special, by its text; `id` is one of `tokens`.
  bool skipped(int32_t id) const { return skipped_[static_cast<size_t>(id)]; }

 private:
  std::unique_ptr<AddedTokenMatcher> raw_, normalized_;
  std::vector<bool> skipped_;  // by id
};

}  // namespace broadsheet
