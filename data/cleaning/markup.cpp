#include "data/cleaning/markup.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string_view>

#include "data/cleaning/finders.h"
#include "data/tokenizers/unicode.h"

namespace broadsheet {
namespace {

using finders::is_alnum, finders::is_digit, finders::is_letter, finders::lower;

constexpr size_t kLongestTag = 4096, kLongestReference = 12;

bool breaks_line(std::string_view name) {
  static constexpr std::string_view kBlocks[] = {
      "address", "article", "blockquote", "br",      "dd",    "div", "dl",     "dt", "footer", "form",
      "h1",      "h2",      "h3",         "h4",      "h5",    "h6",  "header", "hr", "li",     "main",
      "ol",      "p",       "pre",        "section", "table", "td",  "th",     "tr", "ul"};
  return std::find(std::begin(kBlocks), std::end(kBlocks), name) != std::end(kBlocks);
}

std::string name_of_tag(std::string_view text, size_t begin) {
  size_t end = begin;
  while (end < text.size() && is_alnum(text[end])) ++end;
  return lower(text.substr(begin, end - begin));
}

// Behind the '>' of a tag or a comment that begins at `begin`; `begin` when none does.
size_t tag_end(std::string_view text, size_t begin) {
  if (text.substr(begin, 4) == "<!--") {
    const size_t end = text.find("-->", begin + 4);
    return end == std::string_view::npos ? begin : end + 3;
  }
  const size_t name = begin + (text.substr(begin, 2) == "</" ? 2 : 1);
  if (name >= text.size() || !(is_letter(text[name]) || text[name] == '!')) return begin;
  char quote = '\0';
  for (size_t i = name; i < text.size() && i - begin < kLongestTag; ++i) {
    if (quote != '\0')
      quote = text[i] == quote ? '\0' : quote;
    else if ((text[i] == '"' || text[i] == '\'') && text[i - 1] == '=')
      quote = text[i];
    else if (text[i] == '<')
      return begin;
    else if (text[i] == '>')
      return i + 1;
  }
  return begin;
}

struct Reference {
  std::string_view name;
  char32_t character;
};
constexpr Reference kReferences[] = {
    {"amp", U'&'},      {"lt", U'<'},      {"gt", U'>'},      {"quot", U'"'},    {"apos", U'\''},   {"nbsp", 0xA0},
    {"lsquo", 0x2018},  {"rsquo", 0x2019}, {"ldquo", 0x201C}, {"rdquo", 0x201D}, {"ndash", 0x2013}, {"mdash", 0x2014},
    {"hellip", 0x2026}, {"euro", 0x20AC},  {"pound", 0xA3},   {"copy", 0xA9},    {"reg", 0xAE},     {"trade", 0x2122},
    {"middot", 0xB7},   {"bull", 0x2022},  {"laquo", 0xAB},   {"raquo", 0xBB},   {"eacute", 0xE9},  {"egrave", 0xE8},
    {"agrave", 0xE0},   {"ccedil", 0xE7},  {"auml", 0xE4},    {"ouml", 0xF6},    {"uuml", 0xFC},    {"szlig", 0xDF},
    {"ntilde", 0xF1},   {"deg", 0xB0},     {"times", 0xD7},   {"shy", 0xAD},     {"frac12", 0xBD}};

std::optional<char32_t> number_of(std::string_view digits) {
  const bool hex = !digits.empty() && lower(digits[0]) == 'x';
  if (hex) digits.remove_prefix(1);
  if (digits.empty()) return std::nullopt;
  char32_t value = 0;
  for (const char c : digits) {
    const bool letter = hex && lower(c) >= 'a' && lower(c) <= 'f';
    if (!is_digit(c) && !letter) return std::nullopt;
    value = value * (hex ? 16 : 10) + static_cast<char32_t>(letter ? lower(c) - 'a' + 10 : c - '0');
    if (value > 0x10FFFF) return std::nullopt;
  }
  return value == 0 || (value >= 0xD800 && value < 0xE000) ? std::nullopt : std::optional(value);
}

// The character that "&name;" at `begin` stands for, with its end.
std::optional<std::pair<char32_t, size_t>> reference_at(std::string_view text, size_t begin) {
  const size_t end = text.substr(begin, kLongestReference).find(';');
  if (end == std::string_view::npos || end < 3) return std::nullopt;
  const std::string_view name = text.substr(begin + 1, end - 1);
  if (name[0] == '#') {
    const auto number = number_of(name.substr(1));
    return number ? std::optional(std::pair(*number, begin + end + 1)) : std::nullopt;
  }
  for (const Reference& reference : kReferences)
    if (reference.name == name) return std::pair(reference.character, begin + end + 1);
  return std::nullopt;
}

}  // namespace

std::string without_markup(const std::string& text) {
  if (text.find_first_of("<&") == std::string::npos) return text;
  std::string out;
  for (size_t i = 0; i < text.size();) {
    if (text[i] == '&') {
      if (const auto reference = reference_at(text, i)) {
        append_utf8(reference->first, out);
        i = reference->second;
        continue;
      }
    } else if (text[i] == '<') {
      if (const size_t end = tag_end(text, i); end > i) {
        const bool closing = text[i + 1] == '/';
        const std::string name = name_of_tag(text, i + (closing ? 2 : 1));
        if (breaks_line(name)) out += '\n';
        i = end;
        if (!closing && (name == "script" || name == "style")) {
          const size_t close = text.find("</" + name, end);
          i = close == std::string::npos ? text.size() : close;
        }
        continue;
      }
    }
    out += text[i++];
  }
  return out;
}

}  // namespace broadsheet
