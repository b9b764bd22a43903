// The kinds of model that this version knows, by the model_type of config.json, and what they say about themselves. No
// torch here: `check` reads it too.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <variant>

#include "trainer/models/bert_config.h"
#include "trainer/models/gpt2_config.h"

namespace broadsheet {

using Architecture = std::variant<BertConfig, Gpt2Config>;

// What a task must know of a model.
struct ModelTraits {
  std::string model_type;  // "bert"
  int64_t vocab_size = 0;
  int64_t hidden_size = 0;
  int64_t layers = 0;
  int64_t max_length = 0;   // positions that a sequence may have
  int64_t token_types = 1;  // 2 and more: the texts of a pair are told apart by them
  bool causal = false;      // a token sees those before it only; else all of its sequence
  bool masks = false;       // there is a head for masked places
  // How many separating tokens stand between the texts of a pair; 0: the model takes no pairs.
  int64_t pair_separators = 1;
};

// By `json`'s model_type. UserError("model.architecture") for a kind that this version does not know, with those that
// it knows; else as read_bert_config (bert_config.h).
Architecture read_architecture(const nlohmann::json& json, const std::string& source);
// The same for a configuration from scratch, whose kind run.yaml names.
Architecture read_architecture(const std::string& model_type, const nlohmann::json& json, const std::string& source);

ModelTraits traits_of(const Architecture& architecture);
// All keys that change the numbers, as config.json writes them.
nlohmann::json to_json(const Architecture& architecture);
// The same without initialisation and dropout, on which the outputs in evaluation do not depend.
nlohmann::json forward_json(const Architecture& architecture);

// train.dropout: replaces every rate of the model's own.
void override_dropout(Architecture& architecture, double dropout);

// Whether a model can learn a task; if not, what is wrong and what to do.
bool can_learn(const ModelTraits& model, const std::string& task_kind);
std::string wrong_model_text(const ModelTraits& model, const std::string& task_kind);
std::string wrong_model_remedy(const ModelTraits& model);

enum class HeadKind { kLanguageModel, kSequenceClassification, kTokenClassification };
// The class of transformers that has this head: "BertForMaskedLM", "GPT2LMHeadModel", ...
std::string class_with_head(const Architecture& architecture, HeadKind head);
// The last layer of its classifier of sequences: "classifier", "classifier.out_proj", "score".
std::string classifier_layer(const Architecture& architecture);

}  // namespace broadsheet
