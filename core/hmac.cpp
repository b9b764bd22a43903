#include "core/hmac.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "core/errors.h"

namespace broadsheet {

std::string hmac_sha256(std::string_view key, std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  BROADSHEET_ASSERT(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                         reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &size) != nullptr);
  return {reinterpret_cast<const char*>(digest), size};
}

}  // namespace broadsheet
