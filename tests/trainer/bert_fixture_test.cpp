// The shared helpers, with tests of their own: a wrong helper would make other tests prove nothing.
#include "tests/trainer/bert_fixture.h"

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "core/errors.h"
#include "core/random.h"
#include "core/text.h"

namespace broadsheet::fixtures {
namespace {

at::ScalarType type_of(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return at::kFloat;
    case DType::kFloat64:
      return at::kDouble;
    case DType::kInt64:
      return at::kLong;
    case DType::kFloat16:
      return at::kHalf;
    case DType::kBFloat16:
      return at::kBFloat16;
    default:
      throw std::runtime_error("a type that no golden file has");
  }
}

DType dtype_of(const at::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case at::kFloat:
      return DType::kFloat32;
    case at::kHalf:
      return DType::kFloat16;
    case at::kBFloat16:
      return DType::kBFloat16;
    case at::kLong:
      return DType::kInt64;
    default:
      throw std::runtime_error("a type that no test writes");
  }
}

}  // namespace

std::string golden_folder(const std::string& name) {
  return cat(BROADSHEET_SOURCE_DIR, "/tests/golden/bert/", name);
}

nlohmann::json read_json(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  return nlohmann::json::parse(file);
}

std::map<std::string, at::Tensor> read_tensors(const std::string& path) {
  const SafetensorsFile file = SafetensorsFile::open(path);
  std::map<std::string, at::Tensor> tensors;
  for (const TensorView& view : file.tensors()) {
    void* bytes = const_cast<std::byte*>(view.bytes.data());
    tensors[view.name] = at::from_blob(bytes, view.shape, at::dtype(type_of(view.dtype))).clone();
  }
  return tensors;
}

double max_difference(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes()) throw std::runtime_error("shapes differ");
  if (a.numel() == 0) return 0;
  return (a.detach().to(at::kDouble) - b.detach().to(at::kDouble)).abs().max().item<double>();
}

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "broadsheet-test-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = pattern;
}
TemporaryFolder::~TemporaryFolder() {
  std::filesystem::remove_all(path_);
}

void write_folder(const std::string& folder, const nlohmann::json& config,
                  const std::map<std::string, at::Tensor>& tensors) {
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/config.json") << config.dump(2);
  std::vector<TensorView> views;
  for (const auto& [name, tensor] : tensors) {
    const auto* bytes = static_cast<const std::byte*>(tensor.const_data_ptr());
    views.push_back({name, dtype_of(tensor), tensor.sizes().vec(), {bytes, tensor.nbytes()}});
  }
  write_safetensors(folder + "/model.safetensors", views, {{"format", "pt"}});
}

BertModel load_bert(const std::string& folder, const ModelHeads& heads, uint64_t seed) {
  const BertConfig config = read_bert_config(read_json(folder + "/config.json"), folder + "/config.json");
  return BertModel(config, heads, WeightFiles::open(folder), seed);
}

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

Batch batch_of(const nlohmann::json& sequences, int64_t first_example) {
  Batch batch;
  batch.boundaries = {0};
  for (const nlohmann::json& sequence : sequences) {
    const int64_t begin = batch.total();
    for (size_t i = 0; i < sequence["ids"].size(); ++i) {
      batch.tokens.push_back(sequence["ids"][i]);
      batch.token_types.push_back(sequence["token_types"][i]);
      batch.positions.push_back(static_cast<int64_t>(i));
    }
    batch.boundaries.push_back(batch.total());
    batch.examples.push_back(first_example + batch.sequences());
    batch.documents.push_back(batch.examples.back());
    const nlohmann::json labels = sequence.value("labels", nlohmann::json());
    if (labels.is_number_integer()) batch.labels.push_back(labels);
    if (labels.is_number_float()) batch.targets.push_back(labels);
    for (size_t i = 0; labels.is_array() && i < labels.size(); ++i) {
      if (labels[i] == -100) continue;
      batch.labels.push_back(labels[i]);
      batch.loss_rows.push_back(begin + static_cast<int64_t>(i));
    }
  }
  return batch;
}

