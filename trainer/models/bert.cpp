#include "trainer/models/bert.h"

#include "core/errors.h"
#include "core/text.h"
#include "trainer/models/activate.h"
#include "trainer/models/attention.h"
#include "trainer/models/dropout.h"

namespace broadsheet {

void BertModel::connect(const ModelHeads& heads) {
  word_embeddings_ = tensor("bert.embeddings.word_embeddings.weight");
  position_embeddings_ = tensor("bert.embeddings.position_embeddings.weight");
  type_embeddings_ = tensor("bert.embeddings.token_type_embeddings.weight");
  const auto norm_of = [&](const std::string& name) { return norm(name, config_.layer_norm_eps); };
  embedding_norm_ = norm_of("bert.embeddings.LayerNorm");
  for (int64_t number = 0; number < config_.num_hidden_layers; ++number) {
    const std::string layer = cat("bert.encoder.layer.", number, ".");
    layers_.push_back({linear(layer + "attention.self.query"), linear(layer + "attention.self.key"),
                       linear(layer + "attention.self.value"), linear(layer + "attention.output.dense"),
                       linear(layer + "intermediate.dense"), linear(layer + "output.dense"),
                       norm_of(layer + "attention.output.LayerNorm"), norm_of(layer + "output.LayerNorm")});
  }
  if (heads.masked_lm) {
    transform_ = linear("cls.predictions.transform.dense");
    transform_norm_ = norm_of("cls.predictions.transform.LayerNorm");
    decoder_ = config_.tie_word_embeddings
                   ? Linear{"cls.predictions.decoder", word_embeddings_, tensor("cls.predictions.bias")}
                   : linear("cls.predictions.decoder");
  }
  if (heads.labels > 0) {
    pooler_ = linear("bert.pooler.dense");
    classifier_ = linear("classifier");
  }
}

at::Tensor BertModel::drop(const at::Tensor& rows, const PackedInput& input, const PassContext& pass, int64_t layer,
                           DropoutSite site) const {
  if (!pass.training || config_.hidden_dropout_prob == 0) return rows;
  const std::vector<uint64_t> keys = dropout_keys(pass, input.examples, layer, site);
  return packed_dropout(rows, input.boundaries, keys, config_.hidden_dropout_prob);
}

at::Tensor BertModel::run_layer(int64_t number, const at::Tensor& hidden, const PackedInput& input,
                                const PassContext& pass) const {
  const Layer& layer = layers_[static_cast<size_t>(number)];
  AttentionDropout dropout;
  if (pass.training && config_.attention_probs_dropout_prob > 0) {
    dropout = {config_.attention_probs_dropout_prob,
               dropout_keys(pass, input.examples, number, DropoutSite::kAttention)};
  }
  const RowOwners owners{pass, input.boundaries, input.examples};
  const at::Tensor attended =
      packed_attention(layer.query(hidden, owners), layer.key(hidden, owners), layer.value(hidden, owners),
                       input.boundaries, config_.num_attention_heads, dropout);
  const auto dropped = [&](const at::Tensor& rows, DropoutSite site) { return drop(rows, input, pass, number, site); };
  const at::Tensor middle =
      layer.attention_norm(dropped(layer.attention_output(attended, owners), DropoutSite::kAttentionOutput) + hidden);
  const at::Tensor wide = activate(config_.hidden_act, layer.intermediate(middle, owners));
  return layer.output_norm(dropped(layer.output(wide, owners), DropoutSite::kFeedForward) + middle);
}

at::Tensor BertModel::run_trunk(const PackedInput& input, const PassContext& pass) const {
  at::Tensor hidden = at::embedding(word_embeddings_, input.tokens, config_.pad_token_id) +
                      at::embedding(type_embeddings_, input.token_types) +
                      at::embedding(position_embeddings_, input.positions);
  hidden = drop(embedding_norm_(hidden), input, pass, -1, DropoutSite::kEmbeddings);
  for (int64_t number = 0; number < config_.num_hidden_layers; ++number)
    hidden = run_layer(number, hidden, input, pass);
  return hidden;
}

at::Tensor BertModel::lm_logits(const at::Tensor& hidden) const {
  return decoder_(transform_norm_(activate(config_.hidden_act, transform_(hidden)))).to(at::kFloat);
}

at::Tensor BertModel::head_rows(const at::Tensor& hidden, const PackedInput& input) const {
  const std::vector<int64_t> firsts(input.boundaries.begin(), input.boundaries.end() - 1);
  return hidden.index_select(0, at::tensor(at::ArrayRef<int64_t>(firsts), at::kLong).to(hidden.device()));
}

at::Tensor BertModel::classify(const at::Tensor& rows, const std::vector<int64_t>& examples,
                               const PassContext& pass) const {
  std::vector<int64_t> boundaries;  // one row per sequence
  for (size_t s = 0; s <= examples.size(); ++s) boundaries.push_back(static_cast<int64_t>(s));
  at::Tensor pooled = at::tanh(pooler_(rows, {pass, boundaries, examples}));
  const double p = config_.classifier_dropout.value_or(config_.hidden_dropout_prob);
  if (pass.training && p > 0) {
    pooled = packed_dropout(pooled, boundaries, dropout_keys(pass, examples, kHeadLayer, DropoutSite::kHead), p);
  }
  return classifier_(pooled).to(at::kFloat);
}

}  // namespace broadsheet
