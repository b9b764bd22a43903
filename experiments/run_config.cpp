#include "experiments/run_config.h"

#include <algorithm>

#include "core/path.h"
#include "core/text.h"
#include "experiments/config_tables.h"
#include "experiments/foreign_keys.h"
#include "experiments/yaml.h"

namespace broadsheet {
namespace {

// The checks that look across sections; a default that depends on another section is filled in by load_run_config.
void check_run_file(const RunConfig& config, const std::string&, ConfigReader& reader) {
  const std::vector<std::string> metrics = metrics_of(config.task.kind);
  const std::string& metric = config.validation.metric;
  if (!metrics.empty() && !metric.empty() && std::find(metrics.begin(), metrics.end(), metric) == metrics.end()) {
    reader.fault("validation.metric", "config.conflict",
                 cat("found ", metric, ", which task.kind: ", config.task.kind, " does not measure"),
                 "choose one of " + join(metrics, ", "));
  }
  if (config.launch.ranks > config.train.global_batch_size) {
    reader.fault(
        "launch.ranks", "config.conflict",
        cat("found ", config.launch.ranks, " ranks for train.global_batch_size: ", config.train.global_batch_size),
        "some ranks would never get an example; use fewer ranks or a larger batch");
  }
}

bool asks_for_no_adapter(const ConfigNode& node) {
  const ConfigNode* kind = node.find("kind");
  return node.entries.size() == 1 && kind != nullptr && kind->is_scalar() && kind->text == "none";
}

const Section<TrackingConfig>& tracking_section() {
  static const auto section = Section<TrackingConfig>().key("tensorboard", &TrackingConfig::tensorboard, boolean(),
                                                            "Writes scalars that TensorBoard reads.");
  return section;
}

// A key of ours that stands in the wrong section: the places where it would be right.
std::optional<Fault> misplaced(const std::string& key, const std::string& kind) {
  const std::string leaf = key.substr(key.rfind('.') + 1);
  if (leaf == "kind" || leaf == "name" || leaf == "schema" || leaf == "field" || leaf == "config") return std::nullopt;
  std::vector<std::string> places;
  for (const KeyDoc& doc : key_docs(kind)) {
    const bool fixed = doc.key.find('*') == std::string::npos && doc.key.find("[]") == std::string::npos;
    const size_t dot = doc.key.rfind('.');
    if (fixed && !doc.later && doc.key != key && doc.key.substr(dot + 1) == leaf) places.push_back(doc.key);
  }
  if (places.empty() || places.size() > 2) return std::nullopt;
  const bool top = places[0] == leaf;
  return Fault{"config.misplaced_key",
               {},
               "",
               "does not belong here",
               top ? cat("write ", leaf, " at the top level of the file") : cat("write it as ", join(places, " or "))};
}

std::string origin_of(const ConfigNode& node) {
  return node.from_command_line ? "--set" : to_string(node.place);
}

// The nearest given node at or above `key`.
const ConfigNode* giver(const ConfigReader& reader, std::string key) {
  while (true) {
    if (const ConfigNode* node = reader.given(key)) return node;
    const size_t end = key.find_last_of(".[");
    if (end == std::string::npos) return nullptr;
    key.resize(end);
  }
}

void fill_origins(const ConfigReader& reader, const OrderedJson& json, Origins& origins) {
  for (const auto& [key, value] : flatten(json)) {
    const ConfigNode* node = giver(reader, key);
    // A section that was given says nothing about a key in it that was not.
    const bool from_file = node != nullptr && (reader.given(key) != nullptr || !node->is_map());
    origins[key] = from_file ? origin_of(*node) : "default";
  }
}

void flatten_into(const OrderedJson& json, const std::string& key,
                  std::vector<std::pair<std::string, std::string>>& leaves) {
  const bool maps = json.is_array() && !json.empty() && json[0].is_object();
  if (json.is_object() && !json.empty() && key != "model.config") {
    for (auto item = json.begin(); item != json.end(); ++item) flatten_into(*item, join_key(key, item.key()), leaves);
  } else if (maps) {
    for (size_t i = 0; i < json.size(); ++i) flatten_into(json[i], cat(key, "[", i, "]"), leaves);
  } else {
    leaves.emplace_back(key, json.is_string() ? json.get<std::string>() : json.dump());
  }
}

// The keys of `above` stay; maps are laid over each other.
void lay_beneath(ConfigNode& above, const ConfigNode& beneath) {
  for (const ConfigNode::Entry& entry : beneath.entries) {
    const auto found = std::find_if(above.entries.begin(), above.entries.end(),
                                    [&](const ConfigNode::Entry& one) { return one.key == entry.key; });
    if (found == above.entries.end()) {
      above.entries.push_back(entry);
    } else if (found->value.is_map() && entry.value.is_map()) {
      lay_beneath(found->value, entry.value);
    }
  }
}

void lay_site_beneath(ConfigNode& root, const Site& site) {
  ConfigNode beneath;
  if (!site.slurm.entries.empty()) beneath.entries.push_back({"slurm", site.slurm.place, site.slurm});
  lay_beneath(root, beneath);
}

// Reads, applies `sets`, checks against `section`; every fault at once.
template <class T>
T load_config(const Section<T>& section, const std::string& path, const std::string& kind,
              const std::vector<Override>& sets, Origins* origins, const Site* site = nullptr) {
  Faults faults;
  ConfigNode root = read_yaml(path, faults);
  if (!root.is_map()) {
    throw UserError(Fault{"config.type",
                          {path, 1, 1},
                          "",
                          cat("found ", describe(root), ", wanted a map of keys"),
                          cat("begin with schema: 1, kind: ", kind)});
  }
  const ConfigNode* found = root.find("kind");
  if (found != nullptr && found->is_scalar() && found->text != kind &&
      (found->text == "run" || found->text == "corpus")) {
    const char* verb = found->text == "run" ? "train" : "prepare";
    throw UserError(Fault{"config.kind", found->place, "kind", cat("found ", found->text, ", wanted ", kind),
                          cat("this file is for `broadsheet ", verb, " ", path, "`")});
  }
  for (const Override& set : sets) set_value(root, set.key, set.value);
  if (site != nullptr) lay_site_beneath(root, *site);
  ConfigReader reader(parent_folder(absolute_path(path)), [&](const std::string& key, const ConfigNode& value) {
    std::optional<Fault> fault = misplaced(key, kind);
    if (fault) return fault;
    const auto remedy = foreign_key_remedy(key, value, root, kind);
    if (remedy) fault = Fault{"config.foreign_key", {}, "", "this is another tool's key", *remedy};
    return fault;
  });
  T config;
  section.read(root, "", reader, config);
  if constexpr (std::is_same_v<T, RunConfig>) {
    if (site != nullptr) check_limits(config.slurm, site->limits, site->file, reader);
  }
  for (const Fault& fault : reader.faults().all()) faults.add(fault);
  std::vector<Fault> all = faults.all();
  for (Fault& fault : all) {
    if (fault.place.file.empty()) fault.place.file = path;
  }
  // In the order of the file: a person works from top to bottom.
  std::stable_sort(all.begin(), all.end(), [](const Fault& a, const Fault& b) {
    return std::pair(a.place.line, a.place.column) < std::pair(b.place.line, b.place.column);
  });
  if (!all.empty()) throw UserError(all);
  if (origins != nullptr) fill_origins(reader, section.write(config), *origins);
  return config;
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
          .later("adapter", "Train a small adapter (LoRA) instead of all weights.", asks_for_no_adapter)
          .key("freeze", &RunConfig::freeze, freeze_type(),
               "What is not trained. Where nothing below the head is, the trunk runs without dropout and in float32, "
               "and its "
               "outputs for a corpus are computed once and kept beside it (not for masked_lm, whose head reads every "
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
          .check(check_run_file);
  return section;
}

std::vector<KeyDoc> key_docs(const std::string& kind) {
  std::vector<KeyDoc> docs;
  if (kind == "corpus") {
    corpus_section().describe("", docs);
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

RunConfig load_run_config(const std::string& path, const std::vector<Override>& sets, Origins* origins,
                          const Site* site) {
  RunConfig config = load_config(run_section(), path, "run", sets, origins, site);
  if (config.runs_dir == RunConfig{}.runs_dir) config.runs_dir = absolute_path(config.runs_dir, parent_folder(path));
  if (config.validation.metric.empty()) {
    config.validation.metric = metrics_of(config.task.kind).at(0);
    if (origins != nullptr) (*origins)["validation.metric"] = "default";
  }
  return config;
}

CorpusConfig load_corpus_config(const std::string& path, const std::vector<Override>& sets, Origins* origins) {
  return load_config(corpus_section(), path, "corpus", sets, origins);
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
                          "add kind: run (for train) or kind: corpus (for prepare)"});
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
