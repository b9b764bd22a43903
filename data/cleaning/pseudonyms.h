// Keyed pseudonyms: one identifier has one token, and without the key nobody can tell which.
#pragma once

#include <string>
#include <string_view>

#include "data/cleaning/identifiers.h"

namespace broadsheet {

class PseudonymKey {
 public:
  // Reads the key: the file's bytes without line ends at its end, 16 to 4,096 of them. UserError("corpus.key") when the
  // file is missing or too short, when its group or others may read it, or when it lies in `corpus`.
  PseudonymKey(const std::string& path, const std::string& corpus);

  // 12 characters of base 32 (60 bits) of HMAC-SHA-256 (RFC 2104) over the kind and the identifier in canonical form.
  std::string token(IdentifierKind kind, std::string_view canonical) const;
  // Tells keys apart and says nothing else about them: goes into the manifest.
  std::string fingerprint() const;

 private:
  std::string key_;
};

// The form in which equal identifiers are equal texts: digits alone ("+86 138..." and "0086-138..." alike), lower case
// for addresses and handles, upper case for accounts.
std::string canonical_identifier(IdentifierKind kind, std::string_view text);

}  // namespace broadsheet
