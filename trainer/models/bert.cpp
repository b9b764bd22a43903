#include "trainer/models/bert.h"

#include "core/errors.h"
#include "core/text.h"
#include "trainer/models/activate.h"
#include "trainer/models/attention.h"
#include "trainer/models/bert_names.h"
#include "trainer/models/dropout.h"

namespace broadsheet {

void BertModel::connect(const ModelHeads& heads) {
  const BertNames& names = names_of(config_.family);
  const std::string trunk = names.trunk;
  word_embeddings_ = tensor(trunk + "embeddings.word_embeddings.weight");
  position_embeddings_ = tensor(trunk + "embeddings.position_embeddings.weight");
  if (config_.type_vocab_size > 0) type_embeddings_ = tensor(trunk + "embeddings.token_type_embeddings.weight");
  const auto norm_of = [&](const std::string& name) { return norm(name, config_.layer_norm_eps); };
  embedding_norm_ = norm_of(trunk + "embeddings.LayerNorm");
  if (config_.projects_embeddings()) projection_ = linear(trunk + "embeddings_project");
  for (int64_t number = 0; number < config_.num_hidden_layers; ++number) {
    const std::string layer = cat(trunk, names.layer, number, ".");
    layers_.push_back({linear(layer + names.query), linear(layer + names.key), linear(layer + names.value),
                       linear(layer + names.attention_output), linear(layer + names.intermediate),
                       linear(layer + names.output), norm_of(layer + names.attention_norm),
                       norm_of(layer + names.output_norm)});
  }
  if (heads.masked_lm) {
    transform_ = linear(names.transform);
    transform_norm_ = norm_of(names.transform_norm);
    decoder_ = config_.tie_word_embeddings ? Linear{names.decoder, word_embeddings_, tensor(names.decoder_bias)}
                                           : linear(names.decoder);
  }
  if (heads.labels > 0) {
    pooler_ = linear(names.head_dense);
    classifier_ = linear(names.classifier);
  }
  if (heads.tags > 0) tagger_ = linear(kTagger);
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
  at::Tensor mixed = layer.attention_output(attended, owners);
  if (config_.family != BertFamily::kDistilBert) mixed = dropped(mixed, DropoutSite::kAttentionOutput);
  const at::Tensor middle = layer.attention_norm(mixed + hidden);
  const at::Tensor wide = activate(config_.hidden_act, layer.intermediate(middle, owners));
  return layer.output_norm(dropped(layer.output(wide, owners), DropoutSite::kFeedForward) + middle);
}

at::Tensor BertModel::run_trunk(const PackedInput& input, const PassContext& pass) const {
  const int64_t first = config_.first_position();
  at::Tensor hidden = at::embedding(word_embeddings_, input.tokens, config_.pad_token_id);
  if (type_embeddings_.defined()) hidden = hidden + at::embedding(type_embeddings_, input.token_types);
  hidden = hidden + at::embedding(position_embeddings_, first > 0 ? input.positions + first : input.positions);
  hidden = drop(embedding_norm_(hidden), input, pass, -1, DropoutSite::kEmbeddings);
  if (projection_.weight.defined())
    hidden = projection_(hidden, {pass, input.boundaries, input.examples}).to(at::kFloat);
  for (int64_t number = 0; number < config_.num_hidden_layers; ++number)
    hidden = run_layer(number, hidden, input, pass);
  return hidden;
}

at::Tensor BertModel::lm_logits(const at::Tensor& hidden) const {
  // RoBERTa's head has its own, whatever the layers have.
  const Activation activation = config_.family == BertFamily::kRoberta ? Activation::kGelu : config_.hidden_act;
  return decoder_(transform_norm_(activate(activation, transform_(hidden)))).to(at::kFloat);
}

at::Tensor BertModel::head_rows(const at::Tensor& hidden, const PackedInput& input) const {
  const std::vector<int64_t> firsts(input.boundaries.begin(), input.boundaries.end() - 1);
  return hidden.index_select(0, at::tensor(at::ArrayRef<int64_t>(firsts), at::kLong).to(hidden.device()));
}

// DistilBERT's other rate is of the classifier of sequences only.
double BertModel::tag_dropout() const {
  const bool own = config_.family != BertFamily::kDistilBert && config_.classifier_dropout;
  return own ? *config_.classifier_dropout : config_.hidden_dropout_prob;
}

at::Tensor BertModel::activate_head(const at::Tensor& x) const {
  switch (config_.family) {
    case BertFamily::kDistilBert:
      return at::relu(x);
    case BertFamily::kElectra:
      return at::gelu(x);
    default:
      return at::tanh(x);
  }
}

at::Tensor BertModel::classify(const at::Tensor& rows, const std::vector<int64_t>& examples,
                               const PassContext& pass) const {
  std::vector<int64_t> boundaries;  // one row per sequence
  for (size_t s = 0; s <= examples.size(); ++s) boundaries.push_back(static_cast<int64_t>(s));
  const double p = config_.classifier_dropout.value_or(config_.hidden_dropout_prob);
  const auto dropped = [&](const at::Tensor& x, DropoutSite site) {
    if (!pass.training || p == 0) return x;
    return packed_dropout(x, boundaries, dropout_keys(pass, examples, kHeadLayer, site), p);
  };
  const bool drops_first = config_.family == BertFamily::kRoberta || config_.family == BertFamily::kElectra;
  const at::Tensor first = drops_first ? dropped(rows, DropoutSite::kHeadInput) : rows;
  const at::Tensor pooled = activate_head(pooler_(first, {pass, boundaries, examples}));
  return classifier_(dropped(pooled, DropoutSite::kHead)).to(at::kFloat);
}

std::vector<Linear*> BertModel::branch_points() {
  std::vector<Linear*> all;
  if (projection_.weight.defined()) all.push_back(&projection_);
  for (Layer& layer : layers_) {
    for (Linear* one :
         {&layer.query, &layer.key, &layer.value, &layer.attention_output, &layer.intermediate, &layer.output})
      all.push_back(one);
  }
  // DistilBERT's and RoBERTa's belong to their classifiers.
  if (starts_with(pooler_.name, names_of(config_.family).trunk)) all.push_back(&pooler_);
  return all;
}

}  // namespace broadsheet
