// The sections that say what is trained on what: model, freeze, task, data.
#include <algorithm>
#include <regex>
#include <stdexcept>

#include "core/durable.h"
#include "core/path.h"
#include "core/text.h"
#include "data/batch.h"
#include "data/field_template.h"
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
                                                {"words", task.words != kDefault.words && task.kind != "tagging"}};
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

void check_tagging_task(const TaskConfig& task, const std::string& prefix, ConfigReader& reader) {
  if (task.kind != "tagging") return;
  if (task.words.empty()) {
    reader.fault(join_key(prefix, "words"), "config.required", "missing, wanted the name of the corpus's words field",
                 "kind: tagging needs words: FIELD, a list field with the words that the tags are of");
  }
  if (!task.text_pair.empty())
    reader.fault(join_key(prefix, "text_pair"), "config.conflict", "tagging reads one text", "remove it");
}

void check_text(const TaskConfig& task, const std::string& prefix, ConfigReader& reader) {
  const std::string key = join_key(prefix, "text");
  if (task.kind != "generation") {
    if (!task.kind.empty() && task.text.empty() && reader.given(key) == nullptr)
      reader.fault(key, "config.required", "missing, wanted a text", "add text: ...");
    return;
  }
  for (const char* name : {"text", "text_pair"}) {
    const std::string given = join_key(prefix, name);
    if (reader.given(given) != nullptr)
      reader.fault(given, "config.conflict", "kind: generation reads the fields that its prompt names", "remove it");
  }
}

void check_generation_task(const TaskConfig& task, const std::string& prefix, ConfigReader& reader) {
  if (task.kind.empty()) return;
  static const TaskConfig kPlain;
  const std::pair<const char*, bool> given[] = {{"prompt", task.prompt != kPlain.prompt},
                                                {"target", task.target != kPlain.target},
                                                {"max_new_tokens", task.max_new_tokens != kPlain.max_new_tokens},
                                                {"pieces", task.pieces != kPlain.pieces}};
  for (const auto& [name, other] : given) {
    if (task.kind != "generation" && other)
      reader.fault(join_key(prefix, name), "config.conflict",
                   cat(name, " belongs to kind: generation, found kind: ", task.kind), "remove it or change the kind");
  }
  if (task.kind != "generation") return;
  const std::string prompt = join_key(prefix, "prompt"), target = join_key(prefix, "target");
  if (task.target.empty())
    reader.fault(target, "config.required", "missing, wanted the name of the text field to write",
                 "kind: generation needs target: FIELD");
  if (task.prompt.empty()) {
    reader.fault(prompt, "config.required", "missing, wanted a template such as \"{brief}\\n\"",
                 "kind: generation needs prompt: what stands before the text, with the corpus's fields in braces");
    return;
  }
  try {
    const FieldTemplate form(task.prompt);
    if (std::find(form.columns().begin(), form.columns().end(), task.target) != form.columns().end())
      reader.fault(prompt, "config.conflict", cat("the prompt holds {", task.target, "}, which is to be written"),
                   "name other fields in it");
  } catch (const std::invalid_argument& error) {
    reader.fault(prompt, "config.type", cat("found a template that cannot be read: ", error.what()),
                 "write fields in braces, such as \"{brief}\\n\", and {{ for a brace itself");
  }
}

