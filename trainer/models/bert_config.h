// The keys of a config.json of BERT and its relatives that change the model's numbers. No torch here: `check` reads it
// too.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "trainer/models/model_json.h"

namespace broadsheet {

// RoBERTa (Liu et al. 2019), DistilBERT (Sanh et al. 2019) and ELECTRA's discriminator (Clark et al. 2020) are BERT
// with other names (bert_names.h), other heads, and small differences at the beginning.
enum class BertFamily { kBert, kRoberta, kDistilBert, kElectra };

// Field names and defaults are those of transformers' BertConfig; the relatives' own names are translated.
struct BertConfig {
  BertFamily family = BertFamily::kBert;
  int64_t vocab_size = 30522;
  int64_t hidden_size = 768;
  int64_t embedding_size = 0;  // ELECTRA: 0 or hidden_size: no projection
  int64_t num_hidden_layers = 12;
  int64_t num_attention_heads = 12;
  int64_t intermediate_size = 3072;
  int64_t max_position_embeddings = 512;
  int64_t type_vocab_size = 2;  // DistilBERT: 0
  Activation hidden_act = Activation::kGelu;
  double hidden_dropout_prob = 0.1;
  double attention_probs_dropout_prob = 0.1;
  std::optional<double> classifier_dropout;  // absent: hidden_dropout_prob
  double initializer_range = 0.02;
  double layer_norm_eps = 1e-12;
  int64_t pad_token_id = 0;  // its embedding gets no gradient from the input side; -1: none
  bool tie_word_embeddings = true;

  int64_t head_size() const { return hidden_size / num_attention_heads; }
  bool projects_embeddings() const { return embedding_size > 0 && embedding_size != hidden_size; }
  // The position of a sequence's first token: RoBERTa counts from behind the padding's id.
  int64_t first_position() const { return family == BertFamily::kRoberta ? pad_token_id + 1 : 0; }
};

// Reads and checks `json`; every fault at once as UserError("model.config") naming `source` (a path, or "model.config"
// of run.yaml) and the key. Sizes are bounded, so that products of two of them cannot overflow. Unknown keys are kept
// by others and ignored here. A folder's config.json always says its model_type; a configuration from scratch may leave
// it out.
BertConfig read_bert_config(const nlohmann::json& json, const std::string& source, bool require_model_type = true,
                            BertFamily family = BertFamily::kBert);

// All the keys above, as the family's config.json writes them, with its "model_type".
nlohmann::json to_json(const BertConfig& config);

}  // namespace broadsheet
