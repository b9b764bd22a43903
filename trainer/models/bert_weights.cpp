// The other half of BertModel: which parameters there are, and where their first values come from.
#include <algorithm>
#include <set>
#include <utility>

#include "core/errors.h"
#include "core/text.h"
#include "trainer/fresh_memory.h"
#include "trainer/models/bert.h"
#include "trainer/models/initialise.h"

namespace broadsheet {
namespace {

using Init = ParameterSpec::Init;
using Specs = std::vector<ParameterSpec>;

constexpr double kMostParameters = 4e9;
constexpr size_t kShownFaults = 10;
const char* const kWordEmbeddings = "bert.embeddings.word_embeddings.weight";

void add_dense(Specs& specs, const std::string& name, int64_t out, int64_t in, int64_t layer) {
  specs.push_back({name + ".weight", {out, in}, Init::kNormal, true, layer});
  specs.push_back({name + ".bias", {out}, Init::kZeros, false, layer});
}

void add_norm(Specs& specs, const std::string& name, int64_t size, int64_t layer) {
  specs.push_back({name + ".weight", {size}, Init::kOnes, false, layer});
  specs.push_back({name + ".bias", {size}, Init::kZeros, false, layer});
}

// Folders saved from the bare encoder leave the prefix out.
std::vector<std::string> aliases_of(const std::string& name) {
  return starts_with(name, "bert.") ? std::vector<std::string>{""} : std::vector<std::string>{};
}

void check_before_allocating(const Specs& specs, const WeightFiles& files, bool keep_classifier) {
  Faults faults;
  std::vector<std::string> missing;
  for (const ParameterSpec& spec : specs) {
    const TensorView* found = find_weight(files, spec.name, aliases_of(spec.name));
    if (found == nullptr && spec.layer != kHeadLayer) missing.push_back(spec.name);
    const bool skipped = !keep_classifier && starts_with(spec.name, "classifier.");
    if (found != nullptr && !skipped) check_weight(spec.name, spec.shape, *found, faults);
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

}  // namespace

std::vector<ParameterSpec> bert_parameters(const BertConfig& config, const BertHeads& heads) {
  const int64_t hidden = config.hidden_size;
  Specs specs = {{kWordEmbeddings, {config.vocab_size, hidden}},
                 {"bert.embeddings.position_embeddings.weight", {config.max_position_embeddings, hidden}},
                 {"bert.embeddings.token_type_embeddings.weight", {config.type_vocab_size, hidden}}};
  add_norm(specs, "bert.embeddings.LayerNorm", hidden, -1);
  for (int64_t number = 0; number < config.num_hidden_layers; ++number) {
    const std::string layer = cat("bert.encoder.layer.", number, ".");
    for (const char* part : {"query", "key", "value"}) {
      add_dense(specs, cat(layer, "attention.self.", part), hidden, hidden, number);
    }
    add_dense(specs, layer + "attention.output.dense", hidden, hidden, number);
    add_norm(specs, layer + "attention.output.LayerNorm", hidden, number);
    add_dense(specs, layer + "intermediate.dense", config.intermediate_size, hidden, number);
    add_dense(specs, layer + "output.dense", hidden, config.intermediate_size, number);
    add_norm(specs, layer + "output.LayerNorm", hidden, number);
  }
  if (heads.masked_lm) {
    if (config.tie_word_embeddings) {
      specs.push_back({"cls.predictions.bias", {config.vocab_size}, Init::kZeros, false, kHeadLayer});
    } else {
      add_dense(specs, "cls.predictions.decoder", config.vocab_size, hidden, kHeadLayer);
    }
    add_dense(specs, "cls.predictions.transform.dense", hidden, hidden, kHeadLayer);
    add_norm(specs, "cls.predictions.transform.LayerNorm", hidden, kHeadLayer);
  }
  if (heads.labels > 0) {
    add_dense(specs, "bert.pooler.dense", hidden, hidden, kHeadLayer);
    add_dense(specs, "classifier", heads.labels, hidden, kHeadLayer);
  }
  return specs;
}

BertModel::BertModel(const BertConfig& config, const BertHeads& heads, const WeightFiles& files, uint64_t seed,
                     ModelValues values)
    : config_(config), specs_(bert_parameters(config, heads)) {
  check_before_allocating(specs_, files, heads.keep_classifier);
  allocate();
  ParameterList taken;
  for (const Parameter& parameter : parameters_) {
    const bool skipped = !heads.keep_classifier && starts_with(parameter.name, "classifier.");
    if (!skipped) taken.push_back(parameter);
  }
  report_ = load_parameters(taken, files, {""}, values);
  if (!heads.keep_classifier && heads.labels > 0) {
    report_.missing.insert(report_.missing.end(), {"classifier.weight", "classifier.bias"});
  }
  if (heads.masked_lm) {
    // What folders hold twice: tied tensors under both names; in untied ones a bias that transformers never reads.
    std::erase(report_.unused, "cls.predictions.decoder.weight");
    if (files.find("cls.predictions.bias") != nullptr) std::erase(report_.unused, "cls.predictions.decoder.bias");
    if (!config.tie_word_embeddings) std::erase(report_.unused, "cls.predictions.bias");
  }
  settle(values, seed);
  connect(heads);
}

BertModel::BertModel(const BertConfig& config, const BertHeads& heads, uint64_t seed, ModelValues values)
    : config_(config), specs_(bert_parameters(config, heads)) {
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
                    "choose a smaller hidden_size, num_hidden_layers or vocab_size");
  }
  allocate();
  settle(values, seed);
  connect(heads);
}

void BertModel::allocate() {
  std::vector<std::vector<int64_t>> shapes;
  for (const ParameterSpec& spec : specs_) shapes.push_back(spec.shape);
  const std::vector<at::Tensor> tensors = fresh_zeros(shapes);
  for (size_t i = 0; i < specs_.size(); ++i)
    parameters_.push_back({specs_[i].name, tensors[i].requires_grad_(true), specs_[i].decay, specs_[i].layer});
}

void BertModel::settle(ModelValues values, uint64_t seed) {
  if (values == ModelValues::kRead) return initialise(report_.missing, seed);
  report_ = {};  // nothing was initialised, nothing left unused
}

void BertModel::initialise(const std::vector<std::string>& names, uint64_t seed) {
  const at::NoGradGuard no_grad;
  const std::set<std::string> wanted(names.begin(), names.end());
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
        fill_normal(tensor, seed, spec.name, config_.initializer_range);
        break;
    }
    if (spec.name == kWordEmbeddings && config_.pad_token_id >= 0) tensor.select(0, config_.pad_token_id).zero_();
  }
}

}  // namespace broadsheet
