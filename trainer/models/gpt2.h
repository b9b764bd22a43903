// GPT-2 (Radford et al. 2019) on packed sequences, with the names and the numbers of transformers' modules: LayerNorm
// before each part, attention backwards only, positions that begin anew with every sequence.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/models/gpt2_config.h"
#include "trainer/models/language_model.h"

namespace broadsheet {

// The heads are the word embeddings again, or lm_head.weight where config.json says that they are not tied (causal_lm),
// and score.weight (labels).
std::vector<ParameterSpec> gpt2_parameters(const Gpt2Config& config, const ModelHeads& heads);

enum class DropoutSite : uint64_t;  // trainer/models/dropout.h

class Gpt2Model : public LanguageModel {
 public:
  // From a folder's weights, and from scratch (LanguageModel::read_parameters and make_parameters): normal(0,
  // initializer_range) weights, those of the projections back to the hidden states divided by sqrt(2 * layers).
  Gpt2Model(const Gpt2Config& config, const ModelHeads& heads, const WeightFiles& files, uint64_t seed,
            ModelValues values = ModelValues::kRead);
  Gpt2Model(const Gpt2Config& config, const ModelHeads& heads, uint64_t seed, ModelValues values = ModelValues::kRead);

  const Gpt2Config& config() const { return config_; }

  at::Tensor encode_next(const PackedInput& input, KeyValueCache& cache) const override;
  using LanguageModel::classify;
  at::Tensor lm_logits(const at::Tensor& hidden) const override;
  const at::Tensor& lm_weight() const override { return decoder_; }
  // The last token's, which has seen the whole sequence.
  at::Tensor head_rows(const at::Tensor& hidden, const PackedInput& input) const override;
  at::Tensor classify(const at::Tensor& rows, const std::vector<int64_t>& examples,
                      const PassContext& pass) const override;
  std::vector<Linear*> branch_points() override;

 private:
  struct Layer {
    Norm attention_norm, wide_norm;
    Linear attention, attention_output, wide, wide_output;
  };

  at::Tensor run_trunk(const PackedInput& input, const PassContext& pass) const override;
  double tag_dropout() const override { return config_.classifier_dropout; }
  void connect(const ModelHeads& heads);
  // cache: none (nullptr) where whole sequences pass.
  at::Tensor run_layers(const PackedInput& input, const PassContext& pass, KeyValueCache* cache) const;
  at::Tensor run_layer(int64_t number, const at::Tensor& hidden, const PackedInput& input, const PassContext& pass,
                       KeyValueCache* cache) const;
  at::Tensor drop(const at::Tensor& rows, const PackedInput& input, const PassContext& pass, int64_t layer,
                  DropoutSite site, double p) const;

  Gpt2Config config_;
  at::Tensor token_embeddings_, position_embeddings_;
  std::vector<Layer> layers_;
  Norm last_norm_;
  at::Tensor decoder_;  // [vocabulary, hidden]
  Linear score_;
};

}  // namespace broadsheet
