#include "trainer/models/bert_config.h"

#include "core/text.h"
#include "trainer/models/model_json.h"

namespace broadsheet {

BertConfig read_bert_config(const nlohmann::json& json, const std::string& source, bool require_model_type) {
  ModelJsonReader reader(json, source);
  BertConfig config;
  reader.model_type("bert", require_model_type);
  reader.integer("vocab_size", 1, int64_t{1} << 24, config.vocab_size);
  reader.integer("hidden_size", 1, 1 << 16, config.hidden_size);
  reader.integer("num_hidden_layers", 1, 1 << 10, config.num_hidden_layers);
  reader.integer("num_attention_heads", 1, 1 << 16, config.num_attention_heads);
  reader.integer("intermediate_size", 1, 1 << 20, config.intermediate_size);
  reader.integer("max_position_embeddings", 1, 1 << 20, config.max_position_embeddings);
  reader.integer("type_vocab_size", 1, 1 << 10, config.type_vocab_size);
  reader.integer("pad_token_id", -1, config.vocab_size - 1, config.pad_token_id);
  reader.number("hidden_dropout_prob", 0, 1, config.hidden_dropout_prob);
  reader.number("attention_probs_dropout_prob", 0, 1, config.attention_probs_dropout_prob);
  double classifier_dropout = -1;
  reader.number("classifier_dropout", 0, 1, classifier_dropout);
  if (classifier_dropout >= 0) config.classifier_dropout = classifier_dropout;
  reader.number("initializer_range", 0, 100, config.initializer_range);
  reader.number("layer_norm_eps", 0, 1, config.layer_norm_eps);
  reader.boolean("tie_word_embeddings", config.tie_word_embeddings);
  reader.activation("hidden_act", config.hidden_act);
  reader.must_be("position_embedding_type", "absolute", "relative positions are not in this version");
  reader.must_be("is_decoder", false, "only the encoder is in this version");
  reader.must_be("add_cross_attention", false, "only the encoder is in this version");
  if (config.hidden_size % config.num_attention_heads != 0) {
    reader.fault("num_attention_heads",
                 cat("found ", config.num_attention_heads, ", wanted a divisor of hidden_size ", config.hidden_size));
  }
  reader.faults().throw_if_any();
  return config;
}

nlohmann::json to_json(const BertConfig& config) {
  nlohmann::json json = {
      {"model_type", "bert"},
      {"vocab_size", config.vocab_size},
      {"hidden_size", config.hidden_size},
      {"num_hidden_layers", config.num_hidden_layers},
      {"num_attention_heads", config.num_attention_heads},
      {"intermediate_size", config.intermediate_size},
      {"max_position_embeddings", config.max_position_embeddings},
      {"type_vocab_size", config.type_vocab_size},
      {"hidden_act", activation_name(config.hidden_act)},
      {"hidden_dropout_prob", config.hidden_dropout_prob},
      {"attention_probs_dropout_prob", config.attention_probs_dropout_prob},
      {"initializer_range", config.initializer_range},
      {"layer_norm_eps", config.layer_norm_eps},
      {"tie_word_embeddings", config.tie_word_embeddings},
  };
  json["classifier_dropout"] =
      config.classifier_dropout ? nlohmann::json(*config.classifier_dropout) : nlohmann::json();
  json["pad_token_id"] = config.pad_token_id >= 0 ? nlohmann::json(config.pad_token_id) : nlohmann::json();
  return json;
}

}  // namespace broadsheet
