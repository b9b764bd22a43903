#include "data/tokenizers/special_names.h"

#include <nlohmann/json.hpp>

#include "core/durable.h"
#include "core/text.h"

namespace broadsheet {

void read_special_name(const JsonSection& config, const char* key, std::string& name) {
  const nlohmann::json* found = config.find(key);
  if (found == nullptr || found->is_null()) return;
  const nlohmann::json& value = found->is_object() && found->contains("content") ? (*found)["content"] : *found;
  if (!value.is_string() || value.get_ref<const std::string&>().empty())
    config.fail("config", key, "is not a token", "write the token's text");
  name = value.get<std::string>();
}

void read_special_names(const std::string& folder, SpecialNames& names) {
  for (const char* file_name : {"special_tokens_map.json", "tokenizer_config.json"}) {
    const std::string file = cat(folder, "/", file_name);
    if (!exists(file)) continue;
    const nlohmann::json json = read_tokenizer_json_file(file);
    const JsonSection config(file, "", json);
    read_special_name(config, "pad_token", names.pad);
    read_special_name(config, "cls_token", names.cls);
    read_special_name(config, "sep_token", names.sep);
    read_special_name(config, "mask_token", names.mask);
    read_special_name(config, "eos_token", names.eos);
  }
}

}  // namespace broadsheet
