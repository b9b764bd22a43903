#include "trainer/models/architecture.h"

#include "core/errors.h"
#include "core/text.h"
#include "trainer/models/bert_names.h"

namespace broadsheet {
namespace {

constexpr BertFamily kFamilies[] = {BertFamily::kBert, BertFamily::kRoberta, BertFamily::kDistilBert,
                                    BertFamily::kElectra};

Architecture read_kind(const std::string& type, const nlohmann::json& json, const std::string& source, bool required) {
  for (const BertFamily family : kFamilies) {
    if (type == names_of(family).model_type) return read_bert_config(json, source, required, family);
  }
  if (type == "gpt2") return read_gpt2_config(json, source, required);
  throw UserError({"model.architecture",
                   {source},
                   "model_type",
                   cat("found a model of type \"", printable(type), "\""),
                   "this version trains bert, roberta, distilbert, electra and gpt2"});
}

ModelTraits traits(const BertConfig& config) {
  const BertNames& names = names_of(config.family);
  // The tokenizers of RoBERTa and DistilBERT give a second text no type of its own, whatever config.json says.
  const bool has_types = config.family == BertFamily::kBert || config.family == BertFamily::kElectra;
  int64_t separators = config.family == BertFamily::kRoberta ? 2 : 1;
  if (has_types && config.type_vocab_size < 2) separators = 0;
  return {names.model_type,
          config.vocab_size,
          config.hidden_size,
          config.num_hidden_layers,
          config.max_position_embeddings - config.first_position(),
          has_types ? config.type_vocab_size : 1,
          false,
          names.decoder != nullptr,
          separators};
}

ModelTraits traits(const Gpt2Config& config) {
  return {"gpt2", config.vocab_size, config.n_embd, config.n_layer, config.n_positions, 1, true, false};
}

void set_dropout(BertConfig& config, double dropout) {
  config.hidden_dropout_prob = dropout;
  config.attention_probs_dropout_prob = dropout;
  config.classifier_dropout.reset();
}

void set_dropout(Gpt2Config& config, double dropout) {
  config.embd_pdrop = dropout;
  config.attn_pdrop = dropout;
  config.resid_pdrop = dropout;
  config.classifier_dropout = dropout;
}

}  // namespace

Architecture read_architecture(const nlohmann::json& json, const std::string& source) {
  const auto type = json.is_object() ? json.find("model_type") : json.end();
  if (!json.is_object() || type == json.end()) return read_bert_config(json, source);  // says what is missing
  return read_kind(type->is_string() ? type->get<std::string>() : type->dump(), json, source, true);
}

Architecture read_architecture(const std::string& model_type, const nlohmann::json& json, const std::string& source) {
  return read_kind(model_type, json, source, false);
}

ModelTraits traits_of(const Architecture& architecture) {
  return std::visit([](const auto& config) { return traits(config); }, architecture);
}

nlohmann::json to_json(const Architecture& architecture) {
  return std::visit([](const auto& config) { return to_json(config); }, architecture);
}

nlohmann::json forward_json(const Architecture& architecture) {
  nlohmann::json json = to_json(architecture);
  for (const char* key :
       {"hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout", "embd_pdrop", "attn_pdrop",
        "resid_pdrop", "dropout", "attention_dropout", "seq_classif_dropout", "initializer_range"})
    json.erase(key);
  return json;
}

void override_dropout(Architecture& architecture, double dropout) {
  std::visit([&](auto& config) { set_dropout(config, dropout); }, architecture);
}

bool can_learn(const ModelTraits& model, const std::string& task_kind) {
  if (task_kind == "causal_lm" || task_kind == "generation") return model.causal;
  return task_kind != "masked_lm" || model.masks;
}

std::string wrong_model_text(const ModelTraits& model, const std::string& task_kind) {
  return cat("found ", task_kind, " with a model of type ", model.model_type, ", whose tokens see ",
             model.causal ? "those before them only" : "the whole text",
             model.causal || model.masks ? "" : ", and which has no head for masked places");
}

std::string wrong_model_remedy(const ModelTraits& model) {
  if (model.causal) return "write kind: causal_lm, or choose a model of type bert";
  return model.masks ? "write kind: masked_lm, or choose a model of type gpt2" : "choose a model of type bert or gpt2";
}

std::string classifier_layer(const Architecture& architecture) {
  if (std::holds_alternative<Gpt2Config>(architecture)) return "score";
  return names_of(std::get<BertConfig>(architecture).family).classifier;
}

std::string class_with_head(const Architecture& architecture, HeadKind head) {
  const auto* bert = std::get_if<BertConfig>(&architecture);
  const std::string prefix = bert != nullptr ? names_of(bert->family).class_prefix : "GPT2";
  switch (head) {
    case HeadKind::kLanguageModel:
      return prefix + (bert != nullptr ? "ForMaskedLM" : "LMHeadModel");
    case HeadKind::kTokenClassification:
      return prefix + "ForTokenClassification";
    case HeadKind::kSequenceClassification:
      break;
  }
  return prefix + "ForSequenceClassification";
}

}  // namespace broadsheet
