// The keys of a GPT-2 model's config.json that change its numbers. No torch here: `check` reads it too.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "trainer/models/model_json.h"

namespace broadsheet {

// Field names and defaults are those of transformers' GPT2Config.
struct Gpt2Config {
  int64_t vocab_size = 50257;
  int64_t n_positions = 1024;
  int64_t n_embd = 768;
  int64_t n_layer = 12;
  int64_t n_head = 12;
  int64_t n_inner = 0;  // 0 (null in the file): 4 * n_embd
  Activation activation_function = Activation::kGeluTanh;
  double embd_pdrop = 0.1;
  double attn_pdrop = 0.1;
  double resid_pdrop = 0.1;
  double classifier_dropout = 0.1;  // of the classifier of tokens
  double layer_norm_epsilon = 1e-5;
  double initializer_range = 0.02;
  bool tie_word_embeddings = true;

  int64_t inner() const { return n_inner > 0 ? n_inner : 4 * n_embd; }
};

// As read_bert_config (bert_config.h), for "model_type": "gpt2".
Gpt2Config read_gpt2_config(const nlohmann::json& json, const std::string& source, bool require_model_type = true);

// All the keys above, as config.json writes them, with "model_type": "gpt2".
nlohmann::json to_json(const Gpt2Config& config);

}  // namespace broadsheet
