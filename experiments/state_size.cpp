#include "experiments/state_size.h"

#include <cstdlib>

#include "checkpoints/huggingface.h"
#include "core/text.h"
#include "data/tokenizers/tokenizer.h"
#include "trainer/models/bert_config.h"

namespace broadsheet {
namespace {

constexpr uint64_t kFloat = 4;

uint64_t moments_of(const TrainConfig& train) {
  if (train.optim == "adamw") return 2;
  return train.momentum > 0 ? 1 : 0;
}

bool is_trained(const std::string& name, const FreezeConfig& freeze) {
  const size_t layer = name.find("encoder.layer.");
  const bool embedding = name.find("embeddings.") != std::string::npos;
  if (freeze.all_but_head) return layer == std::string::npos && !embedding;
  if (freeze.embeddings && embedding) return false;
  constexpr size_t kPrefix = sizeof "encoder.layer." - 1;
  return layer == std::string::npos || std::atoll(name.c_str() + layer + kPrefix) >= freeze.layers;
}

class Sum {
 public:
  explicit Sum(const RunConfig& config) : config_(config) {}
  void add(const std::string& name, uint64_t elements) {
    size_.weights += elements * kFloat;
    if (!is_trained(name, config_.freeze)) return;
    size_.trained += elements * kFloat;
    size_.optimizer += elements * kFloat * moments_of(config_.train);
  }
  StateSize size() const { return size_; }

 private:
  const RunConfig& config_;
  StateSize size_;
};

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
  const auto number = [&](const char* key, uint64_t otherwise) {
    const auto found = config.model.config.find(key);
    return found != config.model.config.end() && found->is_number_integer() && *found > 0 ? found->get<uint64_t>()
                                                                                          : otherwise;
  };
  const BertConfig defaults;
  const uint64_t hidden = number("hidden_size", static_cast<uint64_t>(defaults.hidden_size)),
                 inner = number("intermediate_size", static_cast<uint64_t>(defaults.intermediate_size)),
                 layers = number("num_hidden_layers", static_cast<uint64_t>(defaults.num_hidden_layers)),
                 positions = number("max_position_embeddings", static_cast<uint64_t>(defaults.max_position_embeddings)),
                 words =
                     number("vocab_size", static_cast<uint64_t>(load_tokenizer(config.model.tokenizer)->vocab_size()));
  constexpr uint64_t kTypes = 2;
  Sum sum(config);
  sum.add("embeddings.", (words + positions + kTypes + 2) * hidden);
  for (uint64_t layer = 0; layer < layers; ++layer)
    sum.add(cat("encoder.layer.", layer), 4 * hidden * hidden + 2 * hidden * inner + 9 * hidden + inner);
  sum.add("pooler", hidden * hidden + hidden);
  return sum.size();
}

}  // namespace

StateSize estimate_state_size(const RunConfig& config) {
  if (!config.model.from.empty()) return of_folder(config);
  return config.model.tokenizer.empty() ? StateSize{} : of_numbers(config);
}

}  // namespace broadsheet
