#include "trainer/models/gpt2_config.h"

#include "core/text.h"

namespace broadsheet {

Gpt2Config read_gpt2_config(const nlohmann::json& json, const std::string& source, bool require_model_type) {
  ModelJsonReader reader(json, source);
  Gpt2Config config;
  reader.model_type("gpt2", require_model_type);
  reader.integer("vocab_size", 1, int64_t{1} << 24, config.vocab_size);
  reader.integer("n_positions", 1, 1 << 20, config.n_positions);
  reader.integer("n_embd", 1, 1 << 16, config.n_embd);
  reader.integer("n_layer", 1, 1 << 10, config.n_layer);
  reader.integer("n_head", 1, 1 << 16, config.n_head);
  reader.integer("n_inner", 1, 1 << 20, config.n_inner);
  reader.activation("activation_function", config.activation_function);
  reader.number("embd_pdrop", 0, 1, config.embd_pdrop);
  reader.number("attn_pdrop", 0, 1, config.attn_pdrop);
  reader.number("resid_pdrop", 0, 1, config.resid_pdrop);
  reader.number("hidden_dropout", 0, 1, config.classifier_dropout);  // GPT-2's other name of the next
  reader.number("classifier_dropout", 0, 1, config.classifier_dropout);
  reader.number("layer_norm_epsilon", 0, 1, config.layer_norm_epsilon);
  reader.number("initializer_range", 0, 100, config.initializer_range);
  reader.boolean("tie_word_embeddings", config.tie_word_embeddings);
  reader.must_be("scale_attn_weights", true, "unscaled attention is not in this version");
  reader.must_be("scale_attn_by_inverse_layer_idx", false, "attention scaled by layer is not in this version");
  reader.must_be("add_cross_attention", false, "only the decoder by itself is in this version");
  if (config.n_embd % config.n_head != 0) {
    reader.fault("n_head", cat("found ", config.n_head, ", wanted a divisor of n_embd ", config.n_embd));
  }
  reader.faults().throw_if_any();
  return config;
}

nlohmann::json to_json(const Gpt2Config& config) {
  nlohmann::json json = {
      {"model_type", "gpt2"},
      {"vocab_size", config.vocab_size},
      {"n_positions", config.n_positions},
      {"n_embd", config.n_embd},
      {"n_layer", config.n_layer},
      {"n_head", config.n_head},
      {"activation_function", activation_name(config.activation_function)},
      {"embd_pdrop", config.embd_pdrop},
      {"attn_pdrop", config.attn_pdrop},
      {"resid_pdrop", config.resid_pdrop},
      {"layer_norm_epsilon", config.layer_norm_epsilon},
      {"initializer_range", config.initializer_range},
      {"tie_word_embeddings", config.tie_word_embeddings},
  };
  if (config.classifier_dropout != Gpt2Config{}.classifier_dropout)
    json["classifier_dropout"] = config.classifier_dropout;
  json["n_inner"] = config.n_inner > 0 ? nlohmann::json(config.n_inner) : nlohmann::json();
  return json;
}

}  // namespace broadsheet
