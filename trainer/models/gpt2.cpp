#include "trainer/models/gpt2.h"

#include <cmath>

#include "core/errors.h"
#include "core/text.h"
#include "trainer/models/activate.h"
#include "trainer/models/attention.h"
#include "trainer/models/dropout.h"

namespace broadsheet {
namespace {

using Specs = std::vector<ParameterSpec>;

// weight [in, out], as GPT-2's files have it.
void add_projection(Specs& specs, const std::string& name, int64_t in, int64_t out, int64_t layer, double scale = 1) {
  specs.push_back({.name = name + ".weight", .shape = {in, out}, .layer = layer, .scale = scale});
  specs.push_back(
      {.name = name + ".bias", .shape = {out}, .init = ParameterSpec::Init::kZeros, .decay = false, .layer = layer});
}

// Causal masks (0 and 1) that old folders saved along with the weights.
bool is_mask(const std::string& name) {
  return ends_with(name, ".attn.bias") || ends_with(name, ".attn.masked_bias");
}

}  // namespace

std::vector<ParameterSpec> gpt2_parameters(const Gpt2Config& config, const ModelHeads& heads) {
  const int64_t hidden = config.n_embd;
  const double scale = 1 / std::sqrt(2.0 * static_cast<double>(config.n_layer));
  Specs specs;
  specs.push_back({.name = "transformer.wte.weight", .shape = {config.vocab_size, hidden}});
  specs.push_back({.name = "transformer.wpe.weight", .shape = {config.n_positions, hidden}});
  for (int64_t number = 0; number < config.n_layer; ++number) {
    const std::string layer = cat("transformer.h.", number, ".");
    add_norm_specs(specs, layer + "ln_1", hidden, number);
    add_projection(specs, layer + "attn.c_attn", hidden, 3 * hidden, number);
    add_projection(specs, layer + "attn.c_proj", hidden, hidden, number, scale);
    add_norm_specs(specs, layer + "ln_2", hidden, number);
    add_projection(specs, layer + "mlp.c_fc", hidden, config.inner(), number);
    add_projection(specs, layer + "mlp.c_proj", config.inner(), hidden, number, scale);
  }
  add_norm_specs(specs, "transformer.ln_f", hidden, config.n_layer - 1);
  if (heads.causal_lm && !config.tie_word_embeddings)
    specs.push_back({.name = "lm_head.weight", .shape = {config.vocab_size, hidden}, .layer = kHeadLayer});
  if (heads.labels > 0) specs.push_back({.name = "score.weight", .shape = {heads.labels, hidden}, .layer = kHeadLayer});
  if (heads.tags > 0) add_dense_specs(specs, kTagger, heads.tags, hidden, kHeadLayer);
  return specs;
}

Gpt2Model::Gpt2Model(const Gpt2Config& config, const ModelHeads& heads, const WeightFiles& files, uint64_t seed,
                     ModelValues values)
    : LanguageModel(gpt2_parameters(config, heads)), config_(config) {
  read_parameters(files, heads.keep_classifier ? "" : heads.tags > 0 ? "classifier." : "score.", values);
  std::erase_if(report_.unused, is_mask);
  if (heads.causal_lm) std::erase(report_.unused, "lm_head.weight");  // the word embeddings again
  settle(values, seed, config.initializer_range);
  connect(heads);
}

Gpt2Model::Gpt2Model(const Gpt2Config& config, const ModelHeads& heads, uint64_t seed, ModelValues values)
    : LanguageModel(gpt2_parameters(config, heads)), config_(config) {
  make_parameters();
  settle(values, seed, config.initializer_range);
  connect(heads);
}

void Gpt2Model::connect(const ModelHeads& heads) {
  const auto norm_of = [&](const std::string& name) { return norm(name, config_.layer_norm_epsilon); };
  const auto projection = [&](const std::string& name) { return linear(name, /*transposed=*/true); };
  token_embeddings_ = tensor("transformer.wte.weight");
  position_embeddings_ = tensor("transformer.wpe.weight");
  for (int64_t number = 0; number < config_.n_layer; ++number) {
    const std::string layer = cat("transformer.h.", number, ".");
    layers_.push_back({norm_of(layer + "ln_1"), norm_of(layer + "ln_2"), projection(layer + "attn.c_attn"),
                       projection(layer + "attn.c_proj"), projection(layer + "mlp.c_fc"),
                       projection(layer + "mlp.c_proj")});
  }
  last_norm_ = norm_of("transformer.ln_f");
  if (heads.causal_lm) decoder_ = config_.tie_word_embeddings ? token_embeddings_ : tensor("lm_head.weight");
  if (heads.labels > 0) score_ = linear("score");
  if (heads.tags > 0) tagger_ = linear(kTagger);
}

at::Tensor Gpt2Model::drop(const at::Tensor& rows, const PackedInput& input, const PassContext& pass, int64_t layer,
                           DropoutSite site, double p) const {
  if (!pass.training || p == 0) return rows;
  return packed_dropout(rows, input.boundaries, dropout_keys(pass, input.examples, layer, site), p);
}

at::Tensor Gpt2Model::run_layer(int64_t number, const at::Tensor& hidden, const PackedInput& input,
                                const PassContext& pass, KeyValueCache* cache) const {
  const Layer& layer = layers_[static_cast<size_t>(number)];
  AttentionDropout dropout;
  if (pass.training && config_.attn_pdrop > 0)
    dropout = {config_.attn_pdrop, dropout_keys(pass, input.examples, number, DropoutSite::kAttention)};
  const auto dropped = [&](const at::Tensor& rows, DropoutSite site) {
    return drop(rows, input, pass, number, site, config_.resid_pdrop);
  };
  const RowOwners owners{pass, input.boundaries, input.examples};
  const std::vector<at::Tensor> parts = layer.attention(layer.attention_norm(hidden), owners).split(config_.n_embd, 1);
  const at::Tensor attended = cache != nullptr ? cached_attention(parts[0], parts[1], parts[2], input.boundaries,
                                                                  config_.n_head, number, *cache)
                                               : packed_attention(parts[0], parts[1], parts[2], input.boundaries,
                                                                  config_.n_head, dropout, Attends::kBackwards);
  const at::Tensor middle = dropped(layer.attention_output(attended, owners), DropoutSite::kAttentionOutput) + hidden;
  const at::Tensor wide = activate(config_.activation_function, layer.wide(layer.wide_norm(middle), owners));
  return dropped(layer.wide_output(wide, owners), DropoutSite::kFeedForward) + middle;
}

at::Tensor Gpt2Model::run_layers(const PackedInput& input, const PassContext& pass, KeyValueCache* cache) const {
  at::Tensor hidden =
      at::embedding(token_embeddings_, input.tokens) + at::embedding(position_embeddings_, input.positions);
  hidden = drop(hidden, input, pass, -1, DropoutSite::kEmbeddings, config_.embd_pdrop);
  for (int64_t number = 0; number < config_.n_layer; ++number) hidden = run_layer(number, hidden, input, pass, cache);
  return last_norm_(hidden);
}

at::Tensor Gpt2Model::run_trunk(const PackedInput& input, const PassContext& pass) const {
  return run_layers(input, pass, nullptr);
}

at::Tensor Gpt2Model::encode_next(const PackedInput& input, KeyValueCache& cache) const {
  BROADSHEET_ASSERT(!at::GradMode::is_enabled());
  const at::Tensor hidden = run_layers(input, {}, &cache);
  cache.advance(input.boundaries);
  return hidden;
}

at::Tensor Gpt2Model::lm_logits(const at::Tensor& hidden) const {
  BROADSHEET_ASSERT(decoder_.defined());
  return at::linear(hidden, decoder_).to(at::kFloat);
}

at::Tensor Gpt2Model::head_rows(const at::Tensor& hidden, const PackedInput& input) const {
  std::vector<int64_t> lasts;
  for (size_t s = 1; s < input.boundaries.size(); ++s) lasts.push_back(input.boundaries[s] - 1);
  return hidden.index_select(0, index_tensor(lasts).to(hidden.device()));
}

at::Tensor Gpt2Model::classify(const at::Tensor& rows, const std::vector<int64_t>&, const PassContext&) const {
  return score_(rows).to(at::kFloat);
}

std::vector<Linear*> Gpt2Model::branch_points() {
  std::vector<Linear*> all;
  for (Layer& layer : layers_)
    for (Linear* one : {&layer.attention, &layer.attention_output, &layer.wide, &layer.wide_output}) all.push_back(one);
  return all;
}

}  // namespace broadsheet
