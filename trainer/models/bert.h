// BERT (Devlin et al. 2018) on packed sequences, with the names and the numbers of transformers' modules.
// Every linear layer runs on [total tokens, ...]; attention runs per sequence; there is no padded tensor.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/models/bert_config.h"
#include "trainer/models/linear.h"
#include "trainer/models/model.h"

namespace broadsheet {

// Which head sits on the encoder. A head that is not asked for has no parameters: one that the loss never uses would
// stall the gradient reduction.
struct BertHeads {
  bool masked_lm = false;  // cls.predictions.*, its decoder tied to the word embeddings unless config.json says not
  int64_t labels = 0;      // > 0: bert.pooler.* and classifier.* with so many outputs
  // When reading a folder: take its classifier if it has one (false: a new one, e.g. because the classes differ).
  bool keep_classifier = true;
};

// A parameter before it exists.
struct ParameterSpec {
  enum class Init { kNormal, kZeros, kOnes };
  std::string name;
  std::vector<int64_t> shape;
  Init init = Init::kNormal;
  bool decay = true;
  int64_t layer = -1;  // as Parameter::layer
};
std::vector<ParameterSpec> bert_parameters(const BertConfig& config, const BertHeads& heads);

enum class DropoutSite : uint64_t;  // trainer/models/dropout.h

class BertModel {
 public:
  // From a folder's weights: shapes are checked before memory is taken. A head that the folder lacks is initialised
  // from `seed` and reported as missing; a missing encoder tensor is UserError("model.missing_tensor").
  BertModel(const BertConfig& config, const BertHeads& heads, const WeightFiles& files, uint64_t seed,
            ModelValues values = ModelValues::kRead);
  // From scratch: normal(0, initializer_range) weights with a zero row for padding, zero biases, LayerNorm ones.
  // UserError("model.too_large") above 4e9 parameters.
  BertModel(const BertConfig& config, const BertHeads& heads, uint64_t seed, ModelValues values = ModelValues::kRead);

  const BertConfig& config() const { return config_; }
  // Handles to the tensors that the forward pass reads: changing one in place changes the model.
  ParameterList& parameters() { return parameters_; }
  const ParameterList& parameters() const { return parameters_; }
  const LoadReport& load_report() const { return report_; }

  // Whether nothing below the head is trained. Such a trunk runs without graph, dropout or autocast, in training as in
  // evaluation: its outputs are a function of the text alone (Note [A frozen trunk is computed once]).
  bool trunk_is_frozen() const;
  // Last hidden states [total, hidden], float32.
  at::Tensor encode(const PackedInput& input, const PassContext& pass) const;
  // Logits [rows, vocabulary], float32, of hidden states [rows, hidden].
  at::Tensor masked_lm_logits(const at::Tensor& hidden) const;
  // Of hidden states [total, hidden] those of the first token of each sequence [sequences, hidden].
  at::Tensor first_rows(const at::Tensor& hidden, const PackedInput& input) const;
  // Logits [sequences, labels], float32, of such rows; examples: keys of their random streams.
  at::Tensor classify(const at::Tensor& rows, const std::vector<int64_t>& examples, const PassContext& pass) const;
  // Both in one.
  at::Tensor classify(const at::Tensor& hidden, const PackedInput& input, const PassContext& pass) const {
    return classify(first_rows(hidden, input), input.examples, pass);
  }

 private:
  struct Norm {
    at::Tensor weight, bias;
    double epsilon = 0;
    // In float32 whatever comes in.
    at::Tensor operator()(const at::Tensor& x) const;
  };
  struct Layer {
    Linear query, key, value, attention_output, intermediate, output;
    Norm attention_norm, output_norm;
  };

  at::Tensor run_trunk(const PackedInput& input, const PassContext& pass) const;
  void allocate();
  void settle(ModelValues values, uint64_t seed);
  void initialise(const std::vector<std::string>& names, uint64_t seed);
  void connect(const BertHeads& heads);
  const at::Tensor& tensor(const std::string& name) const;
  Linear linear(const std::string& name) const;
  Norm norm(const std::string& name) const;
  at::Tensor activate(const at::Tensor& x) const;
  at::Tensor run_layer(int64_t number, const at::Tensor& hidden, const PackedInput& input,
                       const PassContext& pass) const;
  at::Tensor drop(const at::Tensor& rows, const PackedInput& input, const PassContext& pass, int64_t layer,
                  DropoutSite site) const;

  BertConfig config_;
  ParameterList parameters_;
  std::vector<ParameterSpec> specs_;
  LoadReport report_;
  at::Tensor word_embeddings_, position_embeddings_, type_embeddings_;
  Norm embedding_norm_;
  std::vector<Layer> layers_;
  Linear transform_, decoder_, pooler_, classifier_;
  Norm transform_norm_;
};

}  // namespace broadsheet
