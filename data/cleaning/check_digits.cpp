#include "data/cleaning/check_digits.h"

#include <algorithm>
#include <chrono>
#include <iterator>

namespace broadsheet {
namespace {

int value_of(std::string_view digits) {
  int value = 0;
  for (const char c : digits) value = 10 * value + (c - '0');
  return value;
}

struct CountryLength {
  char country[3];
  unsigned char length;
};
// The IBAN registry of SWIFT, sorted.
constexpr CountryLength kIbanLengths[] = {
    {"AD", 24}, {"AE", 23}, {"AL", 28}, {"AT", 20}, {"AZ", 28}, {"BA", 20}, {"BE", 16}, {"BG", 22}, {"BH", 22},
    {"BI", 27}, {"BR", 29}, {"BY", 28}, {"CH", 21}, {"CR", 22}, {"CY", 28}, {"CZ", 24}, {"DE", 22}, {"DJ", 27},
    {"DK", 18}, {"DO", 28}, {"EE", 20}, {"EG", 29}, {"ES", 24}, {"FI", 18}, {"FK", 18}, {"FO", 18}, {"FR", 27},
    {"GB", 22}, {"GE", 22}, {"GI", 23}, {"GL", 18}, {"GR", 27}, {"GT", 28}, {"HR", 21}, {"HU", 28}, {"IE", 22},
    {"IL", 23}, {"IQ", 23}, {"IS", 26}, {"IT", 27}, {"JO", 30}, {"KW", 30}, {"KZ", 20}, {"LB", 28}, {"LC", 32},
    {"LI", 21}, {"LT", 20}, {"LU", 20}, {"LV", 21}, {"LY", 25}, {"MC", 27}, {"MD", 24}, {"ME", 22}, {"MK", 19},
    {"MN", 20}, {"MR", 27}, {"MT", 31}, {"MU", 30}, {"NI", 28}, {"NL", 18}, {"NO", 15}, {"OM", 23}, {"PK", 24},
    {"PL", 28}, {"PS", 29}, {"PT", 25}, {"QA", 29}, {"RO", 24}, {"RS", 22}, {"RU", 33}, {"SA", 24}, {"SC", 31},
    {"SD", 18}, {"SE", 24}, {"SI", 19}, {"SK", 24}, {"SM", 27}, {"SO", 23}, {"ST", 25}, {"SV", 28}, {"TL", 23},
    {"TN", 24}, {"TR", 26}, {"UA", 29}, {"VA", 22}, {"VG", 24}, {"XK", 20}, {"YE", 30}};

bool is_province(int code) {
  return (code >= 11 && code <= 15) || (code >= 21 && code <= 23) || (code >= 31 && code <= 37) ||
         (code >= 41 && code <= 46) || (code >= 50 && code <= 54) || (code >= 61 && code <= 65) || code == 71 ||
         (code >= 81 && code <= 83);
}

}  // namespace

bool has_luhn_digit(std::string_view digits) {
  int sum = 0;
  for (size_t i = 0; i < digits.size(); ++i) {
    int digit = digits[digits.size() - 1 - i] - '0';
    if (i % 2 == 1) digit = digit > 4 ? 2 * digit - 9 : 2 * digit;
    sum += digit;
  }
  return sum % 10 == 0;
}

bool is_card_range(std::string_view digits) {
  const size_t size = digits.size();
  if (size < 13 || size > 19) return false;
  const int two = value_of(digits.substr(0, 2)), three = value_of(digits.substr(0, 3)),
            four = value_of(digits.substr(0, 4));
  if (digits[0] == '4') return size == 13 || size == 16 || size == 19;                           // Visa
  if ((two >= 51 && two <= 55) || (four >= 2221 && four <= 2720)) return size == 16;             // Mastercard
  if (two == 34 || two == 37) return size == 15;                                                 // American Express
  if (two == 36 || two == 38 || two == 39 || (three >= 300 && three <= 305)) return size >= 14;  // Diners Club
  if (four >= 3528 && four <= 3589) return size >= 16;                                           // JCB
  if (four >= 2200 && four <= 2204) return size >= 16;                                           // Mir
  return (two == 50 || (two >= 56 && two <= 69)) && size >= (two == 62 ? 16u : 13u);  // Maestro, UnionPay, ...
}

size_t iban_length(std::string_view country) {
  const auto row =
      std::lower_bound(std::begin(kIbanLengths), std::end(kIbanLengths), country,
                       [](const CountryLength& one, std::string_view wanted) { return one.country < wanted; });
  return row != std::end(kIbanLengths) && row->country == country ? row->length : 0;
}

bool is_iban(std::string_view account) {
  if (account.size() < 5 || iban_length(account.substr(0, 2)) != account.size()) return false;
  int remainder = 0;
  for (size_t i = 0; i < account.size(); ++i) {
    const char c = account[(i + 4) % account.size()];
    if (c >= '0' && c <= '9')
      remainder = (10 * remainder + (c - '0')) % 97;
    else if (c >= 'A' && c <= 'Z')
      remainder = (100 * remainder + (c - 'A' + 10)) % 97;
    else
      return false;
  }
  return remainder == 1;
}

bool is_date(int year, int month, int day) {
  if (year < 1900 || year > 2099 || month < 1 || day < 1) return false;
  return std::chrono::year_month_day{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                     std::chrono::day(static_cast<unsigned>(day))}
      .ok();
}

bool is_resident_id(std::string_view id) {
  static constexpr int kWeights[17] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
  static constexpr char kCheck[] = "10X98765432";
  if (id.size() != 18 || !is_province(value_of(id.substr(0, 2)))) return false;
  if (!is_date(value_of(id.substr(6, 4)), value_of(id.substr(10, 2)), value_of(id.substr(12, 2)))) return false;
  int sum = 0;
  for (size_t i = 0; i < 17; ++i) sum += kWeights[i] * (id[i] - '0');
  const char last = id[17] == 'x' ? 'X' : id[17];
  return kCheck[sum % 11] == last;
}

bool is_ssn(std::string_view digits) {
  if (digits.size() != 9) return false;
  const int area = value_of(digits.substr(0, 3));
  return area != 0 && area != 666 && area < 900 && digits.substr(3, 2) != "00" && digits.substr(5) != "0000";
}

}  // namespace broadsheet
