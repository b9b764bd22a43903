// GPT-2's way to write bytes as printable characters, in which byte-level vocabularies are kept. Private to
// data/tokenizers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace broadsheet {

// The character of a byte: itself where Latin-1 prints it, else the next one from U+0100 on.
char32_t byte_character(uint8_t byte);
// The bytes of a token that is made of such characters only; nothing for another one.
std::optional<std::string> bytes_of_token(std::string_view token);
std::string token_of_bytes(std::string_view bytes);

// Bytes as text: every part that is not UTF-8 becomes one U+FFFD, as in Rust's from_utf8_lossy and in Python.
std::string utf8_with_replacements(std::string_view bytes);

}  // namespace broadsheet
