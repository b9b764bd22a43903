// The other half of BertModel: which parameters there are, and where their first values come from.
#include <string>
#include <vector>

#include "core/text.h"
#include "trainer/models/bert.h"

namespace broadsheet {
namespace {

using Specs = std::vector<ParameterSpec>;
using Init = ParameterSpec::Init;

}  // namespace

std::vector<ParameterSpec> bert_parameters(const BertConfig& config, const ModelHeads& heads) {
  const int64_t hidden = config.hidden_size;
  Specs specs;
  const auto embedding = [&](const char* name, int64_t rows, int64_t zero_row) {
    specs.push_back({.name = cat("bert.embeddings.", name, ".weight"), .shape = {rows, hidden}, .zero_row = zero_row});
  };
  embedding("word_embeddings", config.vocab_size, config.pad_token_id);
  embedding("position_embeddings", config.max_position_embeddings, -1);
  embedding("token_type_embeddings", config.type_vocab_size, -1);
  add_norm_specs(specs, "bert.embeddings.LayerNorm", hidden, -1);
  for (int64_t number = 0; number < config.num_hidden_layers; ++number) {
    const std::string layer = cat("bert.encoder.layer.", number, ".");
    for (const char* part : {"query", "key", "value"}) {
      add_dense_specs(specs, cat(layer, "attention.self.", part), hidden, hidden, number);
    }
    add_dense_specs(specs, layer + "attention.output.dense", hidden, hidden, number);
    add_norm_specs(specs, layer + "attention.output.LayerNorm", hidden, number);
    add_dense_specs(specs, layer + "intermediate.dense", config.intermediate_size, hidden, number);
    add_dense_specs(specs, layer + "output.dense", hidden, config.intermediate_size, number);
    add_norm_specs(specs, layer + "output.LayerNorm", hidden, number);
  }
  if (heads.masked_lm) {
    if (config.tie_word_embeddings) {
      specs.push_back({.name = "cls.predictions.bias",
                       .shape = {config.vocab_size},
                       .init = Init::kZeros,
                       .decay = false,
                       .layer = kHeadLayer});
    } else {
      add_dense_specs(specs, "cls.predictions.decoder", config.vocab_size, hidden, kHeadLayer);
    }
    add_dense_specs(specs, "cls.predictions.transform.dense", hidden, hidden, kHeadLayer);
    add_norm_specs(specs, "cls.predictions.transform.LayerNorm", hidden, kHeadLayer);
  }
  if (heads.labels > 0) {
    add_dense_specs(specs, "bert.pooler.dense", hidden, hidden, kHeadLayer);
    add_dense_specs(specs, "classifier", heads.labels, hidden, kHeadLayer);
  }
  return specs;
}

BertModel::BertModel(const BertConfig& config, const ModelHeads& heads, const WeightFiles& files, uint64_t seed,
                     ModelValues values)
    : LanguageModel(bert_parameters(config, heads)), config_(config) {
  read_parameters(files, heads.keep_classifier ? "" : "classifier.", values);
  if (heads.masked_lm) {
    // What folders hold twice: tied tensors under both names; in untied ones a bias that transformers never reads.
    std::erase(report_.unused, "cls.predictions.decoder.weight");
    if (files.find("cls.predictions.bias") != nullptr) std::erase(report_.unused, "cls.predictions.decoder.bias");
    if (!config.tie_word_embeddings) std::erase(report_.unused, "cls.predictions.bias");
  }
  settle(values, seed, config.initializer_range);
  connect(heads);
}

BertModel::BertModel(const BertConfig& config, const ModelHeads& heads, uint64_t seed, ModelValues values)
    : LanguageModel(bert_parameters(config, heads)), config_(config) {
  make_parameters();
  settle(values, seed, config.initializer_range);
  connect(heads);
}

}  // namespace broadsheet
