// The sections that say what is trained on what: model, freeze, task, data.
#include <algorithm>

#include "core/durable.h"
#include "core/path.h"
#include "core/text.h"
#include "data/batch.h"
#include "data/joined_splits.h"
#include "data/long_documents.h"
#include "data/step_order.h"
#include "trainer/config_tables.h"

namespace broadsheet {
namespace {

// "bert-base-cased", "org/name": what a person copies from the hub.
bool looks_like_hub_name(const std::string& text) {
  static constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/";
  return text.find_first_not_of(kLetters) == std::string::npos && text[0] != '.' && text[0] != '/' &&
         text.back() != '/' && std::count(text.begin(), text.end(), '/') <= 1;
}

void check_model(const ModelConfig& model, const std::string& prefix, ConfigReader& reader) {
  const std::string from = join_key(prefix, "from");
  const bool both = !model.from.empty() && !model.architecture.empty();
  if (both) {
    reader.fault(join_key(prefix, "architecture"), "config.conflict", "found both from and architecture",
                 "keep from (a model's folder) or architecture and config (from scratch)");
  }
  if (model.from.empty() && model.architecture.empty() && !reader.at_fault(from) &&
      !reader.at_fault(join_key(prefix, "architecture"))) {
    reader.fault(prefix, "config.required", "found neither from nor architecture",
                 "write model: {from: models/NAME}, or {architecture: bert, config: {...}, tokenizer: FOLDER}");
  }
  if (model.architecture.empty()) {
    for (const char* name : {"config", "tokenizer"}) {
      const std::string key = join_key(prefix, name);
      if (model.from.empty() || reader.given(key) == nullptr) continue;
      reader.fault(key, "config.conflict", cat("found ", name, " beside from"),
                   cat("remove it: the model's folder has its own; ", name, " is for a model from scratch"));
    }
  } else if (model.tokenizer.empty() && !both) {
    reader.fault(join_key(prefix, "tokenizer"), "config.required", "missing, wanted a path",
                 "a model from scratch needs a folder with tokenizer.json, vocab.txt, vocab.json or *.tiktoken");
  }
  if (!model.from.empty() && !exists(model.from)) {
    const ConfigNode* node = reader.given(from);
    const std::string written = node == nullptr ? model.from : node->text;
    const std::string name = file_name(written);
    const std::string remedy =
        looks_like_hub_name(written)
            ? cat("a name on the hub is not downloaded by itself; run `hf download ", written, " --local-dir models/",
                  name, "` beside the file and write from: models/", name)
            : "name the folder of a model or of a run";
    reader.fault(from, "model.not_found", cat("found ", written, ", but there is no folder ", model.from), remedy);
  }
}

void check_masking(const TaskConfig& task, const std::string& prefix, ConfigReader& reader) {
  static const TaskConfig kDefault;
  const std::pair<const char*, bool> given[] = {{"mlm_probability", task.mlm_probability != kDefault.mlm_probability},
                                                {"masking", task.masking != kDefault.masking},
                                                {"words", task.words != kDefault.words}};
  for (const auto& [name, other] : given) {
    const std::string key = join_key(prefix, name);
    if (!task.kind.empty() && task.kind != "masked_lm" && other && reader.given(key) != nullptr)
      reader.fault(key, "config.conflict", cat("only kind: masked_lm masks, found kind: ", task.kind), "remove it");
  }
  if (task.kind == "masked_lm" && !task.words.empty() && task.masking == "token")
    reader.fault(join_key(prefix, "words"), "config.conflict", "words are asked for only where they are masked",
                 "add masking: whole_word or span, or remove it");
}

void check_classification(const TaskConfig& task, const std::string& prefix, ConfigReader& reader) {
  const TaskConfig plain;
  struct Option {
    const char* key;
    bool used;
  };
  const Option options[] = {{"problem", task.problem != plain.problem},
                            {"class_weights", !task.class_weights.none()},
                            {"label_smoothing", task.label_smoothing != 0},
                            {"focal_gamma", task.focal_gamma != 0},
                            {"calibration", task.calibration != plain.calibration}};
  for (const Option& option : options) {
    if (!option.used || task.kind.empty() || task.kind == "classification") continue;
    reader.fault(join_key(prefix, option.key), "config.conflict",
                 cat(option.key, " belongs to kind: classification, found kind: ", task.kind),
                 "remove it or change the kind");
  }
  if (task.focal_gamma != 0 && task.label_smoothing != 0) {
    reader.fault(
        join_key(prefix, "focal_gamma"), "config.conflict", "found focal_gamma beside label_smoothing",
        "keep one of the two: one weakens what is learned already, the other keeps it from being learned fully");
  }
  if (task.problem != "ordinal") return;
  const std::string problem = " with problem: ordinal, ";
  for (const Option& option : {options[2], options[3]}) {
    if (!option.used) continue;
    reader.fault(join_key(prefix, option.key), "config.conflict",
                 cat("found ", option.key, problem, "whose loss has no such thing"), "remove it");
  }
  if (options[4].used) {
    reader.fault(join_key(prefix, "calibration"), "config.conflict",
                 cat("found calibration", problem, "whose predictions it would change"), "remove it");
  }
}

void check_task(const TaskConfig& task, const std::string& prefix, ConfigReader& reader) {
  struct Need {
    const char* kind;
    const char* key;
    const std::string TaskConfig::*member;
  };
  static constexpr Need kNeeds[] = {{"classification", "label", &TaskConfig::label},
                                    {"regression", "score", &TaskConfig::score}};
  for (const Need& need : kNeeds) {
    const std::string key = join_key(prefix, need.key);
    if (task.kind == need.kind && (task.*need.member).empty()) {
      reader.fault(key, "config.required", cat("missing, wanted the name of the corpus's ", need.key, " field"),
                   cat("kind: ", task.kind, " needs ", need.key, ": FIELD"));
    }
    if (!task.kind.empty() && task.kind != need.kind && !(task.*need.member).empty()) {
      reader.fault(key, "config.conflict", cat(need.key, " belongs to kind: ", need.kind, ", found kind: ", task.kind),
                   "remove it or change the kind");
    }
  }
  check_classification(task, prefix, reader);
  const bool language_model = task.kind == "masked_lm" || task.kind == "causal_lm";
  if (language_model && !task.text_pair.empty()) {
    reader.fault(join_key(prefix, "text_pair"), "config.conflict", cat(task.kind, " reads one text"), "remove it");
  }
  check_masking(task, prefix, reader);
}

ConfigType<ClassWeightsConfig> class_weights_type() {
  const ConfigType<std::map<std::string, double>> by_name = map_of(number({0, 1e6, true, false}));
  ConfigType<ClassWeightsConfig> type;
  type.words = "none, balanced or a map from classes to numbers above 0";
  type.schema = {{"anyOf", {{{"enum", {"none", "balanced"}}}, by_name.schema}}};
  type.read = [by_name, words = type.words](const ConfigNode& node, const std::string& key, ConfigReader& reader,
                                            ClassWeightsConfig& value) {
    if (node.is_map()) return by_name.read(node, key, reader, value.by_name);
    if (!node.is_scalar() || (node.text != "none" && node.text != "balanced"))
      return fault_wanted(node, key, reader, words, "write balanced, or for example {rare: 3}");
    value.balanced = node.text == "balanced";
    return true;
  };
  type.write = [by_name](const ClassWeightsConfig& value) {
    if (value.none()) return OrderedJson("none");
    return value.balanced ? OrderedJson("balanced") : by_name.write(value.by_name);
  };
  return type;
}

const Section<FreezeConfig>& freeze_section() {
  static const auto section =
      Section<FreezeConfig>()
          .key("embeddings", &FreezeConfig::embeddings, boolean(), "The embeddings are not trained.")
          .key("layers", &FreezeConfig::layers, integer(0, 10000), "The first so many encoder layers are not trained.");
  return section;
}

}  // namespace

const Section<ModelConfig>& model_section() {
  static const auto section =
      Section<ModelConfig>()
          .key("from", &ModelConfig::from, path(),
               "Folder of a model in Hugging Face's layout, of a run or of a checkpoint.")
          .key("architecture", &ModelConfig::architecture,
               one_of({{"bert", "roberta", "distilbert", "electra", "gpt2"},
                       {},
                       {{"BertModel", "bert"}, {"BertForMaskedLM", "bert"}, {"GPT2LMHeadModel", "gpt2"}}}),
               "From scratch: the kind of model, instead of from.")
          .key(
              "config", &ModelConfig::config, raw_map("a map with the keys of a config.json"),
              "From scratch: what differs from the architecture's defaults, in the keys of Hugging Face's config.json.")
          .key("tokenizer", &ModelConfig::tokenizer, path(),
               "From scratch: folder with tokenizer.json, vocab.txt, vocab.json or *.tiktoken.")
          .check(check_model);
  return section;
}

ConfigType<FreezeConfig> freeze_type() {
  const Section<FreezeConfig>& section = freeze_section();
  ConfigType<FreezeConfig> type = nested(section);
  type.words = "none, all_but_head or a map with the keys embeddings, layers";
  type.schema = {{"anyOf", {{{"enum", {"none", "all_but_head"}}}, section.schema()}}};
  type.read = [&section, words = type.words](const ConfigNode& node, const std::string& key, ConfigReader& reader,
                                             FreezeConfig& value) {
    if (node.is_map()) return section.read(node, key, reader, value);
    if (!node.is_scalar() || (node.text != "none" && node.text != "all_but_head")) {
      return fault_wanted(node, key, reader, words, "write for example {embeddings: true, layers: 4}");
    }
    value.all_but_head = node.text == "all_but_head";
    return true;
  };
  type.write = [&section](const FreezeConfig& value) {
    if (value.all_but_head) return OrderedJson("all_but_head");
    return value.embeddings || value.layers > 0 ? section.write(value) : OrderedJson("none");
  };
  return type;
}

const Section<TaskConfig>& task_section() {
  static const Choices kinds = {{"masked_lm", "causal_lm", "classification", "regression"},
                                {"generation", "tagging", "ctr", "recommendation", "retrieval"},
                                {{"mlm", "masked_lm"},
                                 {"masked-lm", "masked_lm"},
                                 {"fill-mask", "masked_lm"},
                                 {"clm", "causal_lm"},
                                 {"text-generation", "causal_lm"},
                                 {"language-modeling", "causal_lm"},
                                 {"text-classification", "classification"},
                                 {"sequence_classification", "classification"},
                                 {"sentiment", "classification"}}};
  static const auto section =
      Section<TaskConfig>()
          .key("kind", &TaskConfig::kind, one_of(kinds), "What the model learns.", Need::kRequired)
          .key("text", &TaskConfig::text, text(), "The corpus's text field to read.", Need::kRequired)
          .key("text_pair", &TaskConfig::text_pair, text(), "A second text field, read after the first.")
          .key("label", &TaskConfig::label, text(),
               "classification: the corpus's label field; with problem: multi_label its labels field.")
          .key("score", &TaskConfig::score, text(), "regression: the corpus's score or number field.")
          .key("mlm_probability", &TaskConfig::mlm_probability, number({0, 1, true, true}),
               "masked_lm: the share of tokens that are chosen to be predicted.")
          .key("masking", &TaskConfig::masking,
               one_of({{"token", "whole_word", "span"},
                       {},
                       {{"wwm", "whole_word"}, {"whole_word_mask", "whole_word"}, {"spanbert", "span"}}}),
               "masked_lm: what is chosen together: tokens, all tokens of a word, or spans of 1 to 10 words.")
          .key(
              "words", &TaskConfig::words, text(),
              "masked_lm: the corpus's list field with each text's words, for languages whose tokens do not tell them.")
          .key("problem", &TaskConfig::problem,
               one_of({{"single", "multi_label", "ordinal"},
                       {},
                       {{"single_label_classification", "single"},
                        {"multi_label_classification", "multi_label"},
                        {"multi-label", "multi_label"},
                        {"multilabel", "multi_label"}}}),
               "classification: one class for each text; or any number of labels; or one of several classes in order "
               "(worst to best), where a near miss costs less: the order is that of values or bins in corpus.yaml.")
          .key("class_weights", &TaskConfig::class_weights, class_weights_type(),
               "classification: what each class counts in the training's loss; balanced: in inverse proportion to how "
               "often it occurs in the train split. With multi_label they multiply the labels that are there "
               "(PyTorch's pos_weight).")
          .key("label_smoothing", &TaskConfig::label_smoothing, number({0, 1, false, true}),
               "classification: the share of each target that is spread evenly over all classes.")
          .key("focal_gamma", &TaskConfig::focal_gamma, number({0, 20, false, false}),
               "classification: focal loss; what is predicted with probability p counts (1 - p) to this power; 0: "
               "off.")
          .key("calibration", &TaskConfig::calibration, one_of({{"none", "temperature"}, {}, {}}),
               "classification: temperature: after the last step one number is fitted on the validation split by which "
               "all logits are divided, so that probabilities are as often right as they say. model/ holds the "
               "classifier divided by it; checkpoints do not.")
          .check(check_task);
  return section;
}

void check_data(const DataConfig& data, const std::string& prefix, ConfigReader& reader) {
  const std::string window = join_key(prefix, "shuffle_window");
  if (data.shuffle_block > 0 || data.shuffle_window == DataConfig{}.shuffle_window || reader.at_fault(window)) return;
  reader.fault(window, "config.conflict", "found a window of blocks without shuffle_block",
               "add shuffle_block: 1024, for instance, or remove it");
}

const Section<DataConfig>& data_section() {
  static const auto section =
      Section<DataConfig>()
          .key("corpus", &DataConfig::corpus, path(), "Folder of the corpus that prepare made.", Need::kRequired)
          .key("max_length", &DataConfig::max_length, integer(4, 1 << 20),
               "Tokens per sequence, special tokens included.")
          .key("long_documents", &DataConfig::long_documents, one_of({{"truncate", "head_tail", "split"}, {}, {}}),
               "Of documents that are longer: the beginning is read; or the first quarter from the beginning and the "
               "rest from the end; or every piece is an example of its own, and the predictions of a document's pieces "
               "are joined.")
          .key("train_on_validation", &DataConfig::train_on_validation, boolean(),
               "Trains on the validation split too, when there is nothing left to choose: nothing is validated then, "
               "and the last weights are the run's.")
          .key("shuffle_block", &DataConfig::shuffle_block, integer(0, 1 << 30),
               "For disks that read faster what lies together: blocks of so many examples that lie together are "
               "shuffled first; 0: every example by itself.")
          .key("shuffle_window", &DataConfig::shuffle_window, integer(1, 1 << 20),
               "Then the examples of so many blocks are shuffled among each other.")
          .key("batches", &DataConfig::batches, one_of({{"packed", "bucketed"}, {}, {{"length", "bucketed"}}}),
               "packed: examples come in the order of the shuffle; bucketed: within 32 global batches, those of like "
               "length come together, and then the batches are shuffled.")
          .check(check_data);
  return section;
}

double mean_length_of(const ShardSet& examples, const DataConfig& data, const TaskConfig& task,
                      const TrainConfig& train) {
  if (train.global_batch_tokens == 0) return 0;
  PackSpec spec;
  spec.text = task.text;
  spec.text_pair = task.text_pair;
  spec.max_length = data.max_length;
  // As GPT-2's own tokenizer has it (TextTask::pack_spec).
  spec.marks_begin = task.kind != "causal_lm";
  if (!spec.marks_begin) spec.end = TextEnd::kOfDocument;
  return mean_length(examples.size(Split::kTrain), examples.source_shares(Split::kTrain),
                     [&](int64_t example) { return packed_length(examples, spec, example); });
}

std::shared_ptr<const ShardSet> examples_of(std::shared_ptr<const ShardSet> corpus, const DataConfig& data,
                                            const TaskConfig& task) {
  if (data.train_on_validation) corpus = train_on_validation(std::move(corpus));
  PackSpec spec;
  spec.text = task.text;
  spec.max_length = data.max_length;
  spec.long_documents = long_documents_from_name(data.long_documents).value();
  return examples_of(std::move(corpus), spec);
}

}  // namespace broadsheet
