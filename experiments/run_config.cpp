#include "experiments/run_config.h"

#include <algorithm>

#include "core/text.h"
#include "experiments/config_tables.h"
#include "experiments/sweep/sweep_keys.h"
#include "experiments/yaml.h"

namespace broadsheet {
namespace {

void check_adapter_use(const RunConfig& config, ConfigReader& reader) {
  if (config.adapter.none()) return;
  const FreezeConfig& freeze = config.freeze;
  if (freeze.all_but_head || freeze.embeddings || freeze.layers > 0) {
    reader.fault("freeze", "config.conflict",
                 cat("found freeze beside adapter.kind: ", config.adapter.kind,
                     ", which trains nothing but its branches and the classifier"),
                 "remove freeze");
  }
  if (!config.model.architecture.empty()) {
    reader.fault("adapter", "config.conflict", "found an adapter for a model from scratch",
                 "an adapter needs a trained model: write model: {from: FOLDER}, or remove it");
  }
}

// Whether the task bears what becomes of documents that are too long.
void check_long_documents(const RunConfig& config, ConfigReader& reader) {
  const std::string& what = config.data.long_documents;
  if (what == "truncate") return;
  if (!config.task.words.empty()) {
    reader.fault("data.long_documents", "config.conflict", "with task.words documents are read from their beginning",
                 "remove it, or remove task.words");
  }
  if (!config.task.text_pair.empty()) {
    reader.fault("data.long_documents", "config.conflict", cat("found ", what, " for a task of text pairs"),
                 "remove it: of a pair the longer text is cut first; or remove task.text_pair");
  }
  if (what == "head_tail" && config.task.kind == "causal_lm") {
    reader.fault("data.long_documents", "config.conflict",
                 "found head_tail, after whose gap causal_lm would learn what does not follow",
                 "write truncate or split");
  }
  if (config.task.kind == "generation") {
    reader.fault("data.long_documents", "config.conflict", cat("found ", what, " for a task that writes one text"),
                 "remove it: of a prompt that is too long the longest field is cut at its end");
  }
}

void check_validation_metric(const RunConfig& config, ConfigReader& reader) {
  const std::vector<std::string> metrics = metrics_of(config.task);
  const ValidationConfig& validation = config.validation;
  const std::string metric = validation.metric.empty() && !metrics.empty() ? metrics[0] : validation.metric;
  const bool known = std::find(metrics.begin(), metrics.end(), metric) != metrics.end();
  if (!metrics.empty() && !known && !is_external(metric)) {
    reader.fault("validation.metric", "config.conflict",
                 cat("found ", metric, ", which task.kind: ", config.task.kind, " does not measure"),
                 "choose one of " + join(metrics, ", "));
  }
  if (known && !validation.goal.empty() && (validation.goal == "maximize") != higher_is_better(metric)) {
    reader.fault("validation.goal", "config.conflict",
                 cat("found ", validation.goal, ", but ", higher_is_better(metric) ? "more" : "less", " of ", metric,
                     " is better"),
                 "remove it: only external.NAME needs one");
  }
  if (!validation.external.empty() && (config.task.kind == "masked_lm" || config.task.kind == "causal_lm")) {
    reader.fault("validation.external", "config.conflict",
                 cat("a ", config.task.kind, " model says nothing of a document as a whole"),
                 "remove it, or change task.kind");
  }
}

// What needs a validation split that is not trained on.
void check_held_out(const RunConfig& config, ConfigReader& reader) {
  if (!config.data.train_on_validation) return;
  const ValidationConfig& validation = config.validation;
  if (validation.every_steps > 0 || validation.every_epochs > 0 || validation.early_stopping.patience > 0) {
    reader.fault("data.train_on_validation", "config.conflict",
                 "found true, which leaves nothing to validate on, and keys that say when to validate",
                 "remove validation.every_steps, every_epochs and early_stopping");
  }
  if (!validation.external.empty()) {
    reader.fault("validation.external", "config.conflict", "data.train_on_validation leaves it nothing to look at",
                 "remove one of the two");
  }
  if (config.task.calibration != "none") {
    reader.fault("task.calibration", "config.conflict",
                 "data.train_on_validation leaves nothing to fit the temperature on", "remove one of the two");
  }
}

// The checks that look across sections; a default that depends on another section is filled in by load_run_config.
void check_whole_run(const RunConfig& config, const std::string&, ConfigReader& reader) {
  check_validation_metric(config, reader);
  check_held_out(config, reader);
  check_long_documents(config, reader);
  if (config.task.kind == "generation" && config.task.max_new_tokens >= config.data.max_length) {
    reader.fault("task.max_new_tokens", "config.conflict",
                 cat("found ", config.task.max_new_tokens,
                     ", which leaves no room for a prompt in data.max_length: ", config.data.max_length),
                 "write fewer, or a larger max_length");
  }
  if (config.train.global_batch_tokens > 0 && config.train.global_batch_tokens < config.data.max_length) {
    reader.fault("train.global_batch_tokens", "config.range",
                 cat("found ", config.train.global_batch_tokens,
                     ", fewer than a sequence may have (data.max_length: ", config.data.max_length, ")"),
                 "write at least that");
  }
  check_adapter_use(config, reader);
  if (config.launch.ranks > most_examples(config.train)) {
    reader.fault("launch.ranks", "config.conflict",
                 cat("found ", config.launch.ranks, " ranks for train.global_batch_",
                     config.train.global_batch_tokens > 0 ? "tokens: " : "size: ", most_examples(config.train)),
                 "some ranks would never get an example; use fewer ranks or a larger batch");
  }
}

const Section<TrackingConfig>& tracking_section() {
  static const auto section = Section<TrackingConfig>().key("tensorboard", &TrackingConfig::tensorboard, boolean(),
                                                            "Writes scalars that TensorBoard reads.");
  return section;
}

void flatten_into(const OrderedJson& value, const std::string& key,
                  std::vector<std::pair<std::string, std::string>>& leaves) {
  const bool maps = value.is_array() && !value.empty() && value[0].is_object();
  if (value.is_object() && !value.empty() && key != "model.config") {
    for (auto item = value.begin(); item != value.end(); ++item) flatten_into(*item, join_key(key, item.key()), leaves);
  } else if (maps) {
    for (size_t i = 0; i < value.size(); ++i) flatten_into(value[i], cat(key, "[", i, "]"), leaves);
  } else {
    leaves.emplace_back(key, value.is_string() ? value.get<std::string>() : value.dump());
  }
}

}  // namespace

const Section<RunConfig>& run_section() {
  static const auto section =
      Section<RunConfig>()
          .key("schema", &RunConfig::schema, fixed_integer(1), "Version of the file's format.", Need::kRequired)
          .key("kind", &RunConfig::kind, one_of({{"run"}, {}, {}}), "What the file describes.", Need::kRequired)
          .key("name", &RunConfig::name, short_name(), "The run's name; its folder is <runs_dir>/<name>.",
               Need::kRequired)
          .key("seed", &RunConfig::seed, natural(), "Of the order of examples, dropout, masking and new weights.")
          .key("runs_dir", &RunConfig::runs_dir, path(), "Folder in which runs get their folders.")
          .key("model", &RunConfig::model, nested(model_section()), "Where the weights come from.", Need::kRequired)
          .key("adapter", &RunConfig::adapter, adapter_type(), "Train a small adapter (LoRA) instead of all weights.")
          .key("freeze", &RunConfig::freeze, freeze_type(),
               "What is not trained. Where nothing below the head is, the trunk runs without dropout and in float32, "
               "and its "
               "outputs for a corpus are computed once and kept beside it (not for masked_lm, causal_lm and "
               "generation, whose head "
               "reads every "
               "token).")
          .key("task", &RunConfig::task, nested(task_section()), "What is learned, from which fields of the corpus.",
               Need::kRequired)
          .key("data", &RunConfig::data, nested(data_section()), "What is read.", Need::kRequired)
          .key("train", &RunConfig::train, nested(train_section()), "How it is learned.")
          .key("validation", &RunConfig::validation, nested(validation_section()), "When and how it is measured.")
          .key("checkpoints", &RunConfig::checkpoints, nested(checkpoint_section()), "When the state is saved.")
          .key("watchdog", &RunConfig::watchdog, nested(watchdog_section()), "When the run counts as hanging.")
          .key("launch", &RunConfig::launch, nested(launch_section()), "On how many processes.")
          .key("slurm", &RunConfig::slurm, nested(slurm_section()), "How `submit` asks Slurm for it.")
          .key("tracking", &RunConfig::tracking, nested(tracking_section()), "What is written for other tools.")
          .check(check_whole_run);
  return section;
}

std::vector<KeyDoc> key_docs(const std::string& kind) {
  std::vector<KeyDoc> docs;
  if (kind == "corpus") {
    corpus_section().describe("", docs);
  } else if (kind == "sweep") {
    sweep_section().describe("", docs);
  } else {
    run_section().describe("", docs);
  }
  return docs;
}

std::vector<std::pair<std::string, std::string>> flatten(const OrderedJson& json) {
  std::vector<std::pair<std::string, std::string>> leaves;
  flatten_into(json, "", leaves);
  return leaves;
}

std::string file_kind(const std::string& path) {
  Faults faults;
  const ConfigNode root = read_yaml(path, faults);
  const ConfigNode* kind = root.find("kind");
  const bool known =
      kind != nullptr && kind->is_scalar() && (kind->text == "run" || kind->text == "corpus" || kind->text == "sweep");
  if (!known) {
    throw UserError(Fault{"config.kind", kind != nullptr ? kind->place : Place{path, 1, 1}, "kind",
                          kind != nullptr ? cat("found ", describe(*kind), ", wanted run, corpus or sweep")
                                          : "missing, wanted run, corpus or sweep",
                          "add kind: run (for train), kind: corpus (for prepare) or kind: sweep (for sweep)"});
  }
  return kind->text;
}

std::string to_yaml(const RunConfig& config) {
  return emit_yaml(run_section().write(config));
}

nlohmann::json to_json(const RunConfig& config) {
  return nlohmann::json::parse(run_section().write(config).dump());
}

std::vector<Difference> differences(const RunConfig& before, const RunConfig& after) {
  const auto old_leaves = flatten(run_section().write(before)), new_leaves = flatten(run_section().write(after));
  std::map<std::string, std::pair<std::string, std::string>> values;
  for (const auto& [key, value] : old_leaves) values[key].first = value;
  for (const auto& [key, value] : new_leaves) values[key].second = value;
  std::vector<Difference> list;
  for (const auto& [key, value] : values) {
    if (value.first != value.second) list.push_back({key, value.first, value.second});
  }
  return list;
}

bool may_change_on_resume(const std::string& key) {
  for (const char* free : {"train.num_train_epochs", "train.max_steps", "validation", "checkpoints", "watchdog",
                           "launch", "slurm", "tracking"}) {
    if (key == free || starts_with(key, cat(free, "."))) return true;
  }
  return false;
}

}  // namespace broadsheet
