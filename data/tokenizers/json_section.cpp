#include "data/tokenizers/json_section.h"

#include <algorithm>
#include <set>
#include <unordered_set>
#include <vector>

#include "core/durable.h"
#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

using Json = nlohmann::json;

constexpr int kMaxDepth = 32;
constexpr size_t kLongestMessage = 400;  // a token in it may have megabytes
constexpr const char* kDownload = "download the model's files again, or export its tokenizer anew";
constexpr const char* kKinds = "only tokenizers of BERT's kind (WordPiece) and of GPT-2's (byte-level BPE) can be read";

// Of a text that has one; with a set for each object, which is too slow for vocabularies that are well.
std::string key_that_is_there_twice(const std::string& text) {
  std::vector<std::unordered_set<std::string>> keys;
  std::string twice;
  [[maybe_unused]] const Json whole = Json::parse(text, [&](int, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second && twice.empty())
      twice = parsed.get<std::string>();
    return true;
  });
  return twice;
}

}  // namespace

Json read_tokenizer_json_file(const std::string& path) {
  const std::string text = read_file(path, kMaxTokenizerBytes);
  const auto fail = [&path](const std::string& what) {
    throw UserError(Fault{
        "tokenizer.json", {path, 0, 0}, "", printable(what, kLongestMessage), "download the model's files again"});
  };
  std::vector<size_t> keys;  // of the objects that are open
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > kMaxDepth) fail(cat("is nested more than ", kMaxDepth, " deep"));
    if (event == Json::parse_event_t::object_start) keys.push_back(0);
    if (event == Json::parse_event_t::key) ++keys.back();
    if (event == Json::parse_event_t::object_end) {
      if (parsed.size() != keys.back())
        fail(cat("has the key '", key_that_is_there_twice(text), "' twice in one object"));
      keys.pop_back();
    }
    return true;
  };
  try {
    Json json = Json::parse(text, watch);
    if (!json.is_object()) fail("is not a JSON object");
    return json;
  } catch (const Json::exception& error) {
    fail(cat("is not valid JSON: ", error.what()));
  }
  return {};
}

void JsonSection::fail(const std::string& code, const std::string& key, const std::string& what,
                       const std::string& remedy) const {
  throw UserError(
      Fault{"tokenizer." + code, {file_, 0, 0}, printable(name(key)), printable(what, kLongestMessage), remedy});
}

void JsonSection::only(std::initializer_list<const char*> known) const {
  if (!value_.is_object()) fail("type", "", cat("found ", value_.type_name(), ", wanted an object"), kDownload);
  for (const auto& [key, unused] : value_.items())
    if (std::find(known.begin(), known.end(), key) == known.end())
      fail("unknown_key", key, "this key is not known", kKinds);
}

std::string JsonSection::type(std::initializer_list<const char*> wanted) const {
  const std::string found = text("type", "");
  for (const char* type : wanted)
    if (found == type) return found;
  std::vector<std::string> names;
  for (const char* type : wanted) names.push_back(cat("'", type, "'"));
  fail("unsupported", "type", cat("'", found, "' is not in this version, which reads ", join(names, ", ")), kKinds);
}

const Json* JsonSection::find(const std::string& key) const {
  const auto found = value_.find(key);
  return found == value_.end() ? nullptr : &*found;
}

JsonSection JsonSection::section(const char* key) const {
  const Json* found = find(key);
  if (found == nullptr || !found->is_object())
    fail("missing", key, found == nullptr ? "is missing" : cat("found ", found->type_name(), ", wanted an object"),
         kDownload);
  return JsonSection(file_, name(key), *found);
}

std::string JsonSection::text(const char* key, const std::string& missing) const {
  const Json* found = find(key);
  if (found == nullptr) return missing;
  if (!found->is_string()) fail("type", key, cat("found ", found->type_name(), ", wanted text"), kDownload);
  return found->get<std::string>();
}

bool JsonSection::flag(const char* key, bool missing) const {
  const Json* found = find(key);
  if (found == nullptr || found->is_null()) return missing;
  if (!found->is_boolean()) fail("type", key, cat("found ", found->type_name(), ", wanted true or false"), kDownload);
  return found->get<bool>();
}

int64_t JsonSection::integer(const std::string& key, std::optional<int64_t> missing, int64_t low, int64_t high) const {
  const Json* found = find(key);
  if (found == nullptr && missing) return *missing;
  if (found == nullptr) fail("missing", key, "is missing", kDownload);
  return integer_in(key, *found, low, high);
}

