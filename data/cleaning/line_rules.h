// Rules of public corpora that look at a document's lines.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace broadsheet {

// Whether a line ends as a sentence does: . ! ? and their Chinese and Japanese forms, or a closing quotation mark.
bool ends_sentence(std::string_view line);

// C4: Raffel et al., "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer" (JMLR 2020),
// section 2.2, with the numbers of that edition. Without the list of bad words, the citation markers and the spans of
// three sentences that come again; the language is `languages`.
//
// The lines that stay: end as a sentence does but not with an ellipsis, have five words or more (a Chinese, Japanese or
// Korean character is one), no "javascript" and no notice about terms of use, privacy or cookies.
std::string c4_lines(std::string_view text);
// What is then dropped; nullptr: nothing is broken.
//   c4_lorem_ipsum    "lorem ipsum"
//   c4_curly_bracket  a curly bracket
//   c4_sentences      fewer than three sentences
const char* c4_reason(const std::vector<std::string_view>& texts);

// FineWeb: Penedo et al., "The FineWeb Datasets: Decanting the Web for the Finest Text Data at Scale" (2024), section
// 3.6. Of lines that are not empty, without spaces at their ends:
//   fineweb_line_ends       0.12 of them or fewer end as a sentence does
//   fineweb_repeated_lines  0.1 of their characters or more are in lines that came before
//   fineweb_short_lines     0.67 of them or more have fewer than 30 characters; a Chinese, Japanese or Korean
//                           one counts as two, as wide as it is written
const char* fineweb_reason(const std::vector<std::string_view>& texts);

}  // namespace broadsheet
