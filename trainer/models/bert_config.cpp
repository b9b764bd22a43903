#include "trainer/models/bert_config.h"

#include <array>
#include <utility>

#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

constexpr std::array<std::pair<const char*, Activation>, 3> kActivations = {
    {{"gelu", Activation::kGelu}, {"gelu_new", Activation::kGeluTanh}, {"relu", Activation::kRelu}}};

class Reader {
 public:
  Reader(const nlohmann::json& json, std::string source) : json_(json), source_(std::move(source)) {}

  void integer(const char* key, int64_t low, int64_t high, int64_t& value) {
    const nlohmann::json* found = find(key);
    if (found == nullptr) return;
    if (!found->is_number_integer() || (found->is_number_unsigned() && found->get<uint64_t>() > uint64_t{1} << 62) ||
        found->get<int64_t>() < low || found->get<int64_t>() > high) {
      fault(key, cat("found ", text(*found), ", wanted a whole number from ", low, " to ", high));
      return;
    }
    value = found->get<int64_t>();
  }

  void number(const char* key, double low, double below, double& value) {
    const nlohmann::json* found = find(key);
    if (found == nullptr) return;
    if (!found->is_number() || !(found->get<double>() >= low) || !(found->get<double>() < below)) {
      fault(key, cat("found ", text(*found), ", wanted a number of at least ", low, " and less than ", below));
      return;
    }
    value = found->get<double>();
  }

  void boolean(const char* key, bool& value) {
    const nlohmann::json* found = find(key);
    if (found == nullptr) return;
    if (!found->is_boolean()) {
      fault(key, cat("found ", text(*found), ", wanted true or false"));
      return;
    }
    value = found->get<bool>();
  }

  void must_be(const char* key, const nlohmann::json& wanted, const char* why) {
    const nlohmann::json* found = find(key);
    if (found != nullptr && *found != wanted) {
      fault(key, cat("found ", text(*found), ", wanted ", wanted.dump(), ": ", why));
    }
  }

  void activation(Activation& value) {
    const nlohmann::json* found = find("hidden_act");
    if (found == nullptr) return;
    for (const auto& [name, activation] : kActivations) {
      if (*found == name) {
        value = activation;
        return;
      }
    }
    fault("hidden_act", cat("found ", text(*found), ", wanted gelu, gelu_new or relu"));
  }

  void fault(const char* key, std::string what) {
    faults_.add({"model.config", {source_}, key, std::move(what), "correct the key, or use another model"});
  }
  bool has(const char* key) const { return json_.is_object() && json_.contains(key); }
  const Faults& faults() const { return faults_; }

 private:
  // A key that is null counts as absent, as in transformers.
  const nlohmann::json* find(const char* key) const {
    const auto found = json_.find(key);
    return found == json_.end() || found->is_null() ? nullptr : &*found;
  }
  static std::string text(const nlohmann::json& value) {
    std::string dump = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
    if (dump.size() > 80) {
      dump.resize(77);
      dump.append("...");
    }
    return dump;
  }

  const nlohmann::json& json_;
  std::string source_;
  Faults faults_;
};

const char* activation_name(Activation wanted) {
  for (const auto& [name, activation] : kActivations) {
    if (activation == wanted) return name;
  }
  assertion_failed("activation has a name", __FILE__, __LINE__);
}

}  // namespace

BertConfig read_bert_config(const nlohmann::json& json, const std::string& source, bool require_model_type) {
  if (!json.is_object()) {
    throw UserError({"model.config", {source}, "", "found no JSON object", "use a model folder with a config.json"});
  }
  Reader reader(json, source);
  BertConfig config;
  if (require_model_type && !reader.has("model_type")) {
    reader.fault("model_type", "the key is missing, wanted \"bert\"");
  }
  reader.must_be("model_type", "bert", "this version knows BERT only");
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
  reader.activation(config.hidden_act);
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
