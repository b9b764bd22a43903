// E-mail addresses, handles, IPv6 addresses, bank accounts, and URLs that carry secrets.
#include <algorithm>

#include "data/cleaning/check_digits.h"
#include "data/cleaning/finders.h"
#include "data/tokenizers/unicode.h"

namespace broadsheet::finders {
namespace {

constexpr char32_t kFirstCjk = 0x2E80;  // from here on no spaces between words
constexpr size_t kLongestLocal = 64, kLongestDomain = 253, kLongestHandle = 64, kLongestAddress = 4096;

bool is_hex(char c) {
  return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f');
}

// The end of a letter or digit of a spaced script at `position`, or `position`.
size_t word_end(std::string_view text, size_t position) {
  if (position >= text.size()) return position;
  size_t end = position;
  return is_spaced_word(next_code_point(text, end)) ? end : position;
}

// The end of a host's name with at least one dot, whose last label is of letters; or `begin`.
size_t domain_end(std::string_view text, size_t begin) {
  size_t position = begin, end = begin, label = begin;
  int labels = 0;
  while (position < text.size() && position - begin < kLongestDomain) {
    const size_t next = word_end(text, position);
    if (next > position) {
      position = next;
      continue;
    }
    if (position == label) break;
    const bool dot = text[position] == '.', hyphen = text[position] == '-';
    if (!dot && !hyphen) break;
    if (word_end(text, position + 1) == position + 1) break;
    ++position;
    if (dot) {
      ++labels;
      label = position;
    }
  }
  const std::string_view last = text.substr(label, position - label);
  const bool punycode = lower(last.substr(0, 4)) == "xn--";
  const bool letters = last.size() >= 2 && (punycode || std::none_of(last.begin(), last.end(),
                                                                     [](char c) { return is_digit(c) || c == '-'; }));
  if (labels > 0 && letters) end = position;
  return end;
}

bool is_chinese_name_character(char32_t c) {
  return is_chinese(c) || (c >= 0x3040 && c <= 0x30FF) || (c >= 0xAC00 && c <= 0xD7A3);
}

std::optional<int> count_groups(std::string_view part) {
  if (part.empty()) return 0;
  int groups = 1;
  size_t size = 0;
  for (const char c : part) {
    if (c == ':') {
      if (size == 0) return std::nullopt;
      size = 0;
      ++groups;
    } else if (!is_hex(c) || ++size > 4) {
      return std::nullopt;
    }
  }
  return size == 0 ? std::nullopt : std::optional(groups);
}

bool is_ip6(std::string_view token) {
  const size_t gap = token.find("::");
  if (gap == std::string_view::npos) return count_groups(token) == std::optional(8);
  const auto left = count_groups(token.substr(0, gap)), right = count_groups(token.substr(gap + 2));
  if (!left || !right || *left + *right > 7) return false;
  // "a::b" is also how programs name things: an address worth hiding is longer, and has digits.
  const auto digits = std::count_if(token.begin(), token.end(), is_digit);
  return digits > 0 && std::count_if(token.begin(), token.end(), is_hex) >= 5;
}

bool is_secret_name(std::string_view name) {
  static constexpr std::string_view kNames[] = {
      "token",  "auth",  "key",    "apikey", "secret", "sig",    "signature", "password",  "passwd",
      "pwd",    "pass",  "sid",    "jwt",    "code",   "ticket", "hash",      "email",     "mail",
      "e-mail", "phone", "tel",    "mobile", "user",   "userid", "session",   "sessionid", "uid",
      "otp",    "nonce", "invite", "login",  "fbclid", "gclid",  "username"};
  static constexpr std::string_view kEnds[] = {"token",  "_key", "-key",       "signature", "secret",    "password",
                                               "apikey", "_sig", "credential", "sessid",    "sessionid", "_auth"};
  const std::string small = lower(name);
  return std::find(std::begin(kNames), std::end(kNames), small) != std::end(kNames) ||
         std::any_of(std::begin(kEnds), std::end(kEnds), [&](std::string_view end) {
           return small.size() >= end.size() && std::string_view(small).substr(small.size() - end.size()) == end;
         });
}

// Long and neither a word nor a number: what machines hand out.
bool is_opaque(std::string_view text, size_t longest_word) {
  size_t run = 0, digits = 0, letters = 0;
  for (const char c : text) {
    if (!is_alnum(c)) {
      run = digits = letters = 0;
      continue;
    }
    ++(is_digit(c) ? digits : letters);
    if (++run >= longest_word && digits >= 3 && letters >= 3) return true;
  }
  return false;
}

bool has_secret_parameter(std::string_view query) {
  while (!query.empty()) {
    const size_t end = std::min(query.find_first_of("?&#;"), query.size());
    const std::string_view parameter = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const size_t equals = parameter.find('=');
    if (equals == std::string_view::npos) {
      if (is_opaque(parameter, 24)) return true;
      continue;
    }
    const std::string_view name = parameter.substr(0, equals), value = parameter.substr(equals + 1);
    if (lower(name.substr(0, 4)) == "utm_" || value.empty()) continue;
    if (is_secret_name(name) || is_opaque(value, 16)) return true;
  }
  return false;
}

bool has_secret_segment(std::string_view path) {
  static constexpr std::string_view kDoors[] = {
      "reset", "token", "invite",   "verify", "confirm", "password",       "unsubscribe",   "session",
      "auth",  "magic", "activate", "share",  "login",   "reset-password", "password-reset"};
  bool behind_door = false;
  while (!path.empty()) {
    const size_t end = std::min(path.find('/'), path.size());
    const std::string_view segment = path.substr(0, end);
    path.remove_prefix(std::min(end + 1, path.size()));
    if (segment.substr(0, 3) == "eyJ" && segment.size() >= 20) return true;  // a JSON web token
    if (behind_door && is_opaque(segment, 12)) return true;
    behind_door = std::find(std::begin(kDoors), std::end(kDoors), lower(segment)) != std::end(kDoors);
    const size_t session = lower(segment).find(";jsessionid=");
    if (session != std::string::npos) return true;
  }
  return false;
}

}  // namespace

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

char32_t code_point_before(std::string_view text, size_t& position) {
  if (position == 0) return 0;
  size_t begin = position - 1;
  while (begin > 0 && position - begin < 4 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
  position = begin;
  size_t end = begin;
  return next_code_point(text, end);
}

bool is_spaced_word(char32_t c) {
  if (c < 0x80) return is_alnum(static_cast<char>(c));
  return c < kFirstCjk && unicode_classes().is(c, CodePointClass::kWord);
}

std::optional<Finding> email_at(std::string_view text, size_t at_sign) {
  static constexpr std::string_view kMore = "._%+-'!#$&*=?^`{|}~/";
  const size_t end = domain_end(text, at_sign + 1);
  if (end == at_sign + 1) return std::nullopt;
  size_t begin = at_sign;
  while (begin > 0 && at_sign - begin < kLongestLocal) {
    size_t before = begin;
    const char32_t c = code_point_before(text, before);
    const bool more = c < 0x80 && kMore.find(static_cast<char>(c)) != std::string_view::npos;
    if (!more && !is_spaced_word(c)) break;
    begin = before;
  }
  // Of the signs that an address may hold, only these begin one in practice.
  static constexpr std::string_view kNoBegin = ".'!#$&*=?^`{|}~/%-";
  while (begin < at_sign && kNoBegin.find(text[begin]) != std::string_view::npos) ++begin;
  // "name=jo@example.com", "a/jo@example.com": what is before the last of these is no part of it.
  for (size_t i = at_sign; i > begin; --i)
    if (std::string_view("=?&/|{}`*'").find(text[i - 1]) != std::string_view::npos) begin = std::max(begin, i);
  if (begin == at_sign) return std::nullopt;
  return Finding{begin, end, IdentifierKind::kEmail};
}

std::optional<Finding> handle_at(std::string_view text, size_t at_sign) {
  size_t before = at_sign;
  const char32_t previous = code_point_before(text, before);
  if (before < at_sign && (is_spaced_word(previous) || previous == U'@' || previous == U'.')) return std::nullopt;
  size_t position = at_sign + 1, characters = 0, letters = 0, digits = 0;
  while (position < text.size() && position - at_sign <= kLongestHandle) {
    size_t next = position;
    const char32_t c = next_code_point(text, next);
    const bool name = is_spaced_word(c) || is_chinese_name_character(c) || c == U'_';
    const bool inside = (c == U'.' || c == U'-') && characters > 0 && word_end(text, next) > next;
    if (!name && !inside) break;
    const bool digit = c >= U'0' && c <= U'9';
    ++(digit ? digits : letters);
    // "@7pm", "@3x": a time or a size.
    if (characters == 0 && digit && word_end(text, next) == next) return std::nullopt;
    ++characters;
    position = next;
  }
  if (letters == 0 || characters < 2) return std::nullopt;
  if (is_digit(text[at_sign + 1]) && characters < 5) return std::nullopt;
  if (position < text.size() && text[position] == '@') {
    const size_t host = domain_end(text, position + 1);
    if (host > position + 1) position = host;
  }
  return Finding{at_sign, position, IdentifierKind::kHandle};
}

std::optional<Finding> ip6_at(std::string_view text, size_t colon) {
  size_t begin = colon;
  while (begin > 0 && is_hex(text[begin - 1])) --begin;
  if (colon - begin > 4) return std::nullopt;
  if (begin > 0 && (is_alnum(text[begin - 1]) || text[begin - 1] == ':' || text[begin - 1] == '_')) return std::nullopt;
  size_t end = colon;
  while (end < text.size() && end - begin < 64 && (is_hex(text[end]) || text[end] == ':')) ++end;
  if (std::count(text.begin() + static_cast<ptrdiff_t>(begin), text.begin() + static_cast<ptrdiff_t>(end), ':') < 2)
    return std::nullopt;
  if (end - begin > 2 && text[end - 1] == ':' && text[end - 2] != ':') --end;
  if (end < text.size() && (is_alnum(text[end]) || text[end] == '_')) return std::nullopt;
  std::string_view token = text.substr(begin, end - begin);
  // "::ffff:192.168.1.9" ends with an address of version 4, which stands for two groups.
  const size_t last = token.rfind(':') + 1;
  if (end < text.size() && text[end] == '.' && last < token.size() && end + 1 < text.size() &&
      is_digit(text[end + 1])) {
    size_t dots = 0, tail = begin + last;
    while (tail < text.size() &&
           (is_digit(text[tail]) || (text[tail] == '.' && dots < 3 && is_digit(text[tail + 1])))) {
      if (text[tail] == '.') ++dots;
      ++tail;
    }
    const std::string as_groups = std::string(token.substr(0, last)) + "1234:5678";
    if (dots == 3 && is_ip6(as_groups)) return Finding{begin, tail, IdentifierKind::kIp};
    return std::nullopt;
  }
  if (!is_ip6(token)) return std::nullopt;
  return Finding{begin, end, IdentifierKind::kIp};
}

std::optional<Finding> iban_at(std::string_view text, size_t begin) {
  std::string account;
  size_t length = 0, position = begin;
  while (position < text.size()) {
    const char c = text[position];
    if (is_alnum(c)) {
      account += is_digit(c) ? c : static_cast<char>(c & ~0x20);
      ++position;
      if (account.size() == 2 && (length = iban_length(account)) == 0) return std::nullopt;
      if (account.size() == 4 && !(is_digit(account[2]) && is_digit(account[3]))) return std::nullopt;
      if (length > 0 && account.size() == length) break;
      continue;
    }
    const bool joins = (c == ' ' || c == '-') && account.size() >= 4 && account.size() % 2 == 0;
    if (!joins || position + 1 >= text.size() || !is_alnum(text[position + 1])) return std::nullopt;
    ++position;
  }
  if (position < text.size() && is_alnum(text[position])) return std::nullopt;
  if (!is_iban(account)) return std::nullopt;
  return Finding{begin, position, IdentifierKind::kIban};
}

Address address_at(std::string_view text, size_t begin, size_t host) {
  static constexpr std::string_view kEnds = " \t\r\n\"<>`{}|\\^";
  size_t end = host;
  while (end < text.size() && end - begin < kLongestAddress && static_cast<unsigned char>(text[end]) < 0x80 &&
         static_cast<unsigned char>(text[end]) > 0x20 && kEnds.find(text[end]) == std::string_view::npos)
    ++end;
  const auto is_open = [&](char open, char close) {
    const std::string_view inside = text.substr(begin, end - begin);
    return std::count(inside.begin(), inside.end(), close) > std::count(inside.begin(), inside.end(), open);
  };
  while (end > host) {
    const char last = text[end - 1];
    const bool punctuation = std::string_view(".,;:!?'*").find(last) != std::string_view::npos;
    if (!punctuation && !(last == ')' && is_open('(', ')')) && !(last == ']' && is_open('[', ']'))) break;
    --end;
  }
  Address address{begin, end, false};
  const std::string_view rest = text.substr(host, end - host);
  const size_t path = std::min(rest.find_first_of("/?#"), rest.size());
  const std::string_view authority = rest.substr(0, path);
  const size_t query = std::min(rest.find_first_of("?#", path), rest.size());
  address.secret = authority.find('@') != std::string_view::npos ||
                   has_secret_segment(rest.substr(path, query - path)) ||
                   (query < rest.size() && has_secret_parameter(rest.substr(query + 1)));
  return address;
}

}  // namespace broadsheet::finders
