// Which tokens of a vocabulary have a part to play, as transformers' files name them. Private to data/tokenizers.
#pragma once

#include <string>

#include "data/tokenizers/json_section.h"

namespace broadsheet {

struct SpecialNames {
  std::string pad, cls, sep, mask;
  std::string eos = {};  // "": the vocabulary's own word for it, where it has one
};

// The token that `key` names, by its text or by an object with its text as "content"; `name` stays where none does.
void read_special_name(const JsonSection& config, const char* key, std::string& name);
// From `folder`'s special_tokens_map.json and tokenizer_config.json, where they name them; the latter counts more.
void read_special_names(const std::string& folder, SpecialNames& names);

}  // namespace broadsheet
