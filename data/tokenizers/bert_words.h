// The words of normalised text as BERT cuts it: BertPreTokenizer of `tokenizers`.
#pragma once

#include <cstddef>
#include <string_view>

#include "data/tokenizers/unicode.h"

namespace broadsheet {

// Calls action(word) with each run of what is neither white space nor punctuation, and with each punctuation mark.
template <class Action>
void each_bert_word(std::string_view text, Action action) {
  const UnicodeClasses& classes = unicode_classes();
  size_t begin = 0;  // of the word being read
  for (size_t position = 0; position < text.size();) {
    const size_t here = position;
    const char32_t c = next_code_point(text, position);
    const bool space = classes.is(c, CodePointClass::kWhitespace);
    if (!space && !classes.is(c, CodePointClass::kPunctuation)) continue;
    if (here > begin) action(text.substr(begin, here - begin));
    if (!space) action(text.substr(here, position - here));
    begin = position;
  }
  if (begin < text.size()) action(text.substr(begin));
}

}  // namespace broadsheet
