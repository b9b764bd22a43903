#include "experiments/load_config.h"

#include <algorithm>

#include "core/path.h"
#include "core/text.h"
#include "experiments/foreign_keys.h"
#include "experiments/yaml.h"

namespace broadsheet {
namespace {

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

// A key of the run file in a sweep file.
std::optional<Fault> of_the_run(const std::string& key) {
  for (const KeyDoc& doc : key_docs("run")) {
    if (doc.key != key) continue;
    return Fault{"config.misplaced_key",
                 {},
                 "",
                 "this is a key of the run file",
                 "write it there; what is searched is listed under parameters"};
  }
  return std::nullopt;
}

// Reads, applies `sets`, checks against `section`; every fault at once.
template <class T>
T load_config(const Section<T>& section, const std::string& path, const std::string& kind,
              const std::vector<Override>& sets, Origins* origins, const Site* site = nullptr) {
  Faults faults;
  ConfigNode root = read_config_tree(path, kind, faults);
  for (const Override& set : sets) set_value(root, set.key, set.value);
  if (site != nullptr) lay_site_beneath(root, *site);
  ConfigReader reader = config_reader(root, path, kind);
  T config;
  if constexpr (std::is_same_v<T, RunConfig>) {
    config = read_run_tree(root, path, reader);
    if (site != nullptr) check_limits(config.slurm, site->limits, site->file, reader);
  } else {
    section.read(root, "", reader, config);
  }
  std::vector<Fault> all = faults.all();
  for (const Fault& fault : reader.faults().all()) all.push_back(fault);
  if (!all.empty()) throw UserError(in_order(std::move(all), path));
  if (origins != nullptr) fill_origins(reader, section.write(config), *origins);
  return config;
}

}  // namespace

ConfigNode read_config_tree(const std::string& path, const std::string& kind, Faults& faults) {
  ConfigNode root = read_yaml(path, faults);
  if (!root.is_map()) {
    throw UserError(Fault{"config.type",
                          {path, 1, 1},
                          "",
                          cat("found ", describe(root), ", wanted a map of keys"),
                          cat("begin with schema: 1, kind: ", kind)});
  }
  static const std::map<std::string, std::string> verbs = {{"run", "train"}, {"corpus", "prepare"}, {"sweep", "sweep"}};
  const ConfigNode* found = root.find("kind");
  const auto verb = found != nullptr && found->is_scalar() ? verbs.find(found->text) : verbs.end();
  if (verb != verbs.end() && verb->first != kind) {
    throw UserError(Fault{"config.kind", found->place, "kind", cat("found ", found->text, ", wanted ", kind),
                          cat("this file is for `broadsheet ", verb->second, " ", path, "`")});
  }
  return root;
}

ConfigReader config_reader(const ConfigNode& root, const std::string& path, const std::string& kind) {
  return ConfigReader(parent_folder(absolute_path(path)),
                      [&root, kind](const std::string& key, const ConfigNode& value) {
                        const bool sweep = kind == "sweep";
                        std::optional<Fault> fault = sweep ? of_the_run(key) : std::nullopt;
                        // Whoever describes a parameter means none of the file's other sections.
                        if (!fault && !starts_with(key, "parameters.")) fault = misplaced(key, kind);
                        if (fault) return fault;
                        const auto remedy = foreign_key_remedy(key, value, root, kind);
                        if (remedy) fault = Fault{"config.foreign_key", {}, "", "this is another tool's key", *remedy};
                        return fault;
                      });
}

std::vector<Fault> in_order(std::vector<Fault> faults, const std::string& path) {
  for (Fault& fault : faults) {
    if (fault.place.file.empty()) fault.place.file = path;
  }
  // In the order of the file: a person works from top to bottom.
  std::stable_sort(faults.begin(), faults.end(), [](const Fault& a, const Fault& b) {
    return std::pair(a.place.line, a.place.column) < std::pair(b.place.line, b.place.column);
  });
  return faults;
}

void fill_origins(const ConfigReader& reader, const OrderedJson& json, Origins& origins) {
  for (const auto& [key, value] : flatten(json)) {
    const ConfigNode* node = giver(reader, key);
    // A section that was given says nothing about a key in it that was not.
    const bool from_file = node != nullptr && (reader.given(key) != nullptr || !node->is_map());
    origins[key] = from_file ? origin_of(*node) : "default";
  }
}

RunConfig read_run_tree(const ConfigNode& root, const std::string& path, ConfigReader& reader) {
  RunConfig config;
  run_section().read(root, "", reader, config);
  if (config.runs_dir == RunConfig{}.runs_dir) config.runs_dir = absolute_path(config.runs_dir, parent_folder(path));
  if (config.validation.metric.empty()) {
    const std::vector<std::string> metrics = metrics_of(config.task);
    if (!metrics.empty()) config.validation.metric = metrics[0];
  }
  return config;
}

RunConfig load_run_config(const std::string& path, const std::vector<Override>& sets, Origins* origins,
                          const Site* site) {
  return load_config(run_section(), path, "run", sets, origins, site);
}

CorpusConfig load_corpus_config(const std::string& path, const std::vector<Override>& sets, Origins* origins) {
  return load_config(corpus_section(), path, "corpus", sets, origins);
}

}  // namespace broadsheet
