// Packed execution against a padded one, which exists here only, and what shapes the operators see.
#include <ATen/record_function.h>
#include <gtest/gtest.h>

#include <cmath>
#include <mutex>
#include <numeric>
#include <set>

#include "core/text.h"
#include "tests/trainer/bert_fixture.h"
#include "trainer/models/bert.h"

namespace broadsheet {
namespace {

using fixtures::batch_of;
using fixtures::gradients;
using fixtures::max_difference;
using fixtures::random_sequences;

const std::vector<int64_t> kLengths = {11, 3, 29, 2, 17, 17, 8, 23};
constexpr int64_t kLongest = 29, kTotal = 110;

BertConfig packed_config() {
  BertConfig config;
  config.vocab_size = 90;
  config.hidden_size = 48;
  config.num_hidden_layers = 3;
  config.num_attention_heads = 4;  // a head size that is not the number of sequences
  config.intermediate_size = 77;
  config.max_position_embeddings = 64;
  config.initializer_range = 0.15;  // large, so that every part matters
  return config;
}

Batch masked_batch() {
  Batch batch = batch_of(random_sequences(kLengths, 90, 4));
  for (int64_t row = 1; row < batch.total(); row += 6) {
    batch.loss_rows.push_back(row);
    batch.labels.push_back(batch.tokens[row]);
    batch.tokens[row] = 4;
  }
  return batch;
}

// The usual padded execution with an additive mask, on the same parameters.
class PaddedBert {
 public:
  PaddedBert(BertModel& model) : config_(model.config()) {
    for (const Parameter& parameter : model.parameters()) weights_[parameter.name] = parameter.tensor;
  }

  // [sequences, longest, hidden]
  at::Tensor encode(const Batch& batch) const {
    const int64_t count = batch.sequences();
    at::Tensor tokens = at::zeros({count, kLongest}, at::kLong), types = at::zeros_like(tokens);
    at::Tensor mask = at::full({count, 1, 1, kLongest}, -1e30);
    for (int64_t s = 0; s < count; ++s) {
      for (int64_t row = batch.boundaries[s]; row < batch.boundaries[s + 1]; ++row) {
        const int64_t column = row - batch.boundaries[s];
        tokens[s][column] = batch.tokens[row];
        types[s][column] = batch.token_types[row];
        mask[s][0][0][column] = 0;
      }
    }
    at::Tensor hidden = at::embedding(weight("bert.embeddings.word_embeddings"), tokens) +
                        at::embedding(weight("bert.embeddings.token_type_embeddings"), types) +
                        weight("bert.embeddings.position_embeddings").narrow(0, 0, kLongest);
    hidden = norm(hidden, "bert.embeddings.LayerNorm");
    for (int64_t number = 0; number < config_.num_hidden_layers; ++number) {
      const std::string layer = cat("bert.encoder.layer.", number, ".");
      const auto heads = [&](const char* part) {
        return dense(hidden, layer + "attention.self." + part)
            .view({count, kLongest, config_.num_attention_heads, config_.head_size()})
            .transpose(1, 2);
      };
      const at::Tensor scores =
          at::matmul(heads("query"), heads("key").transpose(2, 3)) / std::sqrt(config_.head_size());
      const at::Tensor context = at::matmul(at::softmax(scores + mask, -1), heads("value"));
      const at::Tensor flat = context.transpose(1, 2).reshape({count, kLongest, config_.hidden_size});
      const at::Tensor middle =
          norm(dense(flat, layer + "attention.output.dense") + hidden, layer + "attention.output.LayerNorm");
      const at::Tensor wide = at::gelu(dense(middle, layer + "intermediate.dense"));
      hidden = norm(dense(wide, layer + "output.dense") + middle, layer + "output.LayerNorm");
    }
    return hidden;
  }

