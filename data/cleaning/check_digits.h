// Check digits and ranges of the numbers that identify persons. All take digits without separators.
#pragma once

#include <string_view>

namespace broadsheet {

// ISO/IEC 7812: Luhn's sum is a multiple of 10.
bool has_luhn_digit(std::string_view digits);
// Whether an issuer of payment cards has numbers that begin and are as long like this.
bool is_card_range(std::string_view digits);

// ISO 13616: the length of a country's account numbers, or 0. Two upper-case letters.
size_t iban_length(std::string_view country);
// Upper-case letters and digits: country, length and remainder.
bool is_iban(std::string_view account);

// GB 11643-1999, 18 characters, the last a digit or X.
bool is_resident_id(std::string_view id);

// Nine digits: area, group and serial number that the US administration issues.
bool is_ssn(std::string_view digits);

// A day of the Gregorian calendar between 1900 and 2099.
bool is_date(int year, int month, int day);

}  // namespace broadsheet
