// HMAC-SHA-256 (RFC 2104).
#pragma once

#include <string>
#include <string_view>

namespace broadsheet {

// 32 bytes.
std::string hmac_sha256(std::string_view key, std::string_view text);

}  // namespace broadsheet
