// One finder per form, and what they share. Private to data/cleaning: identifiers.cpp calls them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/cleaning/identifiers.h"

namespace broadsheet::finders {

inline bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
inline bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
inline bool is_alnum(char c) {
  return is_digit(c) || is_letter(c);
}
inline char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}
std::string lower(std::string_view text);

// The code point that ends before `position`, which moves to its begin; 0 at the begin of the text.
char32_t code_point_before(std::string_view text, size_t& position);
// Letters and digits of scripts that put spaces between words.
bool is_spaced_word(char32_t c);

// What is written before text[position] is one of `labels` (lower case), with nothing between but punctuation, spaces
// and words such as "is" and "number".
bool is_labelled(std::string_view text, size_t position, const std::vector<std::string_view>& labels);

// Each looks at a place where its kind may stand.
std::optional<Finding> email_at(std::string_view text, size_t at_sign);
std::optional<Finding> handle_at(std::string_view text, size_t at_sign);
std::optional<Finding> ip6_at(std::string_view text, size_t colon);  // the first colon of the address
std::optional<Finding> iban_at(std::string_view text, size_t begin);
// `digit`: the first of a group of digits. `inside_address`: in a URL, where numbers are rarely telephones.
std::optional<Finding> number_at(std::string_view text, size_t digit, bool inside_address);

struct Address {
  size_t begin = 0, end = 0;
  bool secret = false;
};
// `begin`: of a scheme or of "www.".
Address address_at(std::string_view text, size_t begin, size_t host);

}  // namespace broadsheet::finders
