#include "trainer/models/language_model.h"

#include <algorithm>
#include <set>
#include <utility>

#include "core/errors.h"
#include "core/text.h"
#include "trainer/fresh_memory.h"
#include "trainer/models/bert.h"
#include "trainer/models/dropout.h"
#include "trainer/models/gpt2.h"
#include "trainer/models/initialise.h"

namespace broadsheet {
namespace {

using Init = ParameterSpec::Init;

constexpr double kMostParameters = 4e9;
constexpr size_t kShownFaults = 10;

bool is_renewed(const std::string& name, const std::string& renewed) {
  return !renewed.empty() && starts_with(name, renewed);
}

template <class Model, class Config>
std::unique_ptr<LanguageModel> build_as(const Config& config, const ModelHeads& heads, const WeightFiles* files,
                                        uint64_t seed, ModelValues values) {
  if (files != nullptr) return std::make_unique<Model>(config, heads, *files, seed, values);
  return std::make_unique<Model>(config, heads, seed, values);
}

}  // namespace

void add_dense_specs(std::vector<ParameterSpec>& specs, const std::string& name, int64_t out, int64_t in,
                     int64_t layer) {
  specs.push_back({.name = name + ".weight", .shape = {out, in}, .layer = layer});
  specs.push_back({.name = name + ".bias", .shape = {out}, .init = Init::kZeros, .decay = false, .layer = layer});
}

void add_norm_specs(std::vector<ParameterSpec>& specs, const std::string& name, int64_t size, int64_t layer) {
  specs.push_back({.name = name + ".weight", .shape = {size}, .init = Init::kOnes, .decay = false, .layer = layer});
  specs.push_back({.name = name + ".bias", .shape = {size}, .init = Init::kZeros, .decay = false, .layer = layer});
}

bool LanguageModel::trunk_is_frozen() const {
  return std::none_of(parameters_.begin(), parameters_.end(),
                      [](const Parameter& p) { return p.layer != kHeadLayer && p.tensor.requires_grad(); });
}

at::Tensor LanguageModel::encode(const PackedInput& input, const PassContext& pass) const {
  if (!trunk_is_frozen()) return run_trunk(input, pass);
  const at::NoGradGuard no_grad;
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  PassContext plain = pass;
  plain.training = false;
  return run_trunk(input, plain);
}

at::Tensor LanguageModel::encode_next(const PackedInput&, KeyValueCache&) const {
  assertion_failed("a causal model", __FILE__, __LINE__);
}

const at::Tensor& LanguageModel::lm_weight() const {
  assertion_failed("a causal model", __FILE__, __LINE__);
}

at::Tensor LanguageModel::tag(const at::Tensor& hidden, const std::vector<int64_t>& rows, const PackedInput& input,
                              const PassContext& pass) const {
  const double p = tag_dropout();
  at::Tensor dropped = hidden;
  if (pass.training && p > 0) {
    const auto keys = dropout_keys(pass, input.examples, kHeadLayer, DropoutSite::kHead);
    dropped = packed_dropout(hidden, input.boundaries, keys, p);
  }
  return tagger_(dropped.index_select(0, index_tensor(rows).to(hidden.device()))).to(at::kFloat);
}

const at::Tensor& LanguageModel::tensor(const std::string& name) const {
  const auto found =
      std::find_if(parameters_.begin(), parameters_.end(), [&](const Parameter& p) { return p.name == name; });
  BROADSHEET_ASSERT(found != parameters_.end());
  return found->tensor;
}

Linear LanguageModel::linear(const std::string& name, bool transposed) const {
  const bool has_bias =
      std::any_of(parameters_.begin(), parameters_.end(), [&](const Parameter& p) { return p.name == name + ".bias"; });
  return {.name = name,
          .weight = tensor(name + ".weight"),
          .bias = has_bias ? tensor(name + ".bias") : at::Tensor(),
          .transposed = transposed};
}

Norm LanguageModel::norm(const std::string& name, double epsilon) const {
  return {tensor(name + ".weight"), tensor(name + ".bias"), epsilon};
}

// Folders saved from the bare trunk leave the prefix out.
std::vector<std::string> LanguageModel::aliases_of(const std::string& name) const {
  const std::string& first = specs_.front().name;
  return starts_with(name, first.substr(0, first.find('.') + 1)) ? std::vector<std::string>{""}
                                                                 : std::vector<std::string>{};
}

void LanguageModel::check_before_allocating(const WeightFiles& files, const std::string& renewed) const {
  Faults faults;
  std::vector<std::string> missing;
  for (const ParameterSpec& spec : specs_) {
    const TensorView* found = find_weight(files, spec.name, aliases_of(spec.name));
    if (found == nullptr && spec.layer != kHeadLayer) missing.push_back(spec.name);
    if (found != nullptr && !is_renewed(spec.name, renewed)) check_weight(spec.name, spec.shape, *found, faults);
    if (faults.all().size() >= kShownFaults) break;
  }
  faults.throw_if_any();
  if (missing.empty()) return;
  const size_t more = missing.size() - std::min(missing.size(), kShownFaults);
  missing.resize(std::min(missing.size(), kShownFaults));
  throw UserError("model.missing_tensor",
                  cat("the weights lack ", join(missing, ", "), more > 0 ? cat(" and ", more, " more") : ""),
                  "use a folder whose config.json and weights belong together");
}

void LanguageModel::read_parameters(const WeightFiles& files, const std::string& renewed, ModelValues values) {
  check_before_allocating(files, renewed);
  allocate();
  ParameterList taken;
  std::vector<std::string> drawn;
  for (const Parameter& parameter : parameters_) {
    if (is_renewed(parameter.name, renewed)) {
      drawn.push_back(parameter.name);
    } else {
      taken.push_back(parameter);
    }
  }
  report_ = load_parameters(taken, files, {""}, values);
  report_.missing.insert(report_.missing.end(), drawn.begin(), drawn.end());
}

void LanguageModel::make_parameters() {
  double count = 0;
  for (const ParameterSpec& spec : specs_) {
    double elements = 1;
    for (const int64_t size : spec.shape) elements *= static_cast<double>(size);
    count += elements;
    report_.missing.push_back(spec.name);
  }
  if (count > kMostParameters) {
    throw UserError("model.too_large",
                    cat("model.config describes ", count, " parameters, wanted at most ", kMostParameters),
                    "choose a smaller hidden_size, num_hidden_layers (n_embd, n_layer) or vocab_size");
  }
  allocate();
}

void LanguageModel::allocate() {
  std::vector<std::vector<int64_t>> shapes;
  for (const ParameterSpec& spec : specs_) shapes.push_back(spec.shape);
  const std::vector<at::Tensor> tensors = fresh_zeros(shapes);
  for (size_t i = 0; i < specs_.size(); ++i)
    parameters_.push_back({specs_[i].name, tensors[i].requires_grad_(true), specs_[i].decay, specs_[i].layer});
}

void LanguageModel::settle(ModelValues values, uint64_t seed, double deviation) {
  if (values == ModelValues::kRead) return initialise(seed, deviation);
  report_ = {};  // nothing was initialised, nothing left unused
}

void LanguageModel::initialise(uint64_t seed, double deviation) {
  const at::NoGradGuard no_grad;
  const std::set<std::string> wanted(report_.missing.begin(), report_.missing.end());
  for (size_t i = 0; i < specs_.size(); ++i) {
    const ParameterSpec& spec = specs_[i];
    at::Tensor& tensor = parameters_[i].tensor;
    if (wanted.count(spec.name) == 0) continue;
    switch (spec.init) {
      case Init::kZeros:
        tensor.zero_();
        break;
      case Init::kOnes:
        tensor.fill_(1.0);
        break;
      case Init::kNormal:
        fill_normal(tensor, seed, spec.name, deviation * spec.scale);
        break;
    }
    if (spec.zero_row >= 0) tensor.select(0, spec.zero_row).zero_();
  }
}

std::unique_ptr<LanguageModel> make_model(const Architecture& architecture, const ModelHeads& heads,
                                          const WeightFiles* files, uint64_t seed, ModelValues values) {
  const ModelTraits traits = traits_of(architecture);
  const std::string kind = heads.masked_lm ? "masked_lm" : heads.causal_lm ? "causal_lm" : "";
  if (!can_learn(traits, kind)) {
    throw UserError({"task.model", {}, "task.kind", wrong_model_text(traits, kind), wrong_model_remedy(traits)});
  }
  if (const auto* bert = std::get_if<BertConfig>(&architecture))
    return build_as<BertModel>(*bert, heads, files, seed, values);
  return build_as<Gpt2Model>(std::get<Gpt2Config>(architecture), heads, files, seed, values);
}

}  // namespace broadsheet