Batch select(const Batch& batch, const std::vector<int64_t>& sequences) {
  Batch part;
  part.boundaries = {0};
  for (const int64_t s : sequences) {
    const int64_t begin = batch.boundaries[s], end = batch.boundaries[s + 1], shift = part.total() - begin;
    for (int64_t row = begin; row < end; ++row) {
      part.tokens.push_back(batch.tokens[row]);
      part.positions.push_back(batch.positions[row]);
      part.token_types.push_back(batch.token_types[row]);
    }
    part.boundaries.push_back(part.total());
    part.examples.push_back(batch.examples[s]);
    part.documents.push_back(batch.documents[s]);
    if (batch.loss_rows.empty() && !batch.labels.empty()) part.labels.push_back(batch.labels[s]);
    if (!batch.targets.empty()) part.targets.push_back(batch.targets[s]);
    for (size_t i = 0; i < batch.loss_rows.size(); ++i) {
      if (batch.loss_rows[i] < begin || batch.loss_rows[i] >= end) continue;
      part.labels.push_back(batch.labels[i]);
      part.loss_rows.push_back(batch.loss_rows[i] + shift);
    }
  }
  return part;
}

nlohmann::json random_sequences(const std::vector<int64_t>& lengths, int64_t vocabulary, uint64_t seed) {
  const RandomStream stream(seed);
  uint64_t next = 0;
  nlohmann::json sequences = nlohmann::json::array();
  for (const int64_t length : lengths) {
    std::vector<int64_t> ids, types;
    for (int64_t i = 0; i < length; ++i) {
      ids.push_back(5 + stream.below(next++, static_cast<uint32_t>(vocabulary - 5)));
      types.push_back(i > length / 2 ? 1 : 0);
    }
    ids.front() = 2;
    ids.back() = 3;
    sequences.push_back({{"ids", ids}, {"token_types", types}});
  }
  return sequences;
}

std::map<std::string, at::Tensor> gradients(const at::Tensor& loss, const ParameterList& parameters) {
  std::vector<at::Tensor> leaves;
  for (const Parameter& parameter : parameters) {
    if (parameter.tensor.requires_grad()) leaves.push_back(parameter.tensor);
  }
  const std::vector<at::Tensor> all = torch::autograd::grad({loss}, leaves);  // throws for one that is not in the graph
  std::map<std::string, at::Tensor> by_name;
  size_t next = 0;
  for (const Parameter& parameter : parameters) {
    if (parameter.tensor.requires_grad()) by_name[parameter.name] = all[next++];
  }
  return by_name;
}

WordTokenizer::WordTokenizer() : tokens_({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}) {
  for (int i = 5; i < 50; ++i) tokens_.push_back(cat("w", i));
}

void WordTokenizer::encode_into(std::string_view text, std::vector<int32_t>& ids) const {
  std::istringstream words{std::string(text)};
  for (std::string word; words >> word;) {
    const auto found = std::find(tokens_.begin(), tokens_.end(), word);
    ids.push_back(found == tokens_.end() ? 1 : static_cast<int32_t>(found - tokens_.begin()));
  }
}

std::string WordTokenizer::decode(const std::vector<int32_t>& ids) const {
  std::string text;
  for (const int32_t id : ids) text += (text.empty() ? "" : " ") + token(id);
  return text;
}

MemoryCorpus::MemoryCorpus(std::vector<Document> documents, const std::vector<std::string>& classes)
    : documents_(std::move(documents)) {
  fields_ = {{"text", FieldKind::kText, {}},
             {"pair", FieldKind::kText, {}},
             {"mood", FieldKind::kLabel, classes},
             {"score", FieldKind::kScore, {}},
             {"topics", FieldKind::kLabels, classes},
             {"words", FieldKind::kList, {}},
             {"tags", FieldKind::kTags, {"O", "B-X", "I-X"}}};
}

std::vector<int32_t> MemoryCorpus::labels(Split, const std::string& field, int64_t document) const {
  if (field != "tags") return at(document).labels;
  std::vector<int32_t> tags;
  for (const int32_t id : at(document).text) tags.push_back(id % 3);
  return tags;
}

std::vector<std::string> MemoryCorpus::list(Split, const std::string& field, int64_t document) const {
  std::vector<std::string> words;
  for (size_t i = 0; field == "words" && i < at(document).text.size(); ++i)
    words.push_back(WordTokenizer().token(at(document).text[i]));
  return words;
}

