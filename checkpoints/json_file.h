// JSON from files that nobody vouches for: size and depth are checked, duplicate keys are refused.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace broadsheet {

// Reads `path`, which must hold one JSON object. Faults are UserError(code) with the path and what was found; a file
// that cannot be read at all is UserError(code) too, because the user named it.
nlohmann::json read_json_object(const std::string& path, const std::string& code, uint64_t max_bytes,
                                int max_depth = 64);

// The same for text already in memory; `path` is for the message.
nlohmann::json parse_json_object(std::string_view text, const std::string& path, const std::string& code,
                                 int max_depth = 64);

// A name that stays inside its folder: not empty, no '/', no NUL or control characters, not "." or "..", at most 255
// bytes. What an index or a manifest names is followed only if it is one.
bool is_plain_file_name(std::string_view name);

// Quoted for a POSIX shell, for the commands that messages give.
std::string shell_quoted(std::string_view text);

}  // namespace broadsheet
