#include "data/cleaning/pseudonyms.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/checksum.h"
#include "core/durable.h"
#include "core/errors.h"
#include "core/hmac.h"
#include "core/path.h"
#include "core/text.h"
#include "data/cleaning/finders.h"

namespace broadsheet {
namespace {

constexpr size_t kShortestKey = 16, kLongestKey = 4096, kTokenSize = 12;
constexpr const char* kKey = "deidentify.key";

[[noreturn]] void refuse(const std::string& what, const std::string& remedy) {
  throw UserError(Fault{"corpus.key", {}, kKey, what, remedy});
}

}  // namespace

PseudonymKey::PseudonymKey(const std::string& path, const std::string& corpus) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0)
    refuse(cat(path, ": ", std::strerror(errno)),
           cat("make one: (umask 077; head -c 32 /dev/urandom | base64 > ", path, ")"));
  if (!S_ISREG(status.st_mode)) refuse(cat(path, ": is not a file"), "name the file that holds the key");
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    refuse(cat(path, ": others than its owner may use it"), cat("chmod 600 ", path));
  if (starts_with(absolute_path(path) + "/", absolute_path(corpus) + "/"))
    refuse(cat(path, ": lies in the corpus's own folder"), "keep the key where the corpus does not go");
  key_ = read_file(path, kLongestKey + 2);
  while (!key_.empty() && (key_.back() == '\n' || key_.back() == '\r')) key_.pop_back();
  if (key_.size() < kShortestKey || key_.size() > kLongestKey)
    refuse(cat(path, ": has ", key_.size(), " bytes, wanted ", kShortestKey, " to ", kLongestKey),
           "a key is 32 random bytes, for instance of /dev/urandom through base64");
}

std::string PseudonymKey::token(IdentifierKind kind, std::string_view canonical) const {
  static constexpr char kLetters[] = "abcdefghijklmnopqrstuvwxyz234567";
  const std::string mac =
      hmac_sha256(key_, cat("broadsheet ", kIdentifierNames[static_cast<size_t>(kind)], " ", canonical));
  uint64_t bits = 0;
  for (size_t i = 0; i < sizeof bits; ++i) bits = bits << 8 | static_cast<unsigned char>(mac[i]);
  std::string token;
  for (size_t i = 0; i < kTokenSize; ++i, bits <<= 5) token += kLetters[bits >> 59];
  return token;
}

std::string PseudonymKey::fingerprint() const {
  return sha256_hex(hmac_sha256(key_, "broadsheet fingerprint")).substr(0, 16);
}

std::string canonical_identifier(IdentifierKind kind, std::string_view text) {
  using finders::is_alnum, finders::is_digit;
  std::string out;
  switch (kind) {
    case IdentifierKind::kPhone: {
      std::copy_if(text.begin(), text.end(), std::back_inserter(out), is_digit);
      if (out.substr(0, 2) == "00") out.erase(0, 2);
      // Chinese mobiles are written with and without the country's code.
      if (out.size() == 13 && out.substr(0, 3) == "861") out.erase(0, 2);
      return out;
    }
    case IdentifierKind::kCard:
    case IdentifierKind::kSsn:
      std::copy_if(text.begin(), text.end(), std::back_inserter(out), is_digit);
      return out;
    case IdentifierKind::kIban:
    case IdentifierKind::kResidentId:
      for (const char c : text)
        if (is_alnum(c)) out += is_digit(c) ? c : static_cast<char>(c & ~0x20);
      return out;
    case IdentifierKind::kEmail:
    case IdentifierKind::kIp:
    case IdentifierKind::kHandle:
      return finders::lower(text);
    case IdentifierKind::kUrl:
    case IdentifierKind::kName:
      return std::string(text);
  }
  return std::string(text);
}

}  // namespace broadsheet
