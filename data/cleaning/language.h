// The language of a document, by CLD2 (Compact Language Detector 2).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace broadsheet {

// The code (ISO 639-1, "zh-Hant" for traditional Chinese) of the language that most of the texts are in; "unknown" when
// CLD2 is not sure, as of texts of a few words.
std::string language_of(const std::vector<std::string_view>& texts);
// Whether CLD2 can tell it.
bool is_language(const std::string& code);
// "zh" stands for "zh-Hant" too.
bool is_among(const std::string& language, const std::vector<std::string>& wanted);

}  // namespace broadsheet
