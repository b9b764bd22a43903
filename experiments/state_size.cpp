#include "experiments/state_size.h"

#include <cstdlib>
#include <string_view>

#include "checkpoints/huggingface.h"
#include "core/text.h"
#include "data/tokenizers/tokenizer.h"
#include "trainer/adapters/targets_config.h"
#include "trainer/models/architecture.h"

namespace broadsheet {
namespace {

constexpr uint64_t kFloat = 4;

uint64_t moments_of(const TrainConfig& train) {
  if (train.optim == "adamw") return 2;
  return train.momentum > 0 ? 1 : 0;
}

// The number of the layer that a tensor belongs to, by the names of BERT, its relatives, or GPT-2; -1: none.
int64_t layer_of(const std::string& name) {
  for (const std::string_view prefix : {"encoder.layer.", "transformer.layer.", "h."}) {
    const size_t at = starts_with(name, prefix) ? 0 : name.find(cat(".", prefix));
    if (at != std::string::npos) return std::atoll(name.c_str() + at + (at > 0 ? 1 : 0) + prefix.size());
  }
  return -1;
}

bool is_embedding(const std::string& name) {
  return name.find("embeddings.") != std::string::npos || ends_with(name, "wte.weight") ||
         ends_with(name, "wpe.weight");
}

bool is_trained(const std::string& name, const FreezeConfig& freeze) {
  const int64_t layer = layer_of(name);
  const bool embedding = is_embedding(name);
  if (freeze.all_but_head) return layer < 0 && !embedding;
  if (freeze.embeddings && embedding) return false;
  return layer < 0 || layer >= freeze.layers;
}

class Sum {
 public:
  explicit Sum(const RunConfig& config) : config_(config) {}
  void add(const std::string& name, uint64_t elements) {
    size_.weights += elements * kFloat;
    size_.saved += elements * kFloat;
    if (is_trained(name, config_.freeze)) add_trained(elements);
  }
  void add_trained(uint64_t elements) {
    size_.trained += elements * kFloat;
    size_.optimizer += elements * kFloat * moments_of(config_.train);
  }
  void add_base(uint64_t elements) { size_.weights += elements * kFloat; }
  void add_adapter(uint64_t elements) {
    size_.saved += elements * kFloat;
    add_trained(elements);
  }
  StateSize size() const { return size_; }

 private:
  const RunConfig& config_;
  StateSize size_;
};

// Of an adapter: its branches and the classifier that the folder has.
StateSize of_adapter(const RunConfig& config) {
  Sum sum(config);
  const std::string folder = locate_model(config.model.from).weights_folder;
  const WeightFiles files = WeightFiles::open(folder);
  const nlohmann::json model = read_model_config(folder);
  const TargetModules targets(config.adapter, traits_of(read_architecture(model, folder)).model_type);
  for (const std::string& name : files.names()) {
    const TensorView& tensor = *files.find(name);
    const uint64_t elements = 8 * tensor.bytes.size() / item_bits(tensor.dtype);
    sum.add_base(elements);
    if (trains_head(name.substr(0, name.find('.')))) sum.add_adapter(elements);
    constexpr std::string_view kWeight = ".weight";
    if (layer_of(name) < 0 || tensor.shape.size() != 2 || !ends_with(name, kWeight)) continue;
    if (targets.has(name.substr(0, name.size() - kWeight.size())))
      sum.add_adapter(static_cast<uint64_t>(config.adapter.r * (tensor.shape[0] + tensor.shape[1])));
  }
  return sum.size();
}

StateSize of_folder(const RunConfig& config) {
  Sum sum(config);
  const WeightFiles files = WeightFiles::open(locate_model(config.model.from).weights_folder);
  for (const std::string& name : files.names()) {
    const TensorView& tensor = *files.find(name);
    if (tensor.dtype == DType::kInt64) continue;  // position ids of old folders
    sum.add(name, 8 * tensor.bytes.size() / item_bits(tensor.dtype));
  }
  return sum.size();
}

StateSize of_numbers(const RunConfig& config) {
  nlohmann::json numbers = config.model.config.is_null() ? nlohmann::json::object() : config.model.config;
  if (!numbers.contains("vocab_size")) numbers["vocab_size"] = load_tokenizer(config.model.tokenizer)->vocab_size();
  const Architecture architecture = read_architecture(config.model.architecture, numbers, "model.config");
  const ModelTraits model = traits_of(architecture);
  const auto* gpt2 = std::get_if<Gpt2Config>(&architecture);
  const auto hidden = static_cast<uint64_t>(model.hidden_size), layers = static_cast<uint64_t>(model.layers),
             inner = static_cast<uint64_t>(gpt2 != nullptr ? gpt2->inner()
                                                           : std::get<BertConfig>(architecture).intermediate_size);
  Sum sum(config);
  const int64_t types = gpt2 == nullptr ? model.token_types : 0;
  sum.add("embeddings.", static_cast<uint64_t>(model.vocab_size + model.max_length + types + 2) * hidden);
  for (uint64_t layer = 0; layer < layers; ++layer)
    sum.add(cat("encoder.layer.", layer), 4 * hidden * hidden + 2 * hidden * inner + 9 * hidden + inner);
  if (gpt2 == nullptr) sum.add("pooler", hidden * hidden + hidden);
  return sum.size();
}

}  // namespace

StateSize estimate_state_size(const RunConfig& config) {
  if (!config.model.from.empty()) return config.adapter.none() ? of_folder(config) : of_adapter(config);
  return config.model.tokenizer.empty() ? StateSize{} : of_numbers(config);
}

}  // namespace broadsheet
