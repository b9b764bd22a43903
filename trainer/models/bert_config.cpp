#include "trainer/models/bert_config.h"

#include "core/text.h"
#include "trainer/models/bert_names.h"

namespace broadsheet {
namespace {

// What a family calls a key.
struct BertKeys {
  const char* hidden_size = "hidden_size";
  const char* layers = "num_hidden_layers";
  const char* heads = "num_attention_heads";
  const char* inner = "intermediate_size";
  const char* activation = "hidden_act";
  const char* dropout = "hidden_dropout_prob";
  const char* attention_dropout = "attention_probs_dropout_prob";
  const char* classifier_dropout = "classifier_dropout";
};

BertKeys keys_of(BertFamily family) {
  if (family != BertFamily::kDistilBert) return {};
  return {"dim",        "n_layers", "n_heads",           "hidden_dim",
          "activation", "dropout",  "attention_dropout", "seq_classif_dropout"};
}

BertConfig defaults_of(BertFamily family) {
  BertConfig config;
  config.family = family;
  switch (family) {
    case BertFamily::kBert:
      break;
    case BertFamily::kRoberta:
      config.vocab_size = 50265;
      config.pad_token_id = 1;
      break;
    case BertFamily::kDistilBert:
      config.num_hidden_layers = 6;
      config.type_vocab_size = 0;
      config.classifier_dropout = 0.2;
      break;
    case BertFamily::kElectra:
      config.embedding_size = 128;
      config.hidden_size = 256;
      config.num_attention_heads = 4;
      config.intermediate_size = 1024;
      break;
  }
  return config;
}

}  // namespace

BertConfig read_bert_config(const nlohmann::json& json, const std::string& source, bool require_model_type,
                            BertFamily family) {
  ModelJsonReader reader(json, source);
  const BertKeys keys = keys_of(family);
  BertConfig config = defaults_of(family);
  reader.model_type(names_of(family).model_type, require_model_type);
  reader.integer("vocab_size", 1, int64_t{1} << 24, config.vocab_size);
  reader.integer(keys.hidden_size, 1, 1 << 16, config.hidden_size);
  reader.integer(keys.layers, 1, 1 << 10, config.num_hidden_layers);
  reader.integer(keys.heads, 1, 1 << 16, config.num_attention_heads);
  reader.integer(keys.inner, 1, 1 << 20, config.intermediate_size);
  reader.integer("max_position_embeddings", 1, 1 << 20, config.max_position_embeddings);
  reader.integer("pad_token_id", -1, config.vocab_size - 1, config.pad_token_id);
  reader.number(keys.dropout, 0, 1, config.hidden_dropout_prob);
  reader.number(keys.attention_dropout, 0, 1, config.attention_probs_dropout_prob);
  double classifier_dropout = config.classifier_dropout.value_or(-1);
  reader.number(keys.classifier_dropout, 0, 1, classifier_dropout);
  if (classifier_dropout >= 0) config.classifier_dropout = classifier_dropout;
  reader.number("initializer_range", 0, 100, config.initializer_range);
  reader.boolean("tie_word_embeddings", config.tie_word_embeddings);
  reader.activation(keys.activation, config.hidden_act);
  if (family == BertFamily::kDistilBert) {
    reader.must_be("sinusoidal_pos_embds", false, "computed positions are not in this version");
  } else {
    reader.integer("type_vocab_size", 1, 1 << 10, config.type_vocab_size);
    reader.number("layer_norm_eps", 0, 1, config.layer_norm_eps);
    reader.must_be("position_embedding_type", "absolute", "relative positions are not in this version");
  }
  if (family == BertFamily::kElectra) reader.integer("embedding_size", 1, 1 << 16, config.embedding_size);
  reader.must_be("is_decoder", false, "only the encoder is in this version");
  reader.must_be("add_cross_attention", false, "only the encoder is in this version");
  if (config.hidden_size % config.num_attention_heads != 0) {
    reader.fault(keys.heads, cat("found ", config.num_attention_heads, ", wanted a divisor of ", keys.hidden_size, " ",
                                 config.hidden_size));
  }
  if (config.max_position_embeddings <= config.first_position()) {
    reader.fault("max_position_embeddings", cat("found ", config.max_position_embeddings, ", wanted more than ",
                                                config.first_position(), ", where the positions begin"));
  }
  reader.faults().throw_if_any();
  return config;
}

nlohmann::json to_json(const BertConfig& config) {
  const BertKeys keys = keys_of(config.family);
  nlohmann::json json = {
      {"model_type", names_of(config.family).model_type},
      {"vocab_size", config.vocab_size},
      {keys.hidden_size, config.hidden_size},
      {keys.layers, config.num_hidden_layers},
      {keys.heads, config.num_attention_heads},
      {keys.inner, config.intermediate_size},
      {"max_position_embeddings", config.max_position_embeddings},
      {keys.activation, activation_name(config.hidden_act)},
      {keys.dropout, config.hidden_dropout_prob},
      {keys.attention_dropout, config.attention_probs_dropout_prob},
      {"initializer_range", config.initializer_range},
      {"tie_word_embeddings", config.tie_word_embeddings},
  };
  if (config.family != BertFamily::kDistilBert) {
    json["type_vocab_size"] = config.type_vocab_size;
    json["layer_norm_eps"] = config.layer_norm_eps;
  }
  if (config.family == BertFamily::kElectra) json["embedding_size"] = config.embedding_size;
  json[keys.classifier_dropout] =
      config.classifier_dropout ? nlohmann::json(*config.classifier_dropout) : nlohmann::json();
  json["pad_token_id"] = config.pad_token_id >= 0 ? nlohmann::json(config.pad_token_id) : nlohmann::json();
  return json;
}

}  // namespace broadsheet
