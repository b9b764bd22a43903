// Telephone numbers, cards, resident ids, social security numbers and IPv4 addresses: groups of digits.
#include <algorithm>

#include "data/cleaning/check_digits.h"
#include "data/cleaning/finders.h"

namespace broadsheet::finders {
namespace {

constexpr size_t kMostGroups = 10, kMostDigits = 24;
using Labels = std::vector<std::string_view>;

const Labels& phone_labels() {
  static const Labels labels = {"tel",  "telephone", "phone",    "phones", "fax",  "mobile", "mob",     "cell",
                                "call", "calls",     "whatsapp", "sms",    "text", "dial",   "hotline", "ring",
                                "ph",   "电话",      "手机",     "传真",   "致电", "热线",   "手机号",  "联系",
                                "座机", "拨打",      "微信",     "☎",      "📞",    "📱"};
  return labels;
}
const Labels& ssn_labels() {
  static const Labels labels = {"ssn", "social security", "social security no", "social", "ss"};
  return labels;
}
// What digits behind these are is no telephone number.
const Labels& book_labels() {
  static const Labels labels = {"isbn", "isbn-10", "isbn-13", "issn", "doi", "arxiv",
                                "pmid", "oclc",    "ean",     "upc",  "asin"};
  return labels;
}
const Labels& version_labels() {
  static const Labels labels = {"v",        "ver",     "version",  "versions", "release", "section",
                                "sections", "chapter", "firmware", "build",    "update",  "paragraph",
                                "clause",   "article", "rule",     "版本",     "版",      "第"};
  return labels;
}
const Labels& number_labels() {  // letters that may touch a number's first digit
  static const Labels labels = {"tel", "phone", "mob", "mobile", "fax", "cell", "id",
                                "no",  "card",  "ssn", "ip",     "t",   "m",    "ph"};
  return labels;
}

bool is_currency(char32_t c) {
  return c == U'$' || c == U'¥' || c == U'￥' || c == U'€' || c == U'£' || c == U'₹' || c == U'₩';
}

// Groups of digits from one place on, with what stands between them.
struct Number {
  std::string_view text;
  std::string digits;         // of all groups
  std::vector<size_t> sizes;  // digits of each group
  std::vector<size_t> ends;   // where each ends in the text
  std::string marks;          // before each group: ' ', '-', '.', '/', ')' (any with a parenthesis), 'x' (several)
  size_t begin = 0;

