#include "data/cleaning/language.h"

#include <cld2/public/compact_lang_det.h>

#include <algorithm>

#include "core/text.h"

namespace broadsheet {
namespace {

// CLD2 counts lengths in int, and more than that says nothing new.
constexpr size_t kMostBytes = size_t{1} << 20;

}  // namespace

std::string language_of(const std::vector<std::string_view>& texts) {
  std::string all;
  for (const std::string_view text : texts) {
    all += text.substr(0, kMostBytes - std::min(all.size(), kMostBytes));
    all += '\n';
  }
  bool reliable = false;
  const CLD2::Language language =
      CLD2::DetectLanguage(all.data(), static_cast<int>(all.size()), /*is_plain_text=*/true, &reliable);
  return reliable && language != CLD2::UNKNOWN_LANGUAGE ? CLD2::LanguageCode(language) : "unknown";
}

bool is_language(const std::string& code) {
  // CLD2's own look-up takes names in any case ("ENGLISH"); wanted is the code as language_of gives it.
  const CLD2::Language language = CLD2::GetLanguageFromName(code.c_str());
  return language != CLD2::UNKNOWN_LANGUAGE && CLD2::LanguageCode(language) == code;
}

bool is_among(const std::string& language, const std::vector<std::string>& wanted) {
  return std::any_of(wanted.begin(), wanted.end(),
                     [&](const std::string& one) { return language == one || starts_with(language, one + "-"); });
}

}  // namespace broadsheet
