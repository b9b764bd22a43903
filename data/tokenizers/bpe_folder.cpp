#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/durable.h"
#include "core/errors.h"
#include "core/text.h"
#include "data/tokenizers/bpe_files.h"
#include "data/tokenizers/json_section.h"

namespace broadsheet {
namespace {

using Json = nlohmann::json;

constexpr const char* kSaveAsJson = "save the tokenizer as tokenizer.json";

// A role of special tokens, and who has it in RoBERTa and in GPT-2 ("": nobody).
struct Role {
  const char* key;
  const char* roberta;
  const char* gpt2;
};
constexpr const char* kEnd = "<|endoftext|>";
constexpr Role kRoles[] = {{"bos_token", "<s>", kEnd},  {"eos_token", "</s>", kEnd}, {"unk_token", "<unk>", kEnd},
                           {"sep_token", "</s>", ""},   {"cls_token", "<s>", ""},    {"pad_token", "<pad>", ""},
                           {"mask_token", "<mask>", ""}};

// Tokenizers whose vocab.json and merges.txt mean the same as one of these.
bool is_roberta(const JsonSection& config, const Json& vocabulary) {
  std::string name = config.has("tokenizer_class") ? config.text("tokenizer_class", "") : "";
  if (ends_with(name, "Fast")) name.resize(name.size() - 4);
  if (name.empty()) return !vocabulary.contains(kEnd);
  if (name == "RobertaTokenizer" || name == "LongformerTokenizer" || name == "BartTokenizer") return true;
  if (name != "GPT2Tokenizer")
    config.fail("config", "tokenizer_class",
                cat("'", name, "' is not in this version, which reads 'GPT2Tokenizer' and 'RobertaTokenizer'"),
                "use a model with a tokenizer of one of these kinds, or one with a tokenizer.json");
  return false;
}

// What a file says about one token: its text, or an object with the text as "content" and options.
void read_token(const JsonSection& config, const char* key, AddedToken& token) {
  read_special_name(config, key, token.content);
  const Json* found = config.find(key);
  if (found == nullptr || !found->is_object()) return;
  const JsonSection options = config.section(key);
  token.lstrip = options.flag("lstrip", false);
  token.rstrip = options.flag("rstrip", false);
  token.single_word = options.flag("single_word", false);
  token.normalized = options.flag("normalized", false);
}

void read_roles(const std::vector<JsonSection>& configs, bool roberta, const Json& vocabulary, BpeSpec& spec) {
  for (const Role& role : kRoles) {
    AddedToken token;
    token.content = roberta ? role.roberta : role.gpt2;
    token.normalized = false;
    token.special = true;
    for (const JsonSection& config : configs) read_token(config, role.key, token);
    const std::string_view key = role.key;
    if (key == "pad_token") spec.names.pad = token.content;
    if (key == "cls_token") spec.names.cls = token.content;
    if (key == "sep_token") spec.names.sep = token.content;
    if (key == "mask_token") spec.names.mask = token.content;
    if (key == "eos_token") spec.names.eos = token.content;
    const auto known = vocabulary.find(token.content);
    const bool twice = std::any_of(spec.added.begin(), spec.added.end(),
                                   [&token](const AddedToken& added) { return added.content == token.content; });
    if (known == vocabulary.end() || twice) continue;
    token.id = known->get<int32_t>();
    spec.added.push_back(token);
  }
  std::sort(spec.added.begin(), spec.added.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
}

void refuse_further_tokens(const std::string& folder, const std::vector<JsonSection>& configs) {
  const std::string file = folder + "/added_tokens.json";
  if (exists(file))
    throw UserError(Fault{"tokenizer.config", {file, 0, 0}, "", "is not read beside vocab.json", kSaveAsJson});
  for (const JsonSection& config : configs)
    for (const char* key : {"additional_special_tokens", "extra_special_tokens", "added_tokens_decoder"})
      if (config.has(key) && !config.find(key)->empty())
        config.fail("config", key, "is not read beside vocab.json", kSaveAsJson);
}

[[noreturn]] void fail_line(const std::string& file, int line, const std::string& what) {
  throw UserError(
      Fault{"tokenizer.merges", {file, line, 1}, "", printable(what, 400), "download the model's files again"});
}

void read_merges_txt(const std::string& file, BpeSpec& spec) {
  const std::string text = read_file(file, kMaxTokenizerBytes);
  if (!is_utf8(text)) fail_line(file, 1, "is not UTF-8");
  const MergeReader reader(spec.vocabulary);
  each_line(text, [&](std::string_view line, int number) {
    if (starts_with(line, "#version")) return;
    if (spec.merges.size() == kMaxMerges) fail_line(file, number, cat("has more than ", kMaxMerges, " merges"));
    const std::string wrong = reader.add(line, spec.merges);
    if (!wrong.empty()) fail_line(file, number, wrong);
  });
}

}  // namespace

MergeReader::MergeReader(const std::vector<std::string>& vocabulary) {
  ids_.reserve(vocabulary.size());
  for (size_t id = 0; id < vocabulary.size(); ++id)
    if (!vocabulary[id].empty()) ids_.emplace(vocabulary[id], static_cast<int32_t>(id));
}

int32_t MergeReader::find(std::string_view token) const {
  const auto found = ids_.find(token);
  return found == ids_.end() ? -1 : found->second;
}

std::string MergeReader::add(std::string_view left, std::string_view right, std::vector<BpeMerge>& merges) const {
  const std::string whole = std::string(left).append(right);
  const BpeMerge merge{find(left), find(right), find(whole)};
  for (const auto& [id, token] : {std::pair{merge.left, left}, {merge.right, right}, {merge.merged, whole}})
    if (id < 0) return cat("'", token, "' is not in the vocabulary");
  merges.push_back(merge);
  return "";
}

std::string MergeReader::add(std::string_view line, std::vector<BpeMerge>& merges) const {
  const size_t space = line.find(' ');
  if (space == std::string_view::npos || line.find(' ', space + 1) != std::string_view::npos)
    return cat("'", line, "' is not a merge: wanted two tokens with a space between");
  return add(line.substr(0, space), line.substr(space + 1), merges);
}

BpeSpec read_bpe_folder(const std::string& folder) {
  const std::string vocabulary_file = folder + "/vocab.json", merges_file = folder + "/merges.txt";
  const std::string map_file = folder + "/special_tokens_map.json", config_file = folder + "/tokenizer_config.json";
  if (!exists(merges_file))
    throw UserError(Fault{"tokenizer.missing",
                          {merges_file, 0, 0},
                          "",
                          "is missing beside vocab.json",
                          "download the model's files again"});
  const auto json_or_empty = [](const std::string& file) {
    return exists(file) ? read_tokenizer_json_file(file) : Json::object();
  };
  const Json vocabulary = read_tokenizer_json_file(vocabulary_file);
  const Json map = json_or_empty(map_file), config = json_or_empty(config_file);
  const std::vector<JsonSection> configs = {JsonSection(map_file, "", map), JsonSection(config_file, "", config)};
  BpeSpec spec;
  spec.vocabulary = read_vocabulary(JsonSection(vocabulary_file, "", vocabulary));
  read_merges_txt(merges_file, spec);
  spec.add_prefix_space = configs[1].flag("add_prefix_space", false);
  refuse_further_tokens(folder, configs);
  read_roles(configs, is_roberta(configs[1], vocabulary), vocabulary, spec);
  return spec;
}

}  // namespace broadsheet
