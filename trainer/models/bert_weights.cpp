// The other half of BertModel: which parameters there are, and where their first values come from.
#include <string>
#include <vector>

#include "core/text.h"
#include "trainer/models/bert.h"
#include "trainer/models/bert_names.h"

namespace broadsheet {
namespace {

using Specs = std::vector<ParameterSpec>;
using Init = ParameterSpec::Init;

}  // namespace

std::vector<ParameterSpec> bert_parameters(const BertConfig& config, const ModelHeads& heads) {
  const BertNames& names = names_of(config.family);
  const std::string trunk = names.trunk;
  const int64_t hidden = config.hidden_size;
  const int64_t width = config.projects_embeddings() ? config.embedding_size : hidden;
  const bool counts_from_padding = config.first_position() > 0;
  Specs specs;
  const auto embedding = [&](const char* name, int64_t rows, int64_t zero_row) {
    specs.push_back({.name = cat(trunk, "embeddings.", name, ".weight"), .shape = {rows, width}, .zero_row = zero_row});
  };
  embedding("word_embeddings", config.vocab_size, config.pad_token_id);
  embedding("position_embeddings", config.max_position_embeddings, counts_from_padding ? config.pad_token_id : -1);
  if (config.type_vocab_size > 0) embedding("token_type_embeddings", config.type_vocab_size, -1);
  add_norm_specs(specs, trunk + "embeddings.LayerNorm", width, -1);
  if (config.projects_embeddings()) add_dense_specs(specs, trunk + "embeddings_project", hidden, width, -1);
  for (int64_t number = 0; number < config.num_hidden_layers; ++number) {
    const std::string layer = cat(trunk, names.layer, number, ".");
    for (const char* part : {names.query, names.key, names.value, names.attention_output})
      add_dense_specs(specs, layer + part, hidden, hidden, number);
    add_norm_specs(specs, layer + names.attention_norm, hidden, number);
    add_dense_specs(specs, layer + names.intermediate, config.intermediate_size, hidden, number);
    add_dense_specs(specs, layer + names.output, hidden, config.intermediate_size, number);
    add_norm_specs(specs, layer + names.output_norm, hidden, number);
  }
  if (heads.masked_lm) {
    if (config.tie_word_embeddings) {
      specs.push_back({.name = names.decoder_bias,
                       .shape = {config.vocab_size},
                       .init = Init::kZeros,
                       .decay = false,
                       .layer = kHeadLayer});
    } else {
      add_dense_specs(specs, names.decoder, config.vocab_size, hidden, kHeadLayer);
    }
    add_dense_specs(specs, names.transform, hidden, hidden, kHeadLayer);
    add_norm_specs(specs, names.transform_norm, hidden, kHeadLayer);
  }
  if (heads.labels > 0) {
    add_dense_specs(specs, names.head_dense, hidden, hidden, kHeadLayer);
    add_dense_specs(specs, names.classifier, heads.labels, hidden, kHeadLayer);
  }
  if (heads.tags > 0) add_dense_specs(specs, kTagger, heads.tags, hidden, kHeadLayer);
  return specs;
}

BertModel::BertModel(const BertConfig& config, const ModelHeads& heads, const WeightFiles& files, uint64_t seed,
                     ModelValues values)
    : LanguageModel(bert_parameters(config, heads)), config_(config) {
  read_parameters(files, heads.keep_classifier ? "" : "classifier.", values);
  if (heads.masked_lm) {
    const BertNames& names = names_of(config.family);
    const std::string decoder = names.decoder;
    // What folders hold twice: tied tensors under both names; in untied ones a bias that transformers never reads.
    std::erase(report_.unused, decoder + ".weight");
    if (files.find(names.decoder_bias) != nullptr) std::erase(report_.unused, decoder + ".bias");
    if (!config.tie_word_embeddings) std::erase(report_.unused, names.decoder_bias);
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
