// The JSON files of tokenizers: reading them, and asking their objects with errors that name file and key. All throw
// UserError ("tokenizer.*").
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "data/tokenizers/added_tokens.h"

namespace broadsheet {

constexpr uint64_t kMaxTokenizerBytes = uint64_t{64} << 20;
constexpr int32_t kMaxVocabulary = 4'000'000;

// A JSON object from a file of at most kMaxTokenizerBytes, nested at most 32 deep, no key twice in one object.
nlohmann::json read_tokenizer_json_file(const std::string& path);

// One object of a file, with the path of keys that leads to it. File and value must outlive it.
class JsonSection {
 public:
  JsonSection(const std::string& file, std::string key, const nlohmann::json& value)
      : file_(file), key_(std::move(key)), value_(value) {}

  [[noreturn]] void fail(const std::string& code, const std::string& key, const std::string& what,
                         const std::string& remedy) const;
  // An object with no other keys than these.
  void only(std::initializer_list<const char*> known) const;
  // The "type", which must be one of these.
  std::string type(std::initializer_list<const char*> wanted) const;
  const nlohmann::json* find(const std::string& key) const;  // nullptr: not there
  bool has(const std::string& key) const;                    // there, and not null
  JsonSection section(const char* key) const;
  std::string text(const char* key, const std::string& missing) const;
  bool flag(const char* key, bool missing) const;
  int64_t integer(const std::string& key, std::optional<int64_t> missing, int64_t low, int64_t high) const;
  // `value` is what `key` has.
  int64_t integer_in(const std::string& key, const nlohmann::json& value, int64_t low, int64_t high) const;

  const nlohmann::json& value() const { return value_; }
  const std::string& file() const { return file_; }
  std::string name(const std::string& key) const;

 private:
  const std::string& file_;
  std::string key_;
  const nlohmann::json& value_;
};

// What the model of a tokenizer.json is: "WordPiece" or "BPE", which files of before 2023 leave out, but show by its
// keys.
std::string model_of_tokenizer_json(const JsonSection& root);
// That a tokenizer.json has a version and keys that are known.
void check_tokenizer_json(const JsonSection& root);
// The tokens by id, of an object from token to id; "" where there is a gap.
std::vector<std::string> read_vocabulary(const JsonSection& vocabulary);
// "added_tokens" of a tokenizer.json with that "model.vocab", by id. Those that are not in it have the next ids.
std::vector<AddedToken> read_added_tokens(const JsonSection& root, const std::vector<std::string>& vocabulary_by_id);

}  // namespace broadsheet
