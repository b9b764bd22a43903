#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <unordered_set>
#include <vector>

#include "core/durable.h"
#include "core/errors.h"
#include "core/text.h"
#include "data/tokenizers/wordpiece_files.h"

namespace broadsheet {
namespace {

using Json = nlohmann::json;

constexpr int kMaxDepth = 32;
constexpr int64_t kMaxCharsPerWord = 10'000;
constexpr size_t kLongestMessage = 400;  // a token in it may have megabytes

// One object of the file, with the path of keys that leads to it.
class Section {
 public:
  Section(const std::string& file, std::string key, const Json& value)
      : file_(file), key_(std::move(key)), value_(value) {}

  [[noreturn]] void fail(const std::string& code, const std::string& key, const std::string& what,
                         const std::string& remedy) const {
    throw UserError(
        Fault{"tokenizer." + code, {file_, 0, 0}, printable(name(key)), printable(what, kLongestMessage), remedy});
  }
  void only(std::initializer_list<const char*> known) const {
    if (!value_.is_object()) fail("type", "", cat("found ", value_.type_name(), ", wanted an object"), remedy());
    for (const auto& [key, unused] : value_.items())
      if (std::find(known.begin(), known.end(), key) == known.end())
        fail("unknown_key", key, "this key is not known", "only tokenizers of BERT's kind can be read");
  }
  // The "type" must be one of those that this version builds.
  std::string type(std::initializer_list<const char*> wanted) const {
    const std::string found = text("type", "");
    for (const char* type : wanted)
      if (found == type) return found;
    fail("unsupported", "type", cat("'", found, "' is not in this version, which reads '", *wanted.begin(), "'"),
         "use a model with a WordPiece tokenizer of BERT's kind");
  }
  const Json* find(const std::string& key) const {
    const auto found = value_.find(key);
    return found == value_.end() ? nullptr : &*found;
  }
  Section section(const char* key) const {
    const Json* found = find(key);
    if (found == nullptr || !found->is_object())
      fail("missing", key, found == nullptr ? "is missing" : cat("found ", found->type_name(), ", wanted an object"),
           remedy());
    return Section(file_, name(key), *found);
  }
  std::string text(const char* key, const std::string& missing) const {
    const Json* found = find(key);
    if (found == nullptr) return missing;
    if (!found->is_string()) fail("type", key, cat("found ", found->type_name(), ", wanted text"), remedy());
    return found->get<std::string>();
  }
  bool flag(const char* key, bool missing) const {
    const Json* found = find(key);
    if (found == nullptr || found->is_null()) return missing;
    if (!found->is_boolean()) fail("type", key, cat("found ", found->type_name(), ", wanted true or false"), remedy());
    return found->get<bool>();
  }
  int64_t integer(const std::string& key, std::optional<int64_t> missing, int64_t low, int64_t high) const {
    const Json* found = find(key);
    if (found == nullptr && missing) return *missing;
    if (found == nullptr) fail("missing", key, "is missing", remedy());
    return integer_in(key, *found, low, high);
  }
  // `value` is what `key` has.
  int64_t integer_in(const std::string& key, const Json& value, int64_t low, int64_t high) const {
    // A number above the range of int64 is stored unsigned and would wrap.
    const bool fits = value.is_number_integer() && (!value.is_number_unsigned() || value.get<uint64_t>() <= INT64_MAX);
    if (!fits || value.get<int64_t>() < low || value.get<int64_t>() > high)
      fail("range", key, cat("found ", value.dump().substr(0, 40), ", wanted an integer from ", low, " to ", high),
           remedy());
    return value.get<int64_t>();
  }
  const Json& value() const { return value_; }
  const std::string& file() const { return file_; }
  std::string name(const std::string& key) const {
    return key_.empty() ? key : key.empty() ? key_ : cat(key_, ".", key);
  }

 private:
  static std::string remedy() { return "download the model's files again, or export its tokenizer anew"; }