void check_task(const TaskConfig& task, const std::string& prefix, ConfigReader& reader) {
  struct Need {
    const char* kind;
    const char* key;
    const std::string TaskConfig::*member;
  };
  static constexpr Need kNeeds[] = {{"classification", "label", &TaskConfig::label},
                                    {"regression", "score", &TaskConfig::score},
                                    {"tagging", "tags", &TaskConfig::tags}};
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
  check_text(task, prefix, reader);
  check_generation_task(task, prefix, reader);
  check_classification(task, prefix, reader);
  const bool language_model = task.kind == "masked_lm" || task.kind == "causal_lm";
  if (language_model && !task.text_pair.empty()) {
    reader.fault(join_key(prefix, "text_pair"), "config.conflict", cat(task.kind, " reads one text"), "remove it");
  }
  check_masking(task, prefix, reader);
  check_tagging_task(task, prefix, reader);
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

// One key of the file, two members of AdapterConfig.
struct TargetModulesKey {
  std::vector<std::string> names;
  std::string pattern;
};

ConfigType<TargetModulesKey> target_modules_type() {
  const ConfigType<std::vector<std::string>> names = list_of(text());
  const ConfigType<std::string> pattern = text();
  ConfigType<TargetModulesKey> type;
  type.words = "a list of names, or one text: a regular expression or all-linear";
  type.schema = {{"anyOf", {pattern.schema, names.schema}}};
  type.read = [=](const ConfigNode& node, const std::string& key, ConfigReader& reader, TargetModulesKey& value) {
    if (node.is_list()) return names.read(node, key, reader, value.names);
    if (!node.is_scalar()) return fault_wanted(node, key, reader, type.words, "write for example [query, value]");
    if (!pattern.read(node, key, reader, value.pattern)) return false;
    try {
      const std::regex compiled(value.pattern);
      return true;
    } catch (const std::regex_error&) {
      return fault_wanted(node, key, reader, "a regular expression", "write names as a list: [query, value]");
    }
  };
  type.write = [=](const TargetModulesKey& value) {
    if (!value.pattern.empty()) return OrderedJson(value.pattern);
    return value.names.empty() ? OrderedJson() : names.write(value.names);
  };
  return type;
}

struct AdapterKeys {
  std::string kind = AdapterConfig{}.kind;
  int64_t r = AdapterConfig{}.r;
  double lora_alpha = AdapterConfig{}.lora_alpha, lora_dropout = AdapterConfig{}.lora_dropout;
  TargetModulesKey target_modules;
};

void check_adapter(const AdapterKeys& adapter, const std::string& prefix, ConfigReader& reader) {
  if (adapter.kind != "none" || reader.at_fault(join_key(prefix, "kind"))) return;
  for (const char* name : {"r", "lora_alpha", "lora_dropout", "target_modules"}) {
    const std::string key = join_key(prefix, name);
    if (reader.given(key) == nullptr) continue;
    reader.fault(key, "config.conflict", cat(name, " belongs to kind: lora, found kind: none"),
                 "write kind: lora, or remove it");
  }
}

const Section<AdapterKeys>& adapter_section() {
  static const auto section =
      Section<AdapterKeys>()
          .key("kind", &AdapterKeys::kind,
               one_of({{"none", "lora"},
                       {"adapter", "adalora", "ia3", "prefix_tuning"},
                       {{"LORA", "lora"}, {"LoRA", "lora"}, {"qlora", "lora"}}}),
               "lora: branches of two narrow matrices beside chosen linear layers, and the classifier, are trained "
               "instead of all weights; a language model's head is not.")
          .key("r", &AdapterKeys::r, integer(1, 4096), "lora: the width of the branches.")
          .key("lora_alpha", &AdapterKeys::lora_alpha, number(above(0)), "lora: branches count lora_alpha / r.")
          .key("lora_dropout", &AdapterKeys::lora_dropout, number({0, 1, false, true}),
               "lora: the share of a branch's inputs that is dropped in training.")
          .key("target_modules", &AdapterKeys::target_modules, target_modules_type(),
               "lora: the linear layers that get a branch: their names or the ends of such; or one regular expression "
               "that a whole name matches; or all-linear. Without it query and value, as each kind of model calls "
               "them.")
          .check(check_adapter);
  return section;
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

ConfigType<AdapterConfig> adapter_type() {
  const Section<AdapterKeys>& section = adapter_section();
  const ConfigType<AdapterKeys> keys = nested(section);
  ConfigType<AdapterConfig> type{keys.words, keys.schema, {}, {}, keys.children};
  type.read = [&section](const ConfigNode& node, const std::string& key, ConfigReader& reader, AdapterConfig& value) {
    AdapterKeys read;
    if (!section.read(node, key, reader, read)) return false;
    value = {
        read.kind, read.r, read.lora_alpha, read.lora_dropout, read.target_modules.names, read.target_modules.pattern};
    return true;
  };
  type.write = [&section](const AdapterConfig& value) {
    if (value.none()) return OrderedJson{{"kind", value.kind}};
    return section.write(
        {value.kind, value.r, value.lora_alpha, value.lora_dropout, {value.target_modules, value.target_pattern}});
  };
  return type;
}

const Section<TaskConfig>& task_section() {
  static const Choices kinds = {{"masked_lm", "causal_lm", "generation", "classification", "regression", "tagging"},
                                {"ctr", "recommendation", "retrieval"},
                                {{"mlm", "masked_lm"},
                                 {"masked-lm", "masked_lm"},
                                 {"fill-mask", "masked_lm"},
                                 {"clm", "causal_lm"},
                                 {"text-generation", "causal_lm"},
                                 {"language-modeling", "causal_lm"},
                                 {"text2text-generation", "generation"},
                                 {"summarization", "generation"},
                                 {"text-classification", "classification"},
                                 {"sequence_classification", "classification"},
                                 {"token-classification", "tagging"},
                                 {"ner", "tagging"},
                                 {"sentiment", "classification"}}};
  static const auto section =
      Section<TaskConfig>()
          .key("kind", &TaskConfig::kind, one_of(kinds), "What the model learns.", Need::kRequired)
          .key("text", &TaskConfig::text, text(), "The corpus's text field to read; not of generation.")
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
              "masked_lm: the corpus's list field with each text's words, for languages whose tokens do not tell them; "
              "tagging: the words that the tags are of.")
          .key("tags", &TaskConfig::tags, text(),
               "tagging: the corpus's tags field, one tag for each word: B-TYPE begins a name, I-TYPE goes on with it, "
               "O is none.")
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
          .key("prompt", &TaskConfig::prompt, text(),
               "generation: what stands before the text to write, such as \"{brief}\\n\": names in braces are text "
               "fields of the corpus, {{ and }} braces themselves.")
          .key("target", &TaskConfig::target, text(),
               "generation: the text field to write; the loss is on its tokens and its end.")
          .key(
              "max_new_tokens", &TaskConfig::max_new_tokens, integer(1, 1 << 20),
              "generation: tokens that evaluation and predict write at the most; a prompt that leaves no room for them "
              "in data.max_length is cut, the longest field first.")
          .key("pieces", &TaskConfig::pieces, one_of({{"words", "characters"}, {}, {{"zh", "characters"}}}),
               "generation: what ROUGE, BLEU, lengths and repetition count; characters for Chinese.")
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

std::vector<std::string> text_fields_of(const TaskConfig& task) {
  if (task.kind != "generation") {
    return task.text_pair.empty() ? std::vector<std::string>{task.text}
                                  : std::vector<std::string>{task.text, task.text_pair};
  }
  try {
    std::vector<std::string> fields = FieldTemplate(task.prompt).columns();
    fields.push_back(task.target);
    return fields;
  } catch (const std::invalid_argument&) {
    return {};
  }
}

double mean_length_of(const ShardSet& examples, const DataConfig& data, const TaskConfig& task,
                      const TrainConfig& train) {
  if (train.global_batch_tokens == 0) return 0;
  if (task.kind == "generation") {  // but for the template's own tokens, which only a tokenizer tells
    return mean_length(examples.size(Split::kTrain), examples.source_shares(Split::kTrain), [&](int64_t example) {
      int64_t tokens = 1;
      for (const std::string& field : text_fields_of(task))
        tokens += examples.token_count(Split::kTrain, field, example);
      return std::min(tokens, data.max_length);
    });
  }
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
