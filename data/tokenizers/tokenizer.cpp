#include "data/tokenizers/tokenizer.h"

#include <algorithm>

#include "core/durable.h"
#include "core/errors.h"
#include "core/text.h"
#include "data/tokenizers/wordpiece_files.h"

namespace broadsheet {

std::vector<int32_t> Tokenizer::encode(std::string_view text) const {
  std::vector<int32_t> ids;
  ids.reserve(text.size() / 4 + 1);
  encode_into(text, ids);
  return ids;
}

std::unique_ptr<Tokenizer> load_tokenizer(const std::string& folder) {
  const std::string json = folder + "/tokenizer.json";
  const std::string vocabulary = folder + "/vocab.txt";
  if (exists(json)) {
    WordPieceSpec spec = read_tokenizer_json(json);
    read_special_names(folder, spec);
    return std::make_unique<WordPieceTokenizer>(std::move(spec), json);
  }
  if (exists(vocabulary)) return std::make_unique<WordPieceTokenizer>(read_vocab_txt(folder), vocabulary);
  throw UserError(Fault{"tokenizer.missing",
                        {folder, 0, 0},
                        "",
                        exists(folder) ? "has neither tokenizer.json nor vocab.txt" : "does not exist",
                        "name a folder with a tokenizer's files"});
}

std::vector<std::string> tokenizer_files(const std::string& folder) {
  std::vector<std::string> names;
  for (const char* name :
       {"tokenizer.json", "vocab.txt", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"})
    if (exists(cat(folder, "/", name))) names.push_back(name);
  return names;
}

void truncate_longest_first(std::vector<int32_t>& a, std::vector<int32_t>& b, size_t budget) {
  if (a.size() + b.size() <= budget) return;
  size_t shorter = std::min(a.size(), b.size());
  size_t longer = shorter > budget ? shorter : std::max(shorter, budget - shorter);
  if (shorter + longer > budget) {
    shorter = budget / 2;
    longer = shorter + budget % 2;
  }
  const bool first_is_longer = a.size() > b.size();
  a.resize(std::min(a.size(), first_is_longer ? longer : shorter));
  b.resize(std::min(b.size(), first_is_longer ? shorter : longer));
}

}  // namespace broadsheet
