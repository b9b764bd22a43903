// The words of GPT-2, which byte-level BPE never merges across. Private to data/tokenizers.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "data/tokenizers/short_texts.h"

namespace broadsheet {

// What GPT-2's regular expression matches one after the other,
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// with the classes of the `tokenizers` package. Immutable, 1.1 MiB; there is one: gpt2_words().
class Gpt2Words {
 public:
  Gpt2Words();
  // The end of the word that begins at `begin` (before the text's end). The words of a text cover all of it.
  size_t end_of_word(std::string_view text, size_t begin) const;
  // The word that begins at `begin`, where it is ASCII letters, with or without a space before them, of at most fifteen
  // bytes together; an empty one for all others.
  static ShortText short_ascii_word(std::string_view text, size_t begin);
  // Whether bytes begin with a letter, a number or the rest of a character.
  bool begins_within_word(std::string_view bytes) const;

 private:
  enum Class : uint8_t { kOther, kLetter, kNumber, kSpace };
  // The class of the code point at `position`, which moves behind it.
  Class read(std::string_view text, size_t& position) const;
  // The end of the run of one class that goes on at `position`.
  size_t end_of_run(std::string_view text, size_t position, Class which) const;
  size_t end_of_spaces(std::string_view text, size_t begin) const;

  std::vector<uint8_t> classes_;  // by code point
};
const Gpt2Words& gpt2_words();

}  // namespace broadsheet
