#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "core/durable.h"
#include "core/errors.h"
#include "core/text.h"
#include "data/tokenizers/json_section.h"
#include "data/tokenizers/wordpiece_files.h"

namespace broadsheet {
namespace {

using Json = nlohmann::json;

[[noreturn]] void fail(const std::string& file, const std::string& key, const std::string& what,
                       const std::string& remedy) {
  throw UserError(Fault{"tokenizer.config", {file, 0, 0}, key, printable(what, 400), remedy});
}

// Lines end with \n, \r\n or \r, as Python reads text files; nothing else is cut off.
std::vector<std::string> read_lines(const std::string& path) {
  const std::string text = read_file(path, kMaxTokenizerBytes);
  if (!is_utf8(text)) fail(path, "", "is not UTF-8", "download the model's files again");
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find_first_of("\r\n", begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + (text.compare(end, 2, "\r\n") == 0 ? 2 : 1);
  }
  return lines;
}

// Tokenizers whose vocab.txt means the same as BertTokenizer's.
bool is_bert_class(std::string name) {
  if (ends_with(name, "Fast")) name.resize(name.size() - 4);
  for (const char* known : {"BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer", "MobileBertTokenizer",
                            "ConvBertTokenizer", "SqueezeBertTokenizer", "LayoutLMTokenizer", "RetriBertTokenizer"})
    if (name == known) return true;
  return false;
}

bool flag(const Json& config, const std::string& file, const char* key, bool missing) {
  const auto found = config.find(key);
  if (found == config.end() || found->is_null()) return missing;
  if (!found->is_boolean()) fail(file, key, cat("found ", found->type_name(), ", wanted true or false"), "correct it");
  return found->get<bool>();
}

}  // namespace

WordPieceSpec read_vocab_txt(const std::string& folder) {
  WordPieceSpec spec;
  const std::string file = folder + "/vocab.txt";
  const std::string config_file = folder + "/tokenizer_config.json";
  if (exists(config_file)) {
    const Json config = read_tokenizer_json_file(config_file);
    const std::string kind = config.value("tokenizer_class", Json()).is_string()
                                 ? config["tokenizer_class"].get<std::string>()
                                 : "BertTokenizer";
    if (!is_bert_class(kind))
      fail(config_file, "tokenizer_class", cat("'", kind, "' is not in this version, which reads 'BertTokenizer'"),
           "use a model with a WordPiece tokenizer of BERT's kind, or one with a tokenizer.json");
    spec.normalizer.lowercase = flag(config, config_file, "do_lower_case", true);
    spec.normalizer.strip_accents = flag(config, config_file, "strip_accents", spec.normalizer.lowercase);
    spec.normalizer.handle_chinese_chars = flag(config, config_file, "tokenize_chinese_chars", true);
    read_special_name(JsonSection(config_file, "", config), "unk_token", spec.unk_token);
  }
  read_special_names(folder, spec.names);

  std::unordered_map<std::string, size_t> last;
  const std::vector<std::string> lines = read_lines(file);
  if (lines.empty() || lines.size() > static_cast<size_t>(kMaxVocabulary))
    fail(file, "", cat("has ", lines.size(), " lines, wanted 1 to ", kMaxVocabulary),
         "download the model's files again");
  spec.vocabulary.resize(lines.size());
  for (size_t id = 0; id < lines.size(); ++id) {
    const auto [entry, fresh] = last.emplace(lines[id], id);
    if (!fresh) {  // of equal lines the last one counts, as in transformers
      spec.vocabulary[entry->second].clear();
      entry->second = id;
    }
    spec.vocabulary[id] = lines[id];
  }
  const auto find = [&last](const std::string& token) { return last.find(token); };
  if (find(spec.unk_token) == last.end())
    fail(file, "", cat("lacks the unknown token '", spec.unk_token, "'"),
         "add it, or name it in tokenizer_config.json");
  for (const std::string& token : {spec.names.pad, spec.unk_token, spec.names.cls, spec.names.sep, spec.names.mask}) {
    const auto known = find(token);
    const bool twice = std::any_of(spec.added.begin(), spec.added.end(),
                                   [&token](const AddedToken& added) { return added.content == token; });
    if (known == last.end() || twice) continue;
    AddedToken added;
    added.id = static_cast<int32_t>(known->second);
    added.content = token;
    added.normalized = false;
    added.special = true;
    spec.added.push_back(added);
  }
  std::sort(spec.added.begin(), spec.added.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return spec;
}

}  // namespace broadsheet
