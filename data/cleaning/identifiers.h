// Identifiers of persons in running text: what kinds there are, and where they stand.
//
// Note [What counts as an identifier]
// Kinds with a check digit (cards, bank accounts, Chinese resident ids) count when it is right, whatever stands around
// them. Kinds with a form only (telephone numbers, US social security numbers, addresses) count when their form is one
// that is in use and nothing around them says that they are something else: a version, an ISBN, an amount, a longer
// number. Names are found when a list names them, never guessed.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

namespace broadsheet {

enum class IdentifierKind { kEmail, kPhone, kCard, kIban, kResidentId, kSsn, kIp, kHandle, kUrl, kName };
inline constexpr size_t kIdentifierKinds = 10;
// "email", "phone", ...: as corpus.yaml and reports call them, in the order of the enumeration.
inline constexpr std::array<const char*, kIdentifierKinds> kIdentifierNames = {
    "email", "phone", "card", "iban", "resident_id", "ssn", "ip", "handle", "url", "name"};

struct Finding {
  size_t begin = 0, end = 0;  // bytes of the text
  IdentifierKind kind = IdentifierKind::kEmail;

  bool operator==(const Finding&) const = default;
};

// All but names, in any order; they may overlap. `text` is UTF-8. One pass with look-arounds of bounded length.
//   email        local@domain.tld, letters beyond ASCII included
//   phone        E.164 ("+86 138 0013 8000", "0044 ..."); North American; Chinese mobiles and land lines; national
//                numbers with a leading 0 in groups; any of 7 to 15 digits behind "tel", "phone", "call", ...
//   card         13 to 19 digits of an issuer's range, Luhn's check digit, written as cards are
//   iban         ISO 13616: length by country, remainder modulo 97
//   resident_id  GB 11643: a province, a date, ISO 7064's check digit (MOD 11-2)
//   ssn          123-45-6789 within the ranges that are issued; nine digits in one behind "SSN"
//   ip           version 4 and 6, not behind "version"
//   handle       @name, @name@host, and Chinese ones
//   url          one with a password, a session, a signature, a token or the like in it
void find_identifiers(std::string_view text, std::vector<Finding>& found);

// Findings that touch the same bytes become one: their union, of the longest one's kind (of equals the first in the
// enumeration). Sorted.
void merge_findings(std::vector<Finding>& findings);

}  // namespace broadsheet
