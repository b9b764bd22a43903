#include "trainer/tasks/task.h"

#include <algorithm>
#include <utility>

#include "checkpoints/peft.h"
#include "core/errors.h"
#include "core/path.h"
#include "core/text.h"
#include "trainer/adapters/lora.h"
#include "trainer/tasks/text_task.h"

namespace broadsheet {
namespace {

std::unique_ptr<Task> build(TaskSetup setup) {
  const std::string& kind = setup.task.kind;
  if (kind == "masked_lm") return make_masked_lm(std::move(setup));
  if (kind == "causal_lm") return make_causal_lm(std::move(setup));
  if (kind == "generation") return make_generation(std::move(setup));
  if (kind == "classification") return make_classification(std::move(setup));
  if (kind == "regression") return make_regression(std::move(setup));
  if (kind == "tagging") return make_tagging(std::move(setup));
  throw UserError(
      {"task.kind",
       {},
       "task.kind",
       cat("found \"", kind, "\", wanted masked_lm, causal_lm, generation, classification, regression or tagging"),
       "other tasks are not in this version"});
}

bool has_classes(const TaskConfig& task) {
  return task.kind == "classification" || task.kind == "tagging";
}

// What a configuration from scratch leaves to its tokenizer.
void take_from_tokenizer(const std::string& architecture, const Tokenizer& tokenizer, nlohmann::json& config) {
  const auto set_default = [&](const char* key, int32_t value) {
    if (!config.contains(key)) config[key] = value;
  };
  set_default("vocab_size", tokenizer.vocab_size());
  const SpecialTokens specials = tokenizer.special_tokens();
  if (architecture != "gpt2") return set_default("pad_token_id", specials.pad);
  const int32_t end = specials.sep >= 0 ? specials.sep : specials.eos;
  if (end < 0) return;
  set_default("eos_token_id", end);
  set_default("bos_token_id", specials.cls >= 0 ? specials.cls : end);
}

void from_scratch(const TaskRequest& request, TaskSetup& setup) {
  const std::string& architecture = request.model.architecture;
  nlohmann::json config = request.model.config.is_null() ? nlohmann::json::object() : request.model.config;
  if (config.is_object() && request.tokenizer) take_from_tokenizer(architecture, *request.tokenizer, config);
  setup.model = read_architecture(architecture, config, "model.config");
  setup.source_config = to_json(setup.model);
  setup.source_config.update(config);
  const auto padding = setup.source_config.find("pad_token_id");
  if (padding != setup.source_config.end() && *padding == -1) *padding = nullptr;
}

void from_folder(const std::string& folder, TaskSetup& setup) {
  setup.source_config = read_model_config(folder);
  setup.model = read_architecture(setup.source_config, folder + "/config.json");
  setup.weights = WeightFiles::open(folder);
}

// The base that an adapter is trained on.
void take_base(const std::string& folder, TaskSetup& setup) {
  if (is_adapter_folder(folder)) {
    throw UserError({"adapter.base",
                     {},
                     "model.from",
                     cat(folder, " is the folder of an adapter itself"),
                     "merge it first: broadsheet export DIR --merge-adapters --out NEW"});
  }
  setup.base_folder = absolute_path(folder);
  setup.base_weights = setup.weights->identity();
}

void check_problem(const std::string& problem, const std::string& file) {
  if (problem == "single" || problem == "multi_label" || problem == "ordinal") return;
  throw UserError({"model.broadsheet",
                   {file},
                   "task.problem",
                   cat("found \"", problem, "\", wanted single, multi_label or ordinal"),
                   "export the model again"});
}

// The keys of the "task" object of broadsheet.json.
TaskConfig read_task(const nlohmann::json& broadsheet, const std::string& folder) {
  const std::string file = folder + "/broadsheet.json";
  try {
    const nlohmann::json& json = broadsheet.at("task");
    TaskConfig task;
    task.kind = json.at("kind").get<std::string>();
    if (task.kind == "generation") {
      task.prompt = json.at("prompt").get<std::string>();
      task.target = json.at("target").get<std::string>();
      task.max_new_tokens = json.value("max_new_tokens", task.max_new_tokens);
      task.pieces = json.value("pieces", task.pieces);
      return task;
    }
    task.text = json.at("text").get<std::string>();
    task.text_pair = json.value("text_pair", "");
    task.label = json.value("label", "");
    task.score = json.value("score", "");
    task.mlm_probability = json.value("mlm_probability", task.mlm_probability);
    task.masking = json.value("masking", task.masking);
    task.words = json.value("words", "");
    task.tags = json.value("tags", "");
    task.problem = json.value("problem", task.problem);
    check_problem(task.problem, file);
    return task;
  } catch (const nlohmann::json::exception& error) {
    throw UserError({"model.broadsheet", {file}, "task", error.what(), "export the model again, or remove this file"});
  }
}

// What a plain Hugging Face folder was trained for, by its architecture.
std::string kind_of(const nlohmann::json& config, const std::string& folder) {
  std::string architecture = "none";
  const auto found = config.find("architectures");
  if (found != config.end() && found->is_array() && !found->empty() && found->front().is_string()) {
    architecture = found->front().get<std::string>();
  }
  if (ends_with(architecture, "ForMaskedLM") || architecture == "BertForPreTraining") return "masked_lm";
  if (ends_with(architecture, "LMHeadModel")) return "causal_lm";
  if (ends_with(architecture, "ForTokenClassification")) return "tagging";
  if (ends_with(architecture, "ForSequenceClassification")) {
    return class_names(config, folder + "/config.json").size() == 1 ? "regression" : "classification";
  }
  throw UserError({"task.unknown",
                   {folder + "/config.json"},
                   "architectures",
                   cat("found ", architecture,
                       ", wanted a model class for masked or causal language modelling, or for sequence or "
                       "token classification"),
                   "fine-tune the model first, or use a folder with a head"});
}

void set_default(std::string& field, const char* name) {
  if (field.empty()) field = name;
}

TaskConfig plain_task(const nlohmann::json& config, const std::string& folder, const TaskConfig* given) {
  TaskConfig task = given != nullptr ? *given : TaskConfig{};
  if (task.kind.empty()) task.kind = kind_of(config, folder);
  if (task.kind == "classification" && config.value("problem_type", nlohmann::json()) == "multi_label_classification")
    task.problem = "multi_label";
  set_default(task.text, "text");
  set_default(task.label, "label");
  set_default(task.score, "score");
  if (task.kind == "tagging") set_default(task.words, "words");
  set_default(task.tags, "tags");
  return task;
}

LongDocuments read_long_documents(const ModelLocation& location) {
  const std::string name = location.broadsheet.value("long_documents", "truncate");
  if (const std::optional<LongDocuments> what = long_documents_from_name(name)) return *what;
  throw UserError({"model.broadsheet",
                   {location.weights_folder + "/broadsheet.json"},
                   "long_documents",
                   cat("found \"", name, "\", wanted truncate, head_tail or split"),
                   "export the model again"});
}

void read_broadsheet(const ModelLocation& location, const TaskConfig* given, TaskSetup& setup) {
  setup.task = read_task(location.broadsheet, location.weights_folder);
  if (given != nullptr) {
    const auto take = [](std::string& field, const std::string& from) {
      if (!from.empty()) field = from;
    };
    take(setup.task.text, given->text);
    take(setup.task.text_pair, given->text_pair);
    take(setup.task.label, given->label);
    take(setup.task.score, given->score);
    take(setup.task.words, given->words);
    take(setup.task.tags, given->tags);
  }
  try {
    setup.max_length = location.broadsheet.at("max_length").get<int64_t>();
    setup.long_documents = read_long_documents(location);
    if (location.broadsheet.contains("classes")) {
      setup.classes = location.broadsheet["classes"].get<std::vector<std::string>>();
    }
  } catch (const nlohmann::json::exception& error) {
    throw UserError({"model.broadsheet",
                     {location.weights_folder + "/broadsheet.json"},
                     "",
                     error.what(),
                     "export the model again, or remove this file"});
  }
}

}  // namespace

bool Task::higher_is_better(const std::string& metric) {
  return broadsheet::higher_is_better(metric);
}

ParameterList saved_parameters(Task& task) {
  return task.adapter_config().is_null() ? task.parameters() : adapter_parameters(task.parameters());
}

std::vector<Prediction> Task::predict_rows(const Tokenizer& tokenizer,
                                           const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::string> texts, pairs;
  for (const std::vector<std::string>& row : rows) {
    texts.push_back(row.at(0));
    if (row.size() > 1) pairs.push_back(row[1]);
  }
  return predict(tokenizer, texts, pairs);
}

std::unique_ptr<Task> make_task(const TaskRequest& request) {
  TaskSetup setup;
  setup.task = request.task;
  setup.max_length = request.max_length;
  setup.long_documents = request.long_documents;
  setup.seed = request.seed;
  if (has_classes(request.task)) {
    setup.classes = request.classes;
    setup.class_weights = request.class_weights;
  }
  setup.tokenizer = request.tokenizer;
  setup.adapter = request.adapter;
  if (request.model.from.empty()) {
    from_scratch(request, setup);
  } else {
    const std::string folder = locate_model(request.model.from).weights_folder;
    from_folder(folder, setup);
    if (!setup.adapter.none()) take_base(folder, setup);
  }
  setup.weights_follow = request.weights_follow;
  if (request.dropout) override_dropout(setup.model, *request.dropout);
  return build(std::move(setup));
}

std::unique_ptr<Task> load_task(const ModelLocation& location, const TaskConfig* task) {
  TaskSetup setup;
  const std::string& folder = location.weights_folder;
  from_folder(folder, setup);
  setup.tokenizer = load_tokenizer(location.tokenizer_folder.empty() ? folder : location.tokenizer_folder);
  if (location.broadsheet.is_object()) {
    read_broadsheet(location, task, setup);
  } else {
    setup.task = plain_task(setup.source_config, folder, task);
    setup.max_length = traits_of(setup.model).max_length;
  }
  if (has_classes(setup.task) && setup.classes.empty()) {
    setup.classes = class_names(setup.source_config, folder + "/config.json");
  }
  std::unique_ptr<Task> loaded = build(std::move(setup));
  if (!loaded->load_report().missing.empty()) {
    throw UserError(
        "model.no_head",
        cat(folder, " has no ", loaded->kind(), " head: it lacks ", join(loaded->load_report().missing, ", ")),
        "fine-tune the model first");
  }
  return loaded;
}

void apply_freeze(ParameterList& parameters, const FreezeConfig& freeze) {
  int64_t layers = 0;
  for (const Parameter& parameter : parameters) layers = std::max(layers, parameter.layer + 1);
  if (freeze.layers < 0 || freeze.layers > layers) {
    throw UserError({"freeze.layers",
                     {},
                     "freeze.layers",
                     cat("found ", freeze.layers, ", the model has ", layers, " layers"),
                     cat("choose 0 to ", layers)});
  }
  bool any = false;
  for (Parameter& parameter : parameters) {
    const bool head = parameter.layer == kHeadLayer;
    const bool frozen = (freeze.all_but_head && !head) || (freeze.embeddings && parameter.layer == -1) ||
                        (parameter.layer >= 0 && parameter.layer < freeze.layers);
    parameter.tensor.requires_grad_(!frozen);
    any = any || !frozen;
  }
  if (!any) {
    throw UserError(
        {"freeze.nothing_trained", {}, "freeze", "every parameter is frozen", "freeze less: nothing would be trained"});
  }
}

}  // namespace broadsheet
