// The JSON schema agrees with the reader: it accepts what loads and refuses what a schema can see is wrong.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <regex>

#include "core/text.h"
#include "experiments/config_tables.h"
#include "experiments/yaml.h"

namespace broadsheet {
namespace {

using nlohmann::json;

bool has_type(const json& value, const std::string& type) {
  if (type == "integer")
    return value.is_number_integer() || (value.is_number() && value == std::floor(value.get<double>()));
  if (type == "number") return value.is_number();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "array") return value.is_array();
  return type == "object" && value.is_object();
}

// The part of draft-07 that our schemas use; an unknown keyword fails the test.
bool accepts(const json& schema, const json& value) {
  if (schema.is_boolean()) return schema.get<bool>();
  for (const auto& [keyword, want] : schema.items()) {
    bool good = true;
    if (keyword == "type" && want.is_array()) {
      good = std::any_of(want.begin(), want.end(), [&](const json& type) { return has_type(value, type); });
    } else if (keyword == "type") {
      good = has_type(value, want);
    } else if (keyword == "enum") {
      good = std::find(want.begin(), want.end(), value) != want.end();
    } else if (keyword == "const") {
      good = value == want;
    } else if (keyword == "anyOf") {
      good = std::any_of(want.begin(), want.end(), [&](const json& one) { return accepts(one, value); });
    } else if (keyword == "minimum") {
      good = !value.is_number() || value >= want;
    } else if (keyword == "maximum") {
      good = !value.is_number() || value <= want;
    } else if (keyword == "exclusiveMinimum") {
      good = !value.is_number() || value > want;
    } else if (keyword == "exclusiveMaximum") {
      good = !value.is_number() || value < want;
    } else if (keyword == "pattern") {
      good = !value.is_string() || std::regex_search(value.get<std::string>(), std::regex(want.get<std::string>()));
    } else if (keyword == "items") {
      good = !value.is_array() ||
             std::all_of(value.begin(), value.end(), [&](const json& one) { return accepts(want, one); });
    } else if (keyword == "minItems") {
      good = !value.is_array() || value.size() >= want;
    } else if (keyword == "maxItems") {
      good = !value.is_array() || value.size() <= want;
    } else if (keyword == "minProperties") {
      good = !value.is_object() || value.size() >= want;
    } else if (keyword == "required") {
      good = !value.is_object() ||
             std::all_of(want.begin(), want.end(), [&](const json& key) { return value.contains(key); });
    } else if (keyword == "properties" || keyword == "additionalProperties") {
      continue;
    } else if (keyword != "description" && keyword != "default" && keyword != "title" && keyword != "$schema") {
      ADD_FAILURE() << "keyword " << keyword;
    }
    if (!good) return false;
  }
  if (!value.is_object() || !schema.contains("type")) return true;
  for (const auto& [key, one] : value.items()) {
    const bool known = schema.contains("properties") && schema["properties"].contains(key);
    if (known && !accepts(schema["properties"][key], one)) return false;
    if (!known && schema.contains("additionalProperties") && !accepts(schema["additionalProperties"], one))
      return false;
  }
  return true;
}

// The file as an editor's YAML reader would hand it to the schema. Numbers that only YAML 1.1 would read stay texts.
json file_json(const std::string& path) {
  Faults faults;
  const ConfigNode root = read_yaml(path, faults);
  ConfigReader reader("/");
  return to_raw_json(root, "", reader);
}

bool schema_accepts(const std::string& name) {
  const json file = file_json(cat(BROADSHEET_SOURCE_DIR, "/tests/configs/", name, ".yaml"));
  const std::string kind = file.value("kind", "");
  return accepts(json_schema(kind == "corpus" || kind == "sweep" ? kind : "run"), file);
}

TEST(ConfigSchema, AcceptsEveryGoodFile) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(BROADSHEET_SOURCE_DIR "/tests/configs/good")) {
    EXPECT_TRUE(schema_accepts("good/" + entry.path().stem().string())) << entry.path();
    ++files;
  }
  EXPECT_GE(files, 9);
}

TEST(ConfigSchema, RefusesWhatASchemaCanSee) {
  for (const char* name : {"typo_in_section",
                           "unknown_key",
                           "text_for_number",
                           "quoted_number",
                           "negative_batch",
                           "zero_batch",
                           "zero_learning_rate",
                           "negative_seed",
                           "dropout_of_one",
                           "micro_batch_word",
                           "micro_batch_zero",
                           "yes_for_true",
                           "list_for_number",
                           "scalar_for_section",
                           "list_for_section",
                           "bad_freeze_word",
                           "bad_freeze_key",
                           "bad_name",
                           "unknown_optimizer",
                           "foreign_precision",
                           "unknown_task",
                           "adapter",
                           "task_of_later",
                           "fp16",
                           "cuda",
                           "missing_sections",
                           "foreign_epochs",
                           "wrong_schema",
                           "missing_schema",
                           "corpus_without_fields",
                           "corpus_unknown_kind",
                           "corpus_bin_of_three",
                           "corpus_no_sources",
                           "corpus_rejected_share",
                           "corpus_typo",
                           "sweep_keys_of_the_run",
                           "sweep_wandb",
                           "sweep_optuna",
                           "sweep_early_terminate",
                           "sweep_no_parameters"}) {
    EXPECT_FALSE(schema_accepts(cat("bad/", name))) << name;
  }
}

TEST(ConfigSchema, NamesEveryKeyOfTheTables) {
  for (const char* kind : {"run", "corpus", "sweep"}) {
    const json schema = json_schema(kind);
    for (const KeyDoc& doc : key_docs(kind)) {
      if (doc.key.find('.') != std::string::npos || doc.later) continue;
      EXPECT_TRUE(schema["properties"].contains(doc.key)) << doc.key;
      EXPECT_EQ(schema["properties"][doc.key]["description"], doc.doc);
    }
  }
}

}  // namespace
}  // namespace broadsheet
