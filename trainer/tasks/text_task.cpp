#include "trainer/tasks/text_task.h"

#include <torch/version.h>

#include <algorithm>
#include <span>
#include <utility>

#include "core/checksum.h"
#include "core/errors.h"
#include "core/text.h"
#include "trainer/adapters/lora.h"

namespace broadsheet {
namespace {

constexpr int64_t kPredictBatch = 32;
constexpr uint64_t kMostClasses = 1000000;

// Part of every feature file's key. To be raised with any change of packing, embeddings, layers or attention that
// changes what the trunk makes of a text by more than rounding.
constexpr int64_t kTrunkCodeVersion = 1;

std::unique_ptr<LanguageModel> build_model(const TaskSetup& setup, const ModelHeads& heads) {
  // A checkpoint of an adapter does not hold its base.
  const bool follow = setup.weights_follow && setup.adapter.none();
  auto model = make_model(setup.model, heads, setup.weights ? &*setup.weights : nullptr, setup.seed,
                          follow ? ModelValues::kFollow : ModelValues::kRead);
  if (!setup.adapter.none()) attach_lora(*model, setup.adapter, traits_of(setup.model).model_type, setup.seed);
  return model;
}

void check_tokenizer(const TaskSetup& setup, const ModelTraits& model, Faults& faults) {
  if (setup.tokenizer == nullptr) {
    faults.add({"model.tokenizer",
                {},
                "model.tokenizer",
                "no tokenizer",
                "name a folder with tokenizer.json, vocab.txt, vocab.json or *.tiktoken"});
    return;
  }
  const SpecialTokens specials = setup.tokenizer->special_tokens();
  if (setup.tokenizer->vocab_size() > model.vocab_size) {
    faults.add({"model.vocab_size",
                {},
                "vocab_size",
                cat("the tokenizer has ", setup.tokenizer->vocab_size(), " tokens, the model ", model.vocab_size),
                "use the tokenizer that belongs to the model"});
  } else if (model.causal && end_of_text(specials, true) < 0) {
    faults.add({"tokenizer.specials",
                {},
                "",
                "the tokenizer has no token to end a text with (<|endoftext|>)",
                "use a tokenizer of GPT-2's kind, or name eos_token in tokenizer_config.json"});
  } else if (!model.causal && (specials.cls < 0 || specials.sep < 0)) {
    faults.add(
        {"tokenizer.specials",
         {},
         "",
         "the tokenizer has no token to begin a text with, or none to end it ([CLS] and [SEP], <s> and </s>)",
         "use a tokenizer of BERT's or RoBERTa's kind, or name cls_token and sep_token in tokenizer_config.json"});
  }
}

void check_setup(const TaskSetup& setup) {
  const ModelTraits model = traits_of(setup.model);
  Faults faults;
  if (setup.task.text.empty() && setup.task.kind != "generation") {
    faults.add({"task.text", {}, "task.text", "no text field is named", "name a text field of the corpus"});
  }
  if (setup.max_length < 3 || setup.max_length > model.max_length) {
    faults.add({"data.max_length",
                {},
                "data.max_length",
                cat("found ", setup.max_length, ", wanted 3 to the model's ", model.max_length, " positions"),
                "choose a length in this range"});
  }
  if (!setup.task.text_pair.empty() && model.pair_separators == 0) {
    faults.add({"task.text_pair",
                {},
                "task.text_pair",
                "the model has one token type, pairs need two",
                "leave text_pair out or choose another model"});
  }
  check_tokenizer(setup, model, faults);
  faults.throw_if_any();
}

TaskSetup checked_setup(TaskSetup setup) {
  check_setup(setup);
  return setup;
}

}  // namespace

int32_t end_of_text(const SpecialTokens& specials, bool causal) {
  return causal && specials.sep < 0 ? specials.eos : specials.sep;
}

std::vector<std::string> class_names(const nlohmann::json& config, const std::string& source) {
  const auto map = config.find("id2label");
  if (map == config.end() || map->is_null()) {
    const auto count = config.find("num_labels");
    const bool usable = count != config.end() && count->is_number_unsigned() && count->get<uint64_t>() <= kMostClasses;
    std::vector<std::string> names;
    for (size_t id = 0; id < (usable ? count->get<uint64_t>() : 2); ++id) names.push_back(cat("LABEL_", id));
    return names;
  }
  const auto malformed = [&](const std::string& what) {
    return UserError({"model.config", {source}, "id2label", what, "map \"0\", \"1\", ... to different names"});
  };
  if (!map->is_object()) throw malformed("found no JSON object");
  std::vector<std::string> names;
  for (size_t id = 0; id < map->size(); ++id) {
    const auto name = map->find(std::to_string(id));
    if (name == map->end() || !name->is_string())
      throw malformed(cat("found no name for class ", id, " of ", map->size()));
    if (std::find(names.begin(), names.end(), name->get<std::string>()) != names.end()) {
      throw malformed(cat("found \"", name->get<std::string>(), "\" twice"));
    }
    names.push_back(name->get<std::string>());
  }
  return names;
}

void name_classes(const std::vector<std::string>& classes, nlohmann::json& config) {
  config["num_labels"] = classes.size();
  config["id2label"] = nlohmann::json::object();
  config["label2id"] = nlohmann::json::object();
  for (size_t id = 0; id < classes.size(); ++id) {
    config["id2label"][std::to_string(id)] = classes[id];
    config["label2id"][classes[id]] = id;
  }
}

bool are_generic(const std::vector<std::string>& classes) {
  for (size_t id = 0; id < classes.size(); ++id) {
    if (classes[id] != cat("LABEL_", id)) return false;
  }
  return true;
}

TextTask::TextTask(TaskSetup setup, const ModelHeads& heads)
    : setup_(checked_setup(std::move(setup))), traits_(traits_of(setup_.model)), model_(build_model(setup_, heads)) {
  setup_.weights.reset();  // copied; the mapping need not stay
}

const LoadReport& TextTask::load_report() const {
  static const LoadReport kNothing;  // what was drawn is read from the checkpoint
  return setup_.weights_follow ? kNothing : model_->load_report();
}

PackSpec TextTask::pack_spec(Split split) const {
  PackSpec spec{split,
                setup_.task.text,
                setup_.task.text_pair,
                setup_.max_length,
                setup_.tokenizer->special_tokens(),
                setup_.long_documents};
  spec.pair_separators = traits_.pair_separators;
  spec.pair_types = traits_.token_types > 1;
  if (!traits_.causal) return spec;
  // GPT-2's own tokenizer puts nothing around a text, and its classifier reads the last token of the text itself.
  if (spec.specials.sep < 0) spec.end = TextEnd::kIfEmpty;
  if (learns_the_end()) spec.end = TextEnd::kOfDocument;
  spec.specials.sep = end_of_text(spec.specials, true);
  spec.marks_begin = spec.specials.cls >= 0;
  return spec;
}

std::shared_ptr<const ShardSet> TextTask::examples_of(std::shared_ptr<const ShardSet> corpus) const {
  return broadsheet::examples_of(std::move(corpus), pack_spec(Split::kTrain));
}

void TextTask::read_ahead(const ShardSet& corpus, Split split, const ExampleRange& documents) const {
  corpus.read_ahead(split, setup_.task.text, documents);
  if (!setup_.task.text_pair.empty()) corpus.read_ahead(split, setup_.task.text_pair, documents);
}

std::vector<int64_t> first_pieces(const Batch& batch) {
  std::vector<int64_t> firsts;
  for (size_t s = 0; s < batch.documents.size(); ++s) {
    if (s == 0 || batch.documents[s] != batch.documents[s - 1]) firsts.push_back(static_cast<int64_t>(s));
  }
  return firsts;
}

at::Tensor mean_by_document(const at::Tensor& rows, const std::vector<int64_t>& firsts) {
  if (static_cast<int64_t>(firsts.size()) == rows.size(0)) return rows;
  std::vector<at::Tensor> means;
  for (size_t d = 0; d < firsts.size(); ++d) {
    const int64_t end = d + 1 < firsts.size() ? firsts[d + 1] : rows.size(0);
    means.push_back(rows.slice(0, firsts[d], end).mean(0));
  }
  return at::stack(means);
}

PackedInput TextTask::input_of(const Batch& batch) const {
  if (!batch.features.empty()) return {{}, {}, {}, batch.boundaries, batch.examples};  // nobody reads the tokens
  return to_input(batch, at::kCPU);
}

int64_t TextTask::feature_width() const {
  return reads_one_row() && model_->trunk_is_frozen() ? traits_.hidden_size : 0;
}

nlohmann::json TextTask::feature_identity() const {
  Xxh3 trunk;
  for (const Parameter& parameter : model_->parameters()) {
    if (parameter.layer == kHeadLayer) continue;
    const std::string name = cat(parameter.name, ' ', parameter.tensor.nbytes(), '\n');
    trunk.update(name.data(), name.size());
    trunk.update(parameter.tensor.const_data_ptr(), parameter.tensor.nbytes());
  }
  return {{"trunk", trunk.hex()},
          {"model", forward_json(setup_.model)},
          {"text", setup_.task.text},
          {"text_pair", setup_.task.text_pair},
          {"max_length", setup_.max_length},
          {"long_documents", long_documents_name(setup_.long_documents)},
          {"tokenizer", setup_.tokenizer->fingerprint()},
          {"code", kTrunkCodeVersion},
          {"libtorch", TORCH_VERSION}};
}

at::Tensor TextTask::compute_features(const Batch& batch) {
  BROADSHEET_ASSERT(feature_width() > 0);
  const at::NoGradGuard no_grad;
  if (batch.sequences() == 0) return at::empty({0, feature_width()}, at::kFloat);
  const PackedInput input = to_input(batch, at::kCPU);
  return model_->head_rows(model_->encode(input, {}), input).contiguous();
}

at::Tensor TextTask::head_logits(const Batch& batch, const PackedInput& input, const PassContext& pass) const {
  if (batch.features.empty()) return model_->classify(model_->encode(input, pass), input, pass);
  const at::Tensor rows =
      at::tensor(at::ArrayRef<float>(batch.features), at::kFloat).view({batch.sequences(), traits_.hidden_size});
  return model_->classify(rows, batch.examples, pass);
}

int64_t TextTask::length(const ShardSet& corpus, Split split, int64_t document) const {
  return packed_length(corpus, pack_spec(split), document);
}

void TextTask::check_tokens(const Batch& batch, const ShardSet& corpus, Split split) const {
  for (const int64_t token : batch.tokens) {
    if (token < 0 || token >= traits_.vocab_size) {
      throw UserError("corpus.token",
                      cat(corpus.folder(), ": token id ", token, " in split ", split_name(split),
                          " is outside the model's vocabulary of ", traits_.vocab_size),
                      "prepare the corpus with the model's tokenizer");
    }
  }
}

Batch TextTask::pack_documents(const ShardSet& corpus, Split split, const std::vector<int64_t>& documents) const {
  Batch batch = pack(corpus, pack_spec(split), documents);
  check_tokens(batch, corpus, split);
  if (features_ && features_->info().corpus == corpus.fingerprint()) {
    for (const int64_t document : documents) {
      const std::span<const float> row = features_->row(split, document);
      batch.features.insert(batch.features.end(), row.begin(), row.end());
    }
  }
  return batch;
}

at::Tensor TextTask::loss_sum(const Batch& batch, const PassContext& pass) {
  if (label_count(batch) > 0) return labelled_loss(batch, input_of(batch), pass);
  // Sums of nothing: no value of a parameter can get in, but each gets a gradient of zeros.
  at::Tensor zero = at::zeros({}, at::kFloat);
  for (const Parameter& parameter : model_->parameters()) {
    if (parameter.tensor.requires_grad()) zero = zero + parameter.tensor.flatten().narrow(0, 0, 0).sum();
  }
  return zero;
}

void TextTask::evaluate(const Batch& batch, Metrics& metrics) {
  const at::NoGradGuard no_grad;
  if (batch.sequences() > 0) measure(batch, input_of(batch), metrics);
}

std::vector<Prediction> TextTask::predict_batch(const Batch& batch) {
  const at::NoGradGuard no_grad;
  if (batch.sequences() == 0 || !joins_pieces()) return {};
  std::vector<Prediction> predictions = answer(*setup_.tokenizer, batch, input_of(batch));
  const std::vector<int64_t> firsts = first_pieces(batch);
  BROADSHEET_ASSERT(predictions.size() == firsts.size());
  for (size_t i = 0; i < firsts.size(); ++i) predictions[i]["truth"] = truth(batch, firsts[i]);
  return predictions;
}

std::vector<Prediction> TextTask::predict(const Tokenizer& tokenizer, const std::vector<std::string>& texts,
                                          const std::vector<std::string>& pairs) {
  BROADSHEET_ASSERT(pairs.empty() || pairs.size() == texts.size());
  const at::NoGradGuard no_grad;
  std::vector<Prediction> predictions;
  const auto count = static_cast<int64_t>(texts.size());
  for (int64_t begin = 0; begin < count; begin += kPredictBatch) {
    const int64_t end = std::min(count, begin + kPredictBatch);
    const auto part = [&](const std::vector<std::string>& all) {
      return all.empty() ? all : std::vector<std::string>(all.begin() + begin, all.begin() + end);
    };
    PackSpec spec = pack_spec(Split::kTest);
    if (spec.long_documents == LongDocuments::kSplit && !joins_pieces()) spec.long_documents = LongDocuments::kTruncate;
    Batch batch = pack_texts(tokenizer, spec, part(texts), part(pairs));
    for (Prediction& prediction : answer_texts(tokenizer, part(texts), std::move(batch)))
      predictions.push_back(std::move(prediction));
  }
  return predictions;
}

std::vector<Prediction> TextTask::answer_texts(const Tokenizer& tokenizer, const std::vector<std::string>&,
                                               Batch batch) {
  return answer(tokenizer, batch, input_of(batch));
}

std::vector<std::string> TextTask::text_fields() const {
  std::vector<std::string> fields = {setup_.task.text};
  if (!setup_.task.text_pair.empty()) fields.push_back(setup_.task.text_pair);
  return fields;
}

nlohmann::json TextTask::model_config() const {
  nlohmann::json config = setup_.source_config;
  config["model_type"] = traits_.model_type;
  config["vocab_size"] = traits_.vocab_size;
  if (traits_.causal && (!config.contains("pad_token_id") || config["pad_token_id"].is_null())) {
    // transformers' classifier wants one for more than one text; the end of a text is what one takes.
    config["pad_token_id"] = end_of_text(setup_.tokenizer->special_tokens(), true);
  }
  // Weights are written in float32 whatever they were read from; the older spelling would contradict.
  config.erase("torch_dtype");
  config["dtype"] = "float32";
  return config;
}

nlohmann::json TextTask::broadsheet_config() const {
  nlohmann::json task = {{"kind", setup_.task.kind}, {"text", setup_.task.text}};
  if (!setup_.task.text_pair.empty()) task["text_pair"] = setup_.task.text_pair;
  if (kind() == "classification") task["label"] = setup_.task.label;
  if (kind() == "classification" && setup_.task.problem != "single") task["problem"] = setup_.task.problem;
  if (kind() == "regression") task["score"] = setup_.task.score;
  if (kind() == "tagging") {
    task["words"] = setup_.task.words;
    task["tags"] = setup_.task.tags;
  }
  if (kind() == "masked_lm") {
    task["mlm_probability"] = setup_.task.mlm_probability;
    if (setup_.task.masking != "token") task["masking"] = setup_.task.masking;
    if (!setup_.task.words.empty()) task["words"] = setup_.task.words;
  }
  nlohmann::json config = {{"schema", 1},
                           {"task", task},
                           {"max_length", setup_.max_length},
                           {"tokenizer_fingerprint", setup_.tokenizer->fingerprint()}};
  if (setup_.long_documents != LongDocuments::kTruncate)
    config["long_documents"] = long_documents_name(setup_.long_documents);
  if (!setup_.classes.empty()) config["classes"] = setup_.classes;
  if (!setup_.adapter.none()) {
    config["base"] = {{"folder", setup_.base_folder}, {"weights", setup_.base_weights}};
    config["config"] = model_config();
  }
  return config;
}

nlohmann::json TextTask::adapter_config() const {
  if (setup_.adapter.none()) return nullptr;
  const nlohmann::json classes = model_config().value("architectures", nlohmann::json::array({""}));
  return lora_config(*model_, setup_.adapter, traits_.model_type, classes.front().get<std::string>(),
                     setup_.base_folder);
}

}  // namespace broadsheet