int64_t JsonSection::integer_in(const std::string& key, const Json& value, int64_t low, int64_t high) const {
  // A number above the range of int64 is stored unsigned and would wrap.
  const bool fits = value.is_number_integer() && (!value.is_number_unsigned() || value.get<uint64_t>() <= INT64_MAX);
  if (!fits || value.get<int64_t>() < low || value.get<int64_t>() > high)
    fail("range", key, cat("found ", value.dump().substr(0, 40), ", wanted an integer from ", low, " to ", high),
         kDownload);
  return value.get<int64_t>();
}

bool JsonSection::has(const std::string& key) const {
  const Json* found = find(key);
  return found != nullptr && !found->is_null();
}

std::string JsonSection::name(const std::string& key) const {
  return key_.empty() ? key : key.empty() ? key_ : cat(key_, ".", key);
}

std::string model_of_tokenizer_json(const JsonSection& root) {
  const JsonSection model = root.section("model");
  if (!model.has("type") && model.has("merges")) return "BPE";
  if (!model.has("type") && model.has("max_input_chars_per_word")) return "WordPiece";
  return model.type({"WordPiece", "BPE"});
}

void check_tokenizer_json(const JsonSection& root) {
  root.only({"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor",
             "decoder", "model"});
  if (root.text("version", "1.0") != "1.0")
    root.fail("unsupported", "version", cat("'", root.text("version", ""), "' is not in this version"),
              "save the tokenizer with a current `tokenizers`");
}

std::vector<std::string> read_vocabulary(const JsonSection& vocabulary) {
  std::vector<std::string> tokens;
  const auto count = static_cast<int64_t>(vocabulary.value().size());
  if (count == 0 || count > kMaxVocabulary)
    vocabulary.fail("vocabulary", "", cat("has ", count, " tokens, wanted 1 to ", kMaxVocabulary), "use another model");
  // Ids may have gaps, but not so many that they are no vocabulary.
  const int64_t highest = 2 * count + 1000;
  for (const auto& [token, value] : vocabulary.value().items()) {
    const auto id = static_cast<size_t>(vocabulary.integer_in(token, value, 0, highest));
    if (token.empty()) vocabulary.fail("vocabulary", "", cat("the token of id ", id, " is empty"), "remove it");
    if (tokens.size() <= id) tokens.resize(id + 1);
    if (!tokens[id].empty())
      vocabulary.fail("vocabulary", token, cat("has id ", id, ", which '", tokens[id], "' has too"),
                      "give every token an id of its own");
    tokens[id] = token;
  }
  return tokens;
}

std::vector<AddedToken> read_added_tokens(const JsonSection& root, const std::vector<std::string>& vocabulary_by_id) {
  std::vector<AddedToken> added;
  const Json* list = root.find("added_tokens");
  if (list == nullptr || list->is_null()) return added;
  if (!list->is_array()) root.fail("type", "added_tokens", cat("found ", list->type_name(), ", wanted a list"), "");
  const Json& vocabulary = root.value()["model"]["vocab"];
  auto next = static_cast<int64_t>(vocabulary.size());  // as `tokenizers` numbers them
  std::set<std::string> seen;
  for (size_t i = 0; i < list->size(); ++i) {
    const JsonSection entry(root.file(), cat("added_tokens[", i, "]"), (*list)[i]);
    entry.only({"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
    AddedToken token;
    token.content = entry.text("content", "");
    token.id = static_cast<int32_t>(entry.integer("id", std::nullopt, 0, 2 * int64_t{kMaxVocabulary} + 2000));
    token.special = entry.flag("special", false);
    token.single_word = entry.flag("single_word", false);
    token.lstrip = entry.flag("lstrip", false);
    token.rstrip = entry.flag("rstrip", false);
    token.normalized = entry.flag("normalized", !token.special);
    if (token.content.empty() || !seen.insert(token.content).second)
      entry.fail("added_token", "content", token.content.empty() ? "is empty" : "is there twice", "remove the entry");
    const auto known = vocabulary.find(token.content);
    const int64_t wanted = known != vocabulary.end() ? known->get<int64_t>() : next++;
    if (token.id != wanted)
      entry.fail("added_token", "id",
                 cat("is ", token.id, ", but the vocabulary gives '", token.content, "' id ", wanted),
                 "make the two agree");
    if (known == vocabulary.end() && static_cast<size_t>(wanted) < vocabulary_by_id.size())
      entry.fail("added_token", "id", cat("is ", token.id, ", which the vocabulary gives to another token"),
                 "close the gaps in model.vocab's ids");
    added.push_back(std::move(token));
  }
  std::sort(added.begin(), added.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return added;
}

}  // namespace broadsheet
