// Cleaning of single documents: what changes a text, and what drops a document for what it is. Each step is counted by
// its name and is off unless corpus.yaml asks for it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/cleaning/repeated_lines.h"
#include "data/corpus_config.h"

namespace broadsheet {

// In this order: "unicode" (normalisation, of the Unicode version of utf8proc), "markup" (HTML), "whitespace",
// "repeated_lines" (repeated_lines.h; `repeated` may be nullptr), "c4_lines" (line_rules.h). Appends the steps that
// changed the text to `steps`, each once. `text` is UTF-8 and stays it.
void clean_text(std::string& text, const CleanConfig& clean, const RepeatedLines* repeated,
                std::vector<const char*>& steps);
// The steps before "repeated_lines": lines are compared as these leave them.
void clean_before_lines(std::string& text, const CleanConfig& clean, std::vector<const char*>& steps);

// Why the document is dropped, or nothing: "too_short", "too_long", "gopher_...", "language: de", "c4_...",
// "fineweb_...". The texts count together.
std::string reason_to_drop(const std::vector<std::string_view>& texts, const CleanConfig& clean);

}  // namespace broadsheet
