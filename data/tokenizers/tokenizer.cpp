#include "data/tokenizers/tokenizer.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/durable.h"
#include "core/errors.h"
#include "core/text.h"
#include "data/tokenizers/bpe_files.h"
#include "data/tokenizers/json_section.h"
#include "data/tokenizers/special_names.h"
#include "data/tokenizers/wordpiece_files.h"

namespace broadsheet {

std::vector<int32_t> Tokenizer::encode(std::string_view text) const {
  std::vector<int32_t> ids;
  ids.reserve(text.size() / 4 + 1);
  encode_into(text, ids);
  return ids;
}

namespace {

std::unique_ptr<Tokenizer> load_tokenizer_json(const std::string& folder, const std::string& file) {
  const nlohmann::json json = read_tokenizer_json_file(file);
  if (model_of_tokenizer_json(JsonSection(file, "", json)) == "BPE") {
    BpeSpec spec = read_bpe_json(file, json);
    read_special_names(folder, spec.names);
    return std::make_unique<BpeTokenizer>(std::move(spec), file);
  }
  WordPieceSpec spec = read_wordpiece_json(file, json);
  read_special_names(folder, spec.names);
  return std::make_unique<WordPieceTokenizer>(std::move(spec), file);
}

std::vector<std::string> rank_files(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(folder, none))
    if (entry.path().extension() == ".tiktoken") names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

// The file says nothing of the words that merges must not cross: those of later vocabularies are not GPT-2's.
std::unique_ptr<Tokenizer> load_ranks(const std::string& folder, const std::vector<std::string>& names) {
  const std::string file = cat(folder, "/", names.front());
  if (names.size() > 1)
    throw UserError(Fault{"tokenizer.ambiguous",
                          {folder, 0, 0},
                          "",
                          cat("has ", join(names, " and "), ": wanted one file of ranks"),
                          "leave one of them in the folder"});
  for (const char* other : {"cl100k_base", "o200k_base", "o200k_harmony"})
    if (names.front() == cat(other, ".tiktoken"))
      throw UserError(Fault{"tokenizer.unsupported",
                            {file, 0, 0},
                            "",
                            cat("the words of ", other, " are not in this version, which cuts as GPT-2 does"),
                            "use a vocabulary with GPT-2's words, such as gpt2"});
  return std::make_unique<BpeTokenizer>(read_bpe_ranks(folder, file), file);
}

}  // namespace

std::unique_ptr<Tokenizer> load_tokenizer(const std::string& folder) {
  const auto file = [&folder](const char* name) { return cat(folder, "/", name); };
  if (exists(file("tokenizer.json"))) return load_tokenizer_json(folder, file("tokenizer.json"));
  if (exists(file("vocab.txt"))) return std::make_unique<WordPieceTokenizer>(read_vocab_txt(folder), file("vocab.txt"));
  if (exists(file("vocab.json"))) return std::make_unique<BpeTokenizer>(read_bpe_folder(folder), file("vocab.json"));
  const std::vector<std::string> ranks = rank_files(folder);
  if (!ranks.empty()) return load_ranks(folder, ranks);
  throw UserError(Fault{
      "tokenizer.missing",
      {folder, 0, 0},
      "",
      exists(folder) ? "has neither tokenizer.json nor vocab.txt nor vocab.json nor *.tiktoken" : "does not exist",
      "name a folder with a tokenizer's files; `broadsheet tokenizer` learns one from texts"});
}

std::vector<std::string> tokenizer_files(const std::string& folder) {
  std::vector<std::string> names = rank_files(folder);
  for (const char* name : {"tokenizer.json", "vocab.txt", "vocab.json", "merges.txt", "tokenizer_config.json",
                           "special_tokens_map.json", "added_tokens.json"})
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