  at::Tensor masked_lm_loss(const Batch& batch) const {
    const at::Tensor hidden = encode(batch);
    at::Tensor targets = at::full({batch.sequences(), kLongest}, -100, at::kLong);
    for (size_t i = 0; i < batch.loss_rows.size(); ++i) {
      int64_t s = 0;
      while (batch.boundaries[s + 1] <= batch.loss_rows[i]) ++s;
      targets[s][batch.loss_rows[i] - batch.boundaries[s]] = batch.labels[i];
    }
    const at::Tensor transformed =
        norm(at::gelu(dense(hidden, "cls.predictions.transform.dense")), "cls.predictions.transform.LayerNorm");
    const at::Tensor logits =
        at::linear(transformed, weight("bert.embeddings.word_embeddings"), weights_.at("cls.predictions.bias"));
    return at::cross_entropy_loss(logits.view({-1, config_.vocab_size}), targets.view({-1}), {}, at::Reduction::Sum);
  }

  at::Tensor logits(const Batch& batch) const {
    return dense(at::tanh(dense(encode(batch).select(1, 0), "bert.pooler.dense")), "classifier");
  }

 private:
  const at::Tensor& weight(const std::string& name) const { return weights_.at(name + ".weight"); }
  at::Tensor dense(const at::Tensor& x, const std::string& name) const {
    return at::linear(x, weight(name), weights_.at(name + ".bias"));
  }
  at::Tensor norm(const at::Tensor& x, const std::string& name) const {
    return at::layer_norm(x, {config_.hidden_size}, weight(name), weights_.at(name + ".bias"), config_.layer_norm_eps);
  }
  BertConfig config_;
  std::map<std::string, at::Tensor> weights_;
};

at::Tensor ids(const std::vector<int64_t>& values) {
  return at::tensor(at::ArrayRef<int64_t>(values), at::kLong);
}

void expect_equal_gradients(const at::Tensor& packed, const at::Tensor& padded, BertModel& model) {
  const auto mine = gradients(packed, model.parameters()), theirs = gradients(padded, model.parameters());
  ASSERT_EQ(mine.size(), theirs.size());
  for (const auto& [name, gradient] : theirs) {
    EXPECT_LT(max_difference(mine.at(name), gradient), 1e-5 * std::max(1.0, gradient.abs().max().item<double>()))
        << name;
  }
}

TEST(Packed, MaskedLmEqualsThePaddedReferenceForwardAndBackward) {
  BertModel model(packed_config(), {.masked_lm = true}, 1);
  const Batch batch = masked_batch();
  const PackedInput input = to_input(batch, at::kCPU);
  const at::Tensor hidden = model.encode(input, {});
  const at::Tensor padded = PaddedBert(model).encode(batch);
  for (int64_t s = 0; s < batch.sequences(); ++s) {
    EXPECT_LT(max_difference(hidden.narrow(0, batch.boundaries[s], kLengths[s]), padded[s].narrow(0, 0, kLengths[s])),
              1e-5);
  }
  const at::Tensor logits = model.lm_logits(hidden.index_select(0, ids(batch.loss_rows)));
  const at::Tensor loss = at::cross_entropy_loss(logits, ids(batch.labels), {}, at::Reduction::Sum);
  const at::Tensor reference = PaddedBert(model).masked_lm_loss(batch);
  EXPECT_NEAR(loss.item<double>(), reference.item<double>(), 1e-5 * reference.item<double>());
  expect_equal_gradients(loss / batch.total(), reference / batch.total(), model);
}

TEST(Packed, ClassificationEqualsThePaddedReferenceForwardAndBackward) {
  BertModel model(packed_config(), {.labels = 4}, 1);
  const Batch batch = masked_batch();
  const PackedInput input = to_input(batch, at::kCPU);
  const at::Tensor packed = model.classify(model.encode(input, {}), input, {});
  const at::Tensor padded = PaddedBert(model).logits(batch);
  EXPECT_LT(max_difference(packed, padded), 1e-5);
  expect_equal_gradients(packed.square().mean(), padded.square().mean(), model);
}

// Input shapes of every operator that runs while it lives, backward included.
class ShapeRecorder {
 public:
  struct Call {
    std::string operation;
    std::vector<std::vector<int64_t>> shapes;
  };
  ShapeRecorder() {
    current() = this;
    handle_ = at::addGlobalCallback(
        at::RecordFunctionCallback(&ShapeRecorder::start).needsInputs(true).scopes({at::RecordScope::FUNCTION}));
  }
  ~ShapeRecorder() {
    at::removeCallback(handle_);
    current() = nullptr;
  }
  const std::vector<Call>& calls() const { return calls_; }

