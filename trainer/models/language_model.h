// What tasks use of a model, whatever its architecture: a trunk that turns packed sequences into hidden states, and the
// head that was asked for.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "trainer/models/architecture.h"
#include "trainer/models/key_value_cache.h"
#include "trainer/models/linear.h"
#include "trainer/models/model.h"
#include "trainer/models/norm.h"

namespace broadsheet {

// Which head sits on the trunk. A head that is not asked for has no parameters: one that the loss never uses would
// stall the gradient reduction.
struct ModelHeads {
  bool masked_lm = false;  // of models whose tokens see the whole sequence
  bool causal_lm = false;  // of models whose tokens see those before them
  int64_t labels = 0;      // > 0: a classifier of the sequence with so many outputs
  int64_t tags = 0;        // > 0: a classifier of every token with so many outputs
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
  int64_t layer = -1;     // as Parameter::layer
  double scale = 1;       // kNormal: of the standard deviation
  int64_t zero_row = -1;  // that begins as zeros; -1: none
};
void add_dense_specs(std::vector<ParameterSpec>& specs, const std::string& name, int64_t out, int64_t in,
                     int64_t layer);
void add_norm_specs(std::vector<ParameterSpec>& specs, const std::string& name, int64_t size, int64_t layer);
inline constexpr char kTagger[] = "classifier";  // of tokens: its name in every architecture

class LanguageModel {
 public:
  virtual ~LanguageModel() = default;

  // Handles to the tensors that the forward pass reads: changing one in place changes the model.
  ParameterList& parameters() { return parameters_; }
  const ParameterList& parameters() const { return parameters_; }
  const LoadReport& load_report() const { return report_; }

  // Whether nothing below the head is trained. Such a trunk runs without graph, dropout or autocast, in training as in
  // evaluation: its outputs are a function of the text alone (Note [A frozen trunk is computed once]).
  bool trunk_is_frozen() const;
  // Last hidden states [total, hidden], float32.
  at::Tensor encode(const PackedInput& input, const PassContext& pass) const;
  // Causal models: the same of tokens that go on the sequences of `cache`, one of `input` for each of them, whose keys
  // and values it gets. Their positions are the input's. To be called without graph; there is no dropout.
  virtual at::Tensor encode_next(const PackedInput& input, KeyValueCache& cache) const;

  // Logits [rows, vocabulary], float32, of hidden states [rows, hidden]; needs a language model's head.
  virtual at::Tensor lm_logits(const at::Tensor& hidden) const = 0;
  // Causal models: the matrix [vocabulary, hidden] whose product with the hidden states is the logits.
  virtual const at::Tensor& lm_weight() const;
  // Of hidden states [total, hidden] those that the classifier reads, one of each sequence [sequences, hidden].
  virtual at::Tensor head_rows(const at::Tensor& hidden, const PackedInput& input) const = 0;
  // Logits [sequences, labels], float32, of such rows; examples: keys of their random streams.
  virtual at::Tensor classify(const at::Tensor& rows, const std::vector<int64_t>& examples,
                              const PassContext& pass) const = 0;
  // Logits [rows.size(), tags], float32, of these rows of hidden states [total, hidden].
  at::Tensor tag(const at::Tensor& hidden, const std::vector<int64_t>& rows, const PackedInput& input,
                 const PassContext& pass) const;
  // The linear layers of the trunk, a pooler among them, in order: those that an adapter may be hung into.
  virtual std::vector<Linear*> branch_points() = 0;
  // Both in one.
  at::Tensor classify(const at::Tensor& hidden, const PackedInput& input, const PassContext& pass) const {
    return classify(head_rows(hidden, input), input.examples, pass);
  }

 protected:
  explicit LanguageModel(std::vector<ParameterSpec> specs) : specs_(std::move(specs)) {}

  // Makes the parameters from a folder's weights: shapes are checked before memory is taken. Names below the trunk's
  // prefix (that of the first parameter, "bert.") are found without it too. A missing tensor of the trunk is
  // UserError("model.missing_tensor"); what the head lacks, and all names that begin with `renewed` (empty: none), are
  // to be drawn, and reported as missing.
  void read_parameters(const WeightFiles& files, const std::string& renewed, ModelValues values);
  // From scratch: all are to be drawn. UserError("model.too_large") above 4e9 parameters.
  void make_parameters();
  // Draws what is missing: normal values of the given standard deviation, zeros and ones, by seed and name alone.
  void settle(ModelValues values, uint64_t seed, double deviation);
  const at::Tensor& tensor(const std::string& name) const;
  // Of the parameters <name>.weight and <name>.bias (where there is one).
  Linear linear(const std::string& name, bool transposed = false) const;
  Norm norm(const std::string& name, double epsilon) const;

  virtual at::Tensor run_trunk(const PackedInput& input, const PassContext& pass) const = 0;
  // The rate before the classifier of tokens.
  virtual double tag_dropout() const = 0;

  LoadReport report_;
  Linear tagger_;  // where there is one

 private:
  void allocate();
  void check_before_allocating(const WeightFiles& files, const std::string& renewed) const;
  void initialise(uint64_t seed, double deviation);
  std::vector<std::string> aliases_of(const std::string& name) const;

  std::vector<ParameterSpec> specs_;
  ParameterList parameters_;
};

// The model of an architecture, its values from `files` or (nullptr) drawn from `seed`. UserError("task.model") for a
// head that the architecture has not.
std::unique_ptr<LanguageModel> make_model(const Architecture& architecture, const ModelHeads& heads,
                                          const WeightFiles* files, uint64_t seed,
                                          ModelValues values = ModelValues::kRead);

}  // namespace broadsheet