  const std::string& file_;
  std::string key_;
  const Json& value_;
};

void read_model(const Section& model, WordPieceSpec& spec) {
  model.type({"WordPiece"});
  model.only({"type", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab"});
  spec.unk_token = model.text("unk_token", "[UNK]");
  spec.continuing_prefix = model.text("continuing_subword_prefix", "##");
  spec.max_input_chars_per_word =
      static_cast<size_t>(model.integer("max_input_chars_per_word", 100, 1, kMaxCharsPerWord));
  const Section vocabulary = model.section("vocab");
  const auto count = static_cast<int64_t>(vocabulary.value().size());
  if (count == 0 || count > kMaxVocabulary)
    model.fail("vocabulary", "vocab", cat("has ", count, " tokens, wanted 1 to ", kMaxVocabulary), "use another model");
  // Ids may have gaps, but not so many that they are no vocabulary.
  const int64_t highest = 2 * count + 1000;
  for (const auto& [token, value] : vocabulary.value().items()) {
    const auto id = static_cast<size_t>(vocabulary.integer_in(token, value, 0, highest));
    if (token.empty()) vocabulary.fail("vocabulary", "", cat("the token of id ", id, " is empty"), "remove it");
    if (spec.vocabulary.size() <= id) spec.vocabulary.resize(id + 1);
    if (!spec.vocabulary[id].empty())
      vocabulary.fail("vocabulary", token, cat("has id ", id, ", which '", spec.vocabulary[id], "' has too"),
                      "give every token an id of its own");
    spec.vocabulary[id] = token;
  }
  if (!vocabulary.value().contains(spec.unk_token))
    model.fail("vocabulary", "unk_token", cat("'", spec.unk_token, "' is not in the vocabulary"),
               "add it to model.vocab");
}

void read_added(const Section& root, WordPieceSpec& spec) {
  const Json* list = root.find("added_tokens");
  if (list == nullptr || list->is_null()) return;
  if (!list->is_array()) root.fail("type", "added_tokens", cat("found ", list->type_name(), ", wanted a list"), "");
  const Json& vocabulary = root.value()["model"]["vocab"];
  auto next = static_cast<int64_t>(vocabulary.size());  // as `tokenizers` numbers them
  std::set<std::string> seen;
  for (size_t i = 0; i < list->size(); ++i) {
    const Section entry(root.file(), cat("added_tokens[", i, "]"), (*list)[i]);
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
    if (known == vocabulary.end() && static_cast<size_t>(wanted) < spec.vocabulary.size())
      entry.fail("added_token", "id", cat("is ", token.id, ", which the vocabulary gives to another token"),
                 "close the gaps in model.vocab's ids");
    spec.added.push_back(std::move(token));
  }
  std::sort(spec.added.begin(), spec.added.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
}

// Special tokens are put around texts by Broadsheet itself: only the usual frame is right.
void check_post_processor(const Section& root) {
  const Json* found = root.find("post_processor");
  if (found == nullptr || found->is_null()) return;
  const Section post = root.section("post_processor");
  if (post.type({"TemplateProcessing", "BertProcessing"}) == "BertProcessing") return;
  const Json* single = post.find("single");
  const bool usual = single != nullptr && single->is_array() && single->size() == 3 &&
                     (*single)[0].contains("SpecialToken") && (*single)[1].contains("Sequence") &&
                     (*single)[2].contains("SpecialToken");
  if (!usual)
    post.fail("unsupported", "single", "another frame than '[CLS] text [SEP]' is not in this version",
              "use a model with BERT's frame");
}

void read_decoder(const Section& root, WordPieceSpec& spec) {
  const Json* found = root.find("decoder");
  spec.has_decoder = found != nullptr && !found->is_null();
  if (!spec.has_decoder) return;
  const Section decoder = root.section("decoder");
  decoder.type({"WordPiece"});
  decoder.only({"type", "prefix", "cleanup"});
  spec.decoder_prefix = decoder.text("prefix", "##");
  spec.decoder_cleanup = decoder.flag("cleanup", true);
}

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

WordPieceSpec read_tokenizer_json(const std::string& path) {
  const Json json = read_tokenizer_json_file(path);
  const Section root(path, "", json);
  WordPieceSpec spec;
  read_model(root.section("model"), spec);
  root.only({"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor",
             "decoder", "model"});
  if (root.text("version", "1.0") != "1.0")
    root.fail("unsupported", "version", cat("'", root.text("version", ""), "' is not in this version"),
              "save the tokenizer with a current `tokenizers`");
  const Section normalizer = root.section("normalizer");
  normalizer.type({"BertNormalizer"});
  normalizer.only({"type", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase"});
  spec.normalizer.clean_text = normalizer.flag("clean_text", true);
  spec.normalizer.handle_chinese_chars = normalizer.flag("handle_chinese_chars", true);
  spec.normalizer.lowercase = normalizer.flag("lowercase", true);
  spec.normalizer.strip_accents = normalizer.flag("strip_accents", spec.normalizer.lowercase);
  const Section words = root.section("pre_tokenizer");
  words.type({"BertPreTokenizer"});
  words.only({"type"});
  check_post_processor(root);
  read_decoder(root, spec);
  read_added(root, spec);
  return spec;
}

}  // namespace broadsheet
