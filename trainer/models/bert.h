// BERT (Devlin et al. 2018) and its relatives (bert_config.h) on packed sequences, with the names and the numbers of
// transformers' modules. Every linear layer runs on [total tokens, ...]; attention runs per sequence; there is no
// padded tensor.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/models/bert_config.h"
#include "trainer/models/language_model.h"

namespace broadsheet {

// By BERT's names, the heads are cls.predictions.* (masked_lm; its decoder tied to the word embeddings unless
// config.json says not), and bert.pooler.* with classifier.* (labels).
std::vector<ParameterSpec> bert_parameters(const BertConfig& config, const ModelHeads& heads);

enum class DropoutSite : uint64_t;  // trainer/models/dropout.h

class BertModel : public LanguageModel {
 public:
  // From a folder's weights, and from scratch (LanguageModel::read_parameters and make_parameters): normal(0,
  // initializer_range) weights with a zero row for padding, zero biases, LayerNorm ones.
  BertModel(const BertConfig& config, const ModelHeads& heads, const WeightFiles& files, uint64_t seed,
            ModelValues values = ModelValues::kRead);
  BertModel(const BertConfig& config, const ModelHeads& heads, uint64_t seed, ModelValues values = ModelValues::kRead);

  const BertConfig& config() const { return config_; }

  using LanguageModel::classify;
  at::Tensor lm_logits(const at::Tensor& hidden) const override;
  // The first token's.
  at::Tensor head_rows(const at::Tensor& hidden, const PackedInput& input) const override;
  at::Tensor classify(const at::Tensor& rows, const std::vector<int64_t>& examples,
                      const PassContext& pass) const override;
  std::vector<Linear*> branch_points() override;

 private:
  struct Layer {
    Linear query, key, value, attention_output, intermediate, output;
    Norm attention_norm, output_norm;
  };

  at::Tensor run_trunk(const PackedInput& input, const PassContext& pass) const override;
  double tag_dropout() const override;
  at::Tensor activate_head(const at::Tensor& x) const;
  void connect(const ModelHeads& heads);
  at::Tensor run_layer(int64_t number, const at::Tensor& hidden, const PackedInput& input,
                       const PassContext& pass) const;
  at::Tensor drop(const at::Tensor& rows, const PackedInput& input, const PassContext& pass, int64_t layer,
                  DropoutSite site) const;

  BertConfig config_;
  at::Tensor word_embeddings_, position_embeddings_, type_embeddings_;
  Norm embedding_norm_;
  std::vector<Layer> layers_;
  Linear projection_;  // ELECTRA: of narrow embeddings
  Linear transform_, decoder_, pooler_, classifier_;
  Norm transform_norm_;
};

}  // namespace broadsheet
