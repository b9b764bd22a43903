#include "mpi/two_layer_task.h"

#include <ATen/ATen.h>

#include <limits>

#include "core/errors.h"
#include "core/random.h"
#include "core/text.h"

namespace broadsheet {

namespace {

constexpr int64_t kVocabulary = 100;
constexpr int64_t kClasses = 3;
constexpr uint64_t kDropoutSite = 77;

class AccuracyAndLoss : public Metrics {
 public:
  std::vector<double> state() const override { return {examples, correct, loss}; }
  void merge(const std::vector<double>& state) override {
    examples += state.at(0);
    correct += state.at(1);
    loss += state.at(2);
  }
  std::map<std::string, double> compute() const override {
    return {{"examples", examples}, {"accuracy", correct / examples}, {"loss", loss / examples}};
  }
  double examples = 0, correct = 0, loss = 0;
};

at::Tensor random_values(uint64_t key, at::IntArrayRef shape, double scale) {
  at::Tensor tensor = at::empty(shape, at::kFloat);
  const RandomStream stream(key);
  float* values = tensor.data_ptr<float>();
  for (int64_t i = 0; i < tensor.numel(); ++i) values[i] = static_cast<float>((stream.uniform(i) * 2 - 1) * scale);
  return tensor;
}

}  // namespace

MemoryCorpus::MemoryCorpus(int64_t train, int64_t validation, int64_t test, uint64_t seed)
    : fingerprint_(cat("memory-", train, "-", validation, "-", test, "-", seed)) {
  fields_ = {{"text", FieldKind::kText, {}}, {"label", FieldKind::kLabel, {"a", "b", "c"}}};
  const std::map<Split, int64_t> sizes{{Split::kTrain, train}, {Split::kValidation, validation}, {Split::kTest, test}};
  for (const auto& [split, size] : sizes) {
    for (int64_t number = 0; number < size; ++number) {
      const RandomStream stream(mix(mix(seed, static_cast<uint64_t>(split)), static_cast<uint64_t>(number)));
      Document document;
      const uint32_t length = 1 + stream.below(0, 16);
      document.label = static_cast<int32_t>(stream.below(1, kClasses));
      // A class prefers the tokens of its own third, so that there is something to learn.
      for (uint32_t i = 0; i < length; ++i) {
        const bool own = stream.uniform(2 + 2 * i) < 0.6;
        const uint32_t token = stream.below(3 + 2 * i, own ? 33 : 99);
        document.tokens.push_back(static_cast<int32_t>(own ? 33 * document.label + static_cast<int32_t>(token)
                                                           : static_cast<int32_t>(token)));
      }
      documents_[split].push_back(std::move(document));
    }
  }
}

const MemoryCorpus::Document& MemoryCorpus::document(Split split, int64_t number) const {
  return documents_.at(split).at(static_cast<size_t>(number));
}
int64_t MemoryCorpus::size(Split split) const {
  const auto found = documents_.find(split);
  return found == documents_.end() ? 0 : static_cast<int64_t>(found->second.size());
}
int64_t MemoryCorpus::total_tokens(Split, const std::string&) const {
  return 0;
}
TokenIds MemoryCorpus::tokens(Split split, const std::string&, int64_t number) const {
  return document(split, number).tokens;
}
int32_t MemoryCorpus::label(Split split, const std::string&, int64_t number) const {
  return document(split, number).label;
}
double MemoryCorpus::number(Split split, const std::string&, int64_t number) const {
  return document(split, number).label;
}
std::string MemoryCorpus::string(Split, const std::string&, int64_t number) const {
  return cat(number);
}

TwoLayerTask::TwoLayerTask(TwoLayerOptions options) : options_(options) {
  const int64_t hidden = options.hidden;
  const std::vector<std::pair<std::string, std::vector<int64_t>>> shapes{{"embedding.weight", {kVocabulary, hidden}},
                                                                         {"dense.weight", {hidden, hidden}},
                                                                         {"dense.bias", {hidden}},
                                                                         {"classifier.weight", {kClasses, hidden}},
                                                                         {"classifier.bias", {kClasses}}};
  for (const auto& [name, shape] : shapes) {
    Parameter parameter;
    parameter.name = name;
    parameter.tensor = random_values(mix(options.seed, parameters_.size()), shape, 0.2).requires_grad_(true);
    parameter.decay = shape.size() > 1;
    parameters_.push_back(parameter);
  }
}

int64_t TwoLayerTask::length(const ShardSet& corpus, Split split, int64_t document) const {
  return static_cast<int64_t>(corpus.tokens(split, "text", document).size());
}

Batch TwoLayerTask::make_batch(const ShardSet& corpus, Split split, const std::vector<int64_t>& documents,
                               uint64_t) const {
  Batch batch;
  batch.boundaries.push_back(0);
  for (const int64_t document : documents) {
    const TokenIds ids = corpus.tokens(split, "text", document);
    batch.tokens.insert(batch.tokens.end(), ids.begin(), ids.end());
    batch.boundaries.push_back(batch.total());
    batch.examples.push_back(document);
    batch.labels.push_back(corpus.label(split, "label", document));
  }
  return batch;
}

// Mean of the embeddings of each sequence, a hidden layer, dropout that belongs to the example, three classes.
at::Tensor TwoLayerTask::logits(const Batch& batch, const PassContext& pass) const {
  std::vector<int64_t> sequence_of;
  at::Tensor scale = at::empty({batch.sequences(), 1});
  at::Tensor keep = at::ones({batch.sequences(), options_.hidden});
  for (int64_t s = 0; s < batch.sequences(); ++s) {
    const int64_t length = batch.boundaries[s + 1] - batch.boundaries[s];
    sequence_of.insert(sequence_of.end(), static_cast<size_t>(length), s);
    scale[s][0] = 1.0 / static_cast<double>(length);
    if (!pass.training || options_.dropout == 0) continue;
    const RandomStream stream(
        mix(mix(mix(pass.seed, pass.step), static_cast<uint64_t>(batch.examples[s])), kDropoutSite));
    float* row = keep.data_ptr<float>() + s * options_.hidden;
    for (int64_t i = 0; i < options_.hidden; ++i)
      row[i] = stream.uniform(i) < options_.dropout ? 0.0f : static_cast<float>(1.0 / (1.0 - options_.dropout));
  }
  const at::Tensor embedded = parameters_[0].tensor.index_select(0, at::tensor(batch.tokens, at::kLong));
  const at::Tensor pooled =
      at::zeros({batch.sequences(), options_.hidden}).index_add(0, at::tensor(sequence_of, at::kLong), embedded) *
      scale;
  const at::Tensor hidden = at::tanh(at::linear(pooled, parameters_[1].tensor, parameters_[2].tensor)) * keep;
  return at::linear(hidden, parameters_[3].tensor, parameters_[4].tensor);
}

at::Tensor TwoLayerTask::loss_sum(const Batch& batch, const PassContext& pass) {
  if (batch.sequences() == 0) {
    at::Tensor zero = at::zeros({});
    for (const Parameter& parameter : parameters_) zero = zero + parameter.tensor.sum() * 0.0;
    return zero;
  }
  at::Tensor loss =
      at::cross_entropy_loss(logits(batch, pass), at::tensor(batch.labels, at::kLong), {}, at::Reduction::Sum);
  const int64_t since = static_cast<int64_t>(pass.step) - options_.not_finite_at;
  if (options_.not_finite_at >= 0 && since >= 0 && since < options_.not_finite_steps)
    loss = loss * std::numeric_limits<double>::infinity();
  return loss;
}

std::unique_ptr<Metrics> TwoLayerTask::make_metrics() const {
  return std::make_unique<AccuracyAndLoss>();
}

void TwoLayerTask::evaluate(const Batch& batch, Metrics& metrics) {
  const at::NoGradGuard no_grad;
  const at::Tensor scores = logits(batch, {});
  const at::Tensor labels = at::tensor(batch.labels, at::kLong);
  const double loss = at::cross_entropy_loss(scores, labels, {}, at::Reduction::Sum).item<double>();
  const double correct = scores.argmax(1).eq(labels).sum().item<double>();
  metrics.merge({static_cast<double>(batch.sequences()), correct, loss});
}

}  // namespace broadsheet
