// What the tests of models and tasks share: golden files, batches from lists of ids, a corpus in memory.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "checkpoints/safetensors.h"
#include "data/batch.h"
#include "data/shards.h"
#include "data/tokenizers/tokenizer.h"
#include "trainer/models/bert.h"
#include "trainer/tasks/task.h"

namespace broadsheet::fixtures {

std::string golden_folder(const std::string& name);  // tests/golden/bert/<name>
nlohmann::json read_json(const std::string& path);
std::map<std::string, at::Tensor> read_tensors(const std::string& path);
double max_difference(const at::Tensor& a, const at::Tensor& b);

// A folder of its own, removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};
// Writes a model folder as a test wants it: config.json and model.safetensors, nothing else.
void write_folder(const std::string& folder, const nlohmann::json& config,
                  const std::map<std::string, at::Tensor>& tensors);

// The weights of `folder`, and what it lacks drawn from `seed`.
BertModel load_bert(const std::string& folder, const ModelHeads& heads = {}, uint64_t seed = 1);
// What the UserError of `action` says, or "no error".
std::string error_of(const std::function<void()>& action);

// Sequences laid end to end, with the labels of the golden files: int (class), float (score) or a list with -100
// outside the masked positions. Examples are numbered from `first_example`.
Batch batch_of(const nlohmann::json& sequences, int64_t first_example = 0);
// The sequences of `batch` in another order or a part of them; every example keeps its number.
Batch select(const Batch& batch, const std::vector<int64_t>& sequences);
// Random sequences of these lengths over ids 5..vocabulary-1 with a class, a score and masked positions.
nlohmann::json random_sequences(const std::vector<int64_t>& lengths, int64_t vocabulary, uint64_t seed);

// Gradients of `loss` by parameter name.
std::map<std::string, at::Tensor> gradients(const at::Tensor& loss, const ParameterList& parameters);

// 50 tokens: [PAD] [UNK] [CLS] [SEP] [MASK] w5 ... w49; a text is words between blanks.
class WordTokenizer : public Tokenizer {
 public:
  WordTokenizer();
  void encode_into(std::string_view text, std::vector<int32_t>& ids) const override;
  std::string decode(const std::vector<int32_t>& ids) const override;
  int32_t vocab_size() const override { return static_cast<int32_t>(tokens_.size()); }
  const std::string& token(int32_t id) const override { return tokens_.at(static_cast<size_t>(id)); }
  SpecialTokens special_tokens() const override { return {0, 1, 2, 3, 4}; }
  bool continues_word(int32_t) const override { return false; }
  const std::string& fingerprint() const override { return fingerprint_; }

 private:
  std::vector<std::string> tokens_;
  std::string fingerprint_ = "words";
};

// The same documents in every split; fields text, pair (text), mood (label), score, and topics (labels, the same
// classes), words and their tags.
class MemoryCorpus : public ShardSet {
 public:
  struct Document {
    std::vector<int32_t> text, pair;
    int32_t label = 0;
    double score = 0;
    std::vector<int32_t> labels = {};
  };
  MemoryCorpus(std::vector<Document> documents, const std::vector<std::string>& classes);
  const std::string& folder() const override { return name_; }
  const std::string& name() const override { return name_; }
  const std::string& fingerprint() const override { return name_; }
  const std::string& tokenizer_fingerprint() const override { return name_; }
  const std::vector<FieldInfo>& fields() const override { return fields_; }
  int64_t size(Split) const override { return static_cast<int64_t>(documents_.size()); }
  int64_t total_tokens(Split, const std::string&) const override { return 0; }
  TokenIds tokens(Split, const std::string& field, int64_t document) const override;
  int32_t label(Split, const std::string&, int64_t document) const override { return at(document).label; }
  // Of "tags": one of O, B-X and I-X for each word of "words", which are those of the text.
  std::vector<int32_t> labels(Split, const std::string& field, int64_t document) const override;
  std::vector<std::string> list(Split, const std::string& field, int64_t document) const override;
  double number(Split, const std::string&, int64_t document) const override { return at(document).score; }
  std::string string(Split, const std::string&, int64_t) const override { return ""; }

 private:
  const Document& at(int64_t document) const { return documents_.at(static_cast<size_t>(document)); }
  std::vector<Document> documents_;
  std::vector<FieldInfo> fields_;
  std::string name_ = "memory";
};
std::shared_ptr<const ShardSet> random_corpus(int64_t documents, uint64_t seed);
// A small BERT from scratch for one kind of task on that corpus, or a small GPT-2: "causal_lm", "generation" (of
// the pair from the text), "gpt2 classification".
TaskRequest request_for(const std::string& kind);

}  // namespace broadsheet::fixtures