 private:
  static ShapeRecorder*& current() {
    static ShapeRecorder* recorder = nullptr;
    return recorder;
  }
  static std::unique_ptr<at::ObserverContext> start(const at::RecordFunction& function) {
    Call call = {function.name(), {}};
    for (const c10::IValue& value : function.inputs()) {
      if (value.isTensor() && value.toTensor().defined()) call.shapes.push_back(value.toTensor().sizes().vec());
    }
    const std::lock_guard<std::mutex> lock(current()->mutex_);
    current()->calls_.push_back(std::move(call));
    return nullptr;
  }
  std::mutex mutex_;
  std::vector<Call> calls_;
  at::CallbackHandle handle_ = 0;
};

// Rows of the activations that go into the linear layers, in order.
std::vector<int64_t> linear_rows(const ShapeRecorder& recorder) {
  std::vector<int64_t> rows;
  for (const ShapeRecorder::Call& call : recorder.calls()) {
    if (call.operation == "aten::linear") rows.push_back(call.shapes.at(0).at(0));
  }
  return rows;
}

void expect_no_padded_tensor(const ShapeRecorder& recorder) {
  const auto count = static_cast<int64_t>(kLengths.size());
  const std::set<int64_t> widths = {kLongest, packed_config().max_position_embeddings};
  EXPECT_GT(recorder.calls().size(), 200u);
  for (const ShapeRecorder::Call& call : recorder.calls()) {
    for (const std::vector<int64_t>& shape : call.shapes) {
      for (size_t i = 0; i + 1 < shape.size(); ++i) {
        EXPECT_FALSE(shape[i] == count && widths.count(shape[i + 1])) << call.operation;
      }
      for (const int64_t width : widths) {
        EXPECT_FALSE(!shape.empty() && shape[0] == count * width) << call.operation;
      }
    }
  }
}

TEST(Packed, LinearLayersSeeOneRowPerTokenAndTheHeadOneRowPerMask) {
  BertModel model(packed_config(), {.masked_lm = true}, 1);
  const Batch batch = masked_batch();
  ASSERT_EQ(batch.total(), kTotal);
  const auto masked = static_cast<int64_t>(batch.loss_rows.size());
  const ShapeRecorder recorder;
  const at::Tensor hidden = model.encode(to_input(batch, at::kCPU), {.training = true});
  const at::Tensor logits = model.lm_logits(hidden.index_select(0, ids(batch.loss_rows)));
  gradients(at::cross_entropy_loss(logits, ids(batch.labels)), model.parameters());
  std::vector<int64_t> wanted(6 * 3, kTotal);
  wanted.insert(wanted.end(), 2, masked);
  EXPECT_EQ(linear_rows(recorder), wanted);
  expect_no_padded_tensor(recorder);
}

TEST(Packed, TheClassifierSeesOneRowPerSequence) {
  BertModel model(packed_config(), {.labels = 4}, 1);
  const PackedInput input = to_input(masked_batch(), at::kCPU);
  const ShapeRecorder recorder;
  gradients(model.classify(model.encode(input, {.training = true}), input, {.training = true}).sum(),
            model.parameters());
  std::vector<int64_t> wanted(6 * 3, kTotal);
  wanted.insert(wanted.end(), 2, static_cast<int64_t>(kLengths.size()));
  EXPECT_EQ(linear_rows(recorder), wanted);
  expect_no_padded_tensor(recorder);
}

}  // namespace
}  // namespace broadsheet