  size_t groups() const { return sizes.size(); }
  size_t digits_of(size_t groups) const {
    size_t sum = 0;
    for (size_t i = 0; i < groups; ++i) sum += sizes[i];
    return sum;
  }
  // The mark between all of the first groups; 0 when they differ.
  char mark_of(size_t count) const {
    if (count < 2) return ' ';
    return std::all_of(marks.begin() + 1, marks.begin() + static_cast<ptrdiff_t>(count),
                       [&](char c) { return c == marks[1]; })
               ? marks[1]
               : '\0';
  }
  bool has_sizes(size_t count, std::initializer_list<size_t> wanted) const {
    return count == wanted.size() && std::equal(wanted.begin(), wanted.end(), sizes.begin());
  }
  std::string_view group(size_t i) const { return std::string_view(digits).substr(digits_of(i), sizes[i]); }
};

// The end of what may stand between two groups, and its mark; `position` when nothing may.
size_t separator_end(std::string_view text, size_t position, char& mark) {
  static constexpr std::string_view kWide[] = {"\u00A0", "\u2009", "\u202F"};     // spaces that do not break
  static constexpr std::string_view kHyphens[] = {"\u2010", "\u2011", "\u2012"};  // hyphens
  static constexpr std::string_view kParentheses[] = {"（", "）"};
  size_t end = position, count = 0;
  mark = '\0';
  const auto take = [&](char c, size_t bytes) {
    if (c == ')')
      mark = ')';
    else if (mark == '\0')
      mark = c;
    else if (mark != ')' && !(mark == ' ' && c == ' '))
      mark = 'x';
    end += bytes;
    ++count;
  };
  while (end < text.size() && count < 4) {
    const char c = text[end];
    const std::string_view rest = text.substr(end);
    const auto begins = [&](std::string_view one) { return rest.substr(0, one.size()) == one; };
    if (c == ' ' || c == '-' || c == '.' || c == '/')
      take(c, 1);
    else if (c == '(' || c == ')')
      take(')', 1);
    else if (std::any_of(std::begin(kWide), std::end(kWide), begins))
      take(' ', begins(kWide[0]) ? 2 : 3);
    else if (std::any_of(std::begin(kHyphens), std::end(kHyphens), begins))
      take('-', 3);
    else if (std::any_of(std::begin(kParentheses), std::end(kParentheses), begins))
      take(')', 3);
    else
      break;
  }
  if (end >= text.size() || !is_digit(text[end]) || (count > 1 && mark == ' ') || count > 3) return position;
  return end;
}

Number read_number(std::string_view text, size_t begin) {
  Number number{text, "", {}, {}, "\n", begin};
  for (size_t position = begin; number.groups() < kMostGroups && number.digits.size() < kMostDigits;) {
    const size_t group = position;
    while (position < text.size() && is_digit(text[position])) ++position;
    number.digits += text.substr(group, position - group);
    number.sizes.push_back(position - group);
    number.ends.push_back(position);
    char mark = '\0';
    const size_t next = separator_end(text, position, mark);
    if (next == position) break;
    number.marks += mark;
    position = next;
  }
  number.marks.resize(number.groups());
  return number;
}

// Nothing before the number makes it part of something longer.
bool is_open_before(std::string_view text, size_t begin) {
  if (begin == 0) return true;
  const char c = text[begin - 1];
  if (is_digit(c) || c == '_') return false;
  if (is_letter(c)) return is_labelled(text, begin, number_labels());
  return !((c == '-' || c == '.') && begin > 1 && is_digit(text[begin - 2]));
}

bool is_open_after(std::string_view text, size_t end) {
  if (end >= text.size()) return true;
  const char c = text[end];
  if (is_alnum(c) || c == '_') return false;
  return !((c == '-' || c == '.') && end + 1 < text.size() && is_digit(text[end + 1]));
}

bool ends_well(const Number& number, size_t count) {
  return is_open_after(number.text, number.ends[count - 1]);
}

// "212-555-0143 x12", "转 12".
size_t with_extension(std::string_view text, size_t end) {
  for (const std::string_view word : {" ext. ", " ext ", " ext.", " x", "x", " extension ", "转", "-转"}) {
    if (text.substr(end, word.size()) != word) continue;
    size_t digits = end + word.size();
    while (digits < text.size() && is_digit(text[digits])) ++digits;
    const size_t count = digits - end - word.size();
    if (count >= 1 && count <= 6) return digits;
  }
  return end;
}

// --- with check digits
// ------------------------------------------------------------------------------------------------
size_t resident_id_end(const Number& n, size_t count) {
  const size_t digits = n.digits_of(count);
  const char mark = n.mark_of(count);
  const bool shape = count == 1 || ((count == 3 || count == 4) && (mark == ' ' || mark == '-') && n.sizes[0] == 6);
  if (!shape || (digits != 17 && digits != 18)) return 0;
  size_t end = n.ends[count - 1];
  std::string id = n.digits.substr(0, digits);
  if (digits == 17) {
    // The X may stand in a group of its own.
    if (end < n.text.size() && (n.text[end] == ' ' || n.text[end] == '-') && count > 1) ++end;
    if (end >= n.text.size() || lower(n.text[end]) != 'x') return 0;
    id += 'X';
    ++end;
  }
  return is_resident_id(id) && is_open_after(n.text, end) ? end : 0;
}

bool is_card(const Number& n, size_t count) {
  const size_t digits = n.digits_of(count);
  if (digits < 13 || digits > 19) return false;
  const char mark = n.mark_of(count);
  if (count > 1 && mark != ' ' && mark != '-') return false;
  bool shape = count == 1 || n.has_sizes(count, {4, 6, 5}) || n.has_sizes(count, {4, 6, 4}) ||
               n.has_sizes(count, {6, 13}) || n.has_sizes(count, {8, 8});
  if (!shape && count >= 4) {
    shape = n.sizes[count - 1] <= 4;
    for (size_t i = 0; i + 1 < count; ++i) shape = shape && n.sizes[i] == 4;
  }
  const std::string_view all = std::string_view(n.digits).substr(0, digits);
  return shape && is_card_range(all) && has_luhn_digit(all) && ends_well(n, count);
}

bool is_social_security(const Number& n, size_t count) {
  const std::string_view digits = std::string_view(n.digits).substr(0, n.digits_of(count));
  const char mark = n.mark_of(count);
  const bool grouped = n.has_sizes(count, {3, 2, 4}) && (mark == '-' || (mark == ' ' && count == n.groups()));
  const bool labelled = n.has_sizes(count, {9}) && is_labelled(n.text, n.begin, ssn_labels());
  return (grouped || labelled) && is_ssn(digits) && ends_well(n, count);
}

bool is_ip4(const Number& n) {
  if (n.groups() < 4 || n.marks[1] != '.' || n.marks[2] != '.' || n.marks[3] != '.') return false;
  if (n.groups() > 4 && n.marks[4] == '.') return false;
  bool small = true;
  for (size_t i = 0; i < 4; ++i) {
    const std::string_view part = n.group(i);
    if (part.size() > 3 || (part.size() > 1 && part[0] == '0') || std::stoi(std::string(part)) > 255) return false;
    small = small && part.size() == 1;
  }
  if (small || n.digits[0] == '0') return false;  // the number of a section or of a version
  const bool program = n.begin >= 2 && n.text[n.begin - 1] == '/' && is_letter(n.text[n.begin - 2]);
  const size_t end = n.ends[3];
  const bool more = end < n.text.size() && (is_alnum(n.text[end]) || n.text[end] == '_');
  return !program && !more && !is_labelled(n.text, n.begin, version_labels());
}

// --- telephones
// ---------------------------------------------------------------------------------------------------------
bool is_day(const Number& n, size_t count) {
  if (count < 3 || n.sizes[1] > 2) return false;
  const auto value = [&](size_t i) { return std::stoi(std::string(n.group(i))); };
  if (n.sizes[0] == 4 && n.sizes[2] <= 2) return is_date(value(0), value(1), value(2));
  if (n.sizes[0] > 2 || n.sizes[2] != 4) return false;
  return is_date(value(2), value(1), value(0)) || is_date(value(2), value(0), value(1));
}

bool is_north_american(const Number& n, size_t count) {
  const size_t first = n.has_sizes(count, {1, 3, 3, 4}) && n.digits[0] == '1' ? 1 : 0;
  if (first == 0 && !n.has_sizes(count, {3, 3, 4})) return false;
  const std::string_view area = n.group(first), exchange = n.group(first + 1);
  if (area[0] < '2' || exchange[0] < '2') return false;
  const bool parenthesis = n.marks[first + 1] == ')';
  const char mark = n.marks[first + 2];
  if (parenthesis) return mark == '-' || mark == ' ' || mark == '.';
  if (n.marks[first + 1] != mark) return false;
  return mark == '-' || mark == '.' || (mark == ' ' && count == n.groups());
}

bool is_chinese_mobile(const Number& n, size_t count) {
  const std::string_view all = std::string_view(n.digits).substr(0, n.digits_of(count));
  const bool country = all.substr(0, 2) == "86" && all.size() == 13;
  const std::string_view mobile = country ? all.substr(2) : all;
  if (mobile.size() != 11 || mobile[0] != '1' || mobile[1] < '3') return false;
  const char mark = n.mark_of(count);
  if (count > 1 && mark != ' ' && mark != '-') return false;
  const bool shape = count == 1 || n.has_sizes(count, {3, 4, 4}) || n.has_sizes(count, {3, 8}) ||
                     n.has_sizes(count, {2, 11}) || n.has_sizes(count, {2, 3, 4, 4}) || n.has_sizes(count, {4, 3, 4});
  if (!shape || mobile.substr(5) == "000000") return false;
  // An amount in figures.
  static constexpr std::string_view kUnits[] = {"元", "美元", "人", "万", "亿",   "份",
                                                "股", "吨",   "次", "%",  "欧元", "日元"};
  std::string_view after = n.text.substr(n.ends[count - 1]);
  if (!after.empty() && after[0] == ' ') after.remove_prefix(1);
  return count > 1 || std::none_of(std::begin(kUnits), std::end(kUnits),
                                   [&](std::string_view unit) { return after.substr(0, unit.size()) == unit; });
}

// With the leading 0 that many countries dial inside of them.
bool is_national(const Number& n, size_t count) {
  const size_t digits = n.digits_of(count);
  if (n.digits[0] != '0' || n.digits[1] == '0' || digits < 9 || digits > 12 || is_day(n, std::min<size_t>(count, 3)))
    return false;
  if (count == 1) return digits == 11;
  if (n.sizes[0] < 2 || n.sizes[0] > 5 || n.marks.substr(0, count).find('x') != std::string::npos) return false;
  for (size_t i = 1; i < count; ++i)
    if (n.sizes[i] < 2 || n.sizes[i] > 9) return false;
  const bool pairs = n.has_sizes(count, {2, 2, 2, 2, 2});
  for (size_t i = 1; i < count; ++i)
    if ((n.marks[i] == '.' && !pairs) || (n.marks[i] == '/' && i > 1)) return false;
  return n.mark_of(count) != '\0' || n.marks[1] == ')' || n.marks[1] == '/';
}

// "+44 20 ...", "0044 20 ...".
bool is_international(const Number& n, size_t count, bool plus) {
  const size_t digits = n.digits_of(count);
  if (plus) return digits >= 8 && digits <= 15 && n.digits[0] != '0';
  return n.sizes[0] >= 4 && n.digits.substr(0, 2) == "00" && n.digits[2] != '0' && digits >= 10 && digits <= 17;
}

bool is_phone(const Number& n, size_t count, bool plus, bool labelled) {
  const size_t end = n.ends[count - 1];
  if (!ends_well(n, count) && with_extension(n.text, end) == end) return false;
  if (is_international(n, count, plus)) return true;
  if (plus) return false;
  if (is_chinese_mobile(n, count) || is_north_american(n, count) || is_national(n, count)) return true;
  const size_t digits = n.digits_of(count);
  if (!labelled || digits < 7 || digits > 15 || is_day(n, count)) return false;
  const bool years = n.has_sizes(count, {4, 4}) && n.digits[0] <= '2' && n.digits[4] <= '2';
  return !years && (count == 1 || n.sizes[0] > 1);
}

std::optional<Finding> phone_of(const Number& n) {
  std::string_view text = n.text;
  size_t begin = n.begin;
  // "+86", "(+86)", "(020)"
  bool plus = begin > 0 && text[begin - 1] == '+';
  if (plus) --begin;
  if (begin >= 3 && text.substr(begin - 3, 3) == "＋") {
    plus = true;
    begin -= 3;
  }
  const bool parenthesis = n.groups() > 1 && n.marks[1] == ')';
  if (parenthesis && begin > 0 && text[begin - 1] == '(') --begin;
  if (parenthesis && begin >= 3 && text.substr(begin - 3, 3) == "（") begin -= 3;
  size_t before = begin;
  const char32_t previous = code_point_before(text, before);
  if (is_currency(previous) || (plus && (previous == U'+' || is_spaced_word(previous)))) return std::nullopt;
  if (is_labelled(text, begin, book_labels())) return std::nullopt;
  const bool labelled = is_labelled(text, begin, phone_labels());
  for (size_t count = n.groups(); count > 0; --count)
    if (is_phone(n, count, plus, labelled))
      return Finding{begin, with_extension(text, n.ends[count - 1]), IdentifierKind::kPhone};
  return std::nullopt;
}

}  // namespace

bool is_labelled(std::string_view text, size_t position, const std::vector<std::string_view>& labels) {
  static constexpr std::string_view kBetween[] = {" ",  ":",  ".",      "#",  "(",  "-",  "\"", "'",  "*",
                                                  "_",  "=",  "/",      "\t", "：", "（", "，", "为", "是",
                                                  "号", "码", "\u00A0", "+",  "“",  "「", "|",  ",",  "["};
  static constexpr std::string_view kFillers[] = {" is", " at", " no", " number", " us",
                                                  " me", " on", " to", " my",     " nr"};
  std::string before = lower(text.substr(position > 48 ? position - 48 : 0, std::min<size_t>(position, 48)));
  const auto strip = [&](std::string_view end) {
    if (end.empty() || before.size() < end.size() || std::string_view(before).substr(before.size() - end.size()) != end)
      return false;
    before.resize(before.size() - end.size());
    return true;
  };
  const auto matches = [&](std::string_view label) {
    if (before.size() < label.size()) return false;
    const size_t begin = before.size() - label.size();
    return std::string_view(before).substr(begin) == label &&
           (begin == 0 || !is_letter(label[0]) || !is_alnum(before[begin - 1]));
  };
  for (int round = 0; round < 12; ++round) {
    if (std::any_of(labels.begin(), labels.end(), matches)) return true;
    if (!std::any_of(std::begin(kBetween), std::end(kBetween), strip) &&
        !std::any_of(std::begin(kFillers), std::end(kFillers), strip))
      return false;
  }
  return false;
}

std::optional<Finding> number_at(std::string_view text, size_t digit, bool inside_address) {
  if (!is_open_before(text, digit)) return std::nullopt;
  const Number n = read_number(text, digit);
  if (n.digits.size() < 4) return std::nullopt;
  if (is_ip4(n)) return Finding{digit, n.ends[3], IdentifierKind::kIp};
  for (size_t count = n.groups(); count > 0; --count) {
    if (const size_t end = resident_id_end(n, count)) return Finding{digit, end, IdentifierKind::kResidentId};
    if (inside_address) continue;
    if (is_card(n, count)) return Finding{digit, n.ends[count - 1], IdentifierKind::kCard};
    if (is_social_security(n, count)) return Finding{digit, n.ends[count - 1], IdentifierKind::kSsn};
  }
  return inside_address ? std::nullopt : phone_of(n);
}

}  // namespace broadsheet::finders
