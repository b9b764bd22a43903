// A BERT of two layers with dropout for the corpus of two_layer_task.h.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/tokenizers/tokenizer.h"
#include "trainer/tasks/task.h"

namespace broadsheet {

// The hundred tokens of MemoryCorpus and five special ones.
class CountingTokenizer : public Tokenizer {
 public:
  void encode_into(std::string_view, std::vector<int32_t>&) const override {}
  std::string decode(const std::vector<int32_t>&) const override { return ""; }
  int32_t vocab_size() const override { return 105; }
  const std::string& token(int32_t) const override { return name_; }
  SpecialTokens special_tokens() const override { return {100, 101, 102, 103, 104}; }
  bool continues_word(int32_t) const override { return false; }
  const std::string& fingerprint() const override { return name_; }

 private:
  std::string name_ = "counting";
};

inline std::unique_ptr<Task> small_bert(const std::string& kind, const std::string& calibration = "none") {
  TaskRequest request;
  request.model.architecture = "bert";
  request.model.config = {{"vocab_size", 105},          {"hidden_size", 32},
                          {"num_hidden_layers", 2},     {"num_attention_heads", 4},
                          {"intermediate_size", 64},    {"max_position_embeddings", 32},
                          {"hidden_dropout_prob", 0.2}, {"attention_probs_dropout_prob", 0.2},
                          {"initializer_range", 0.2}};
  request.task.kind = kind;
  request.task.text = "text";
  request.task.label = "label";
  request.task.score = "score";
  request.task.calibration = calibration;
  request.max_length = 32;
  request.seed = 4;
  request.classes = {"a", "b", "c"};
  request.tokenizer = std::make_shared<CountingTokenizer>();
  return make_task(request);
}

}  // namespace broadsheet
