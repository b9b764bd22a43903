// BERT's text normalisation: BertNormalizer of `tokenizers`.
#pragma once

#include <string>
#include <string_view>

namespace broadsheet {

struct BertNormalizerOptions {
  bool clean_text = true;            // drop controls, turn every kind of white space into U+0020
  bool handle_chinese_chars = true;  // a space on either side of each ideograph
  bool strip_accents = true;         // canonical decomposition without nonspacing marks
  bool lowercase = true;             // code point by code point
};

// The steps in the order of the fields. Linear in the text, apart from sorting runs of combining marks.
std::string bert_normalize(std::string_view text, const BertNormalizerOptions& options);

}  // namespace broadsheet