TokenIds MemoryCorpus::tokens(Split, const std::string& field, int64_t document) const {
  return field == "pair" ? at(document).pair : at(document).text;
}

std::shared_ptr<const ShardSet> random_corpus(int64_t documents, uint64_t seed) {
  const RandomStream stream(seed);
  uint64_t next = 0;
  std::vector<MemoryCorpus::Document> all(static_cast<size_t>(documents));
  for (MemoryCorpus::Document& document : all) {
    const auto words = [&](uint32_t most) {
      std::vector<int32_t> ids(1 + stream.below(next++, most));
      for (int32_t& id : ids) id = static_cast<int32_t>(5 + stream.below(next++, 45));
      return ids;
    };
    document.text = words(25);
    document.pair = words(8);
    document.label = static_cast<int32_t>(stream.below(next++, 3));
    document.score = stream.uniform(next++) * 8 - 4;
    for (int32_t topic = 0; topic < 3; ++topic) {
      if ((document.text.front() + document.label + topic) % 2 == 0) document.labels.push_back(topic);
    }
  }
  return std::make_shared<MemoryCorpus>(std::move(all), std::vector<std::string>{"bad", "fair", "good"});
}

namespace {

TEST(Fixture, APartOfABatchKeepsItsRowsLabelsAndNumbers) {
  const nlohmann::json sequences = {
      {{"ids", {2, 7, 3}}, {"token_types", {0, 0, 0}}, {"labels", {-100, 9, -100}}},
      {{"ids", {2, 3}}, {"token_types", {0, 0}}, {"labels", {-100, -100}}},
      {{"ids", {2, 8, 6, 3}}, {"token_types", {0, 1, 1, 1}}, {"labels", {-100, 5, 6, -100}}}};
  const Batch part = select(batch_of(sequences, 10), {2, 0});
  EXPECT_EQ(part.tokens, (std::vector<int64_t>{2, 8, 6, 3, 2, 7, 3}));
  EXPECT_EQ(part.token_types, (std::vector<int64_t>{0, 1, 1, 1, 0, 0, 0}));
  EXPECT_EQ(part.positions, (std::vector<int64_t>{0, 1, 2, 3, 0, 1, 2}));
  EXPECT_EQ(part.boundaries, (std::vector<int64_t>{0, 4, 7}));
  EXPECT_EQ(part.examples, (std::vector<int64_t>{12, 10}));
  EXPECT_EQ(part.labels, (std::vector<int64_t>{5, 6, 9}));
  EXPECT_EQ(part.loss_rows, (std::vector<int64_t>{1, 2, 5}));
}

}  // namespace
TaskRequest request_for(const std::string& asked) {
  TaskRequest request;
  const bool gpt2 = asked == "causal_lm" || asked == "generation" || starts_with(asked, "gpt2 ");
  const std::string kind = starts_with(asked, "gpt2 ") ? asked.substr(5) : asked;
  request.model.architecture = "bert";
  request.model.config = {{"hidden_size", 32},       {"num_hidden_layers", 2},        {"num_attention_heads", 4},
                          {"intermediate_size", 48}, {"max_position_embeddings", 40}, {"initializer_range", 0.1}};
  if (gpt2) {
    request.model.architecture = "gpt2";
    request.model.config = {
        {"n_embd", 32}, {"n_layer", 2}, {"n_head", 4}, {"n_positions", 40}, {"initializer_range", 0.1}};
  }
  request.task.kind = kind;
  request.task.text = "text";
  if (kind == "classification") {
    request.task.label = "mood";
    request.classes = {"bad", "fair", "good"};
  }
  if (kind == "regression") request.task.score = "score";
  if (kind == "tagging") {
    request.task.words = "words";
    request.task.tags = "tags";
    request.classes = {"O", "B-X", "I-X"};
  }
  if (kind == "generation") {
    request.task.text = "";
    request.task.prompt = "w5 {text} w6";
    request.task.target = "pair";
    request.task.max_new_tokens = 8;
  }
  request.max_length = 24;
  request.tokenizer = std::make_shared<WordTokenizer>();
  return request;
}

}  // namespace broadsheet::fixtures
