#include <algorithm>

#include "core/text.h"
#include "experiments/config_tables.h"
#include "experiments/sweep/sweep_keys.h"

namespace broadsheet {
namespace {

bool is_at_or_below(const std::string& key, const std::string& above) {
  return key == above || starts_with(key, above + ".");
}

// What makes a run another one without making the model another one.
const std::vector<std::pair<std::string, std::string>>& fixed_keys() {
  static const std::string where = "set it in the run file, for all trials";
  static const std::vector<std::pair<std::string, std::string>> keys = {
      {"schema", "remove it"},
      {"kind", "remove it"},
      {"name", "remove it: every trial gets its number"},
      {"runs_dir", "remove it: trials lie in the sweep's own folder"},
      {"task.kind", "write one sweep for each task: their metrics are not comparable"},
      {"launch", where},
      {"slurm", where},
      {"tracking", where},
      {"checkpoints", where},
      {"train.global_batch_tokens",
       "search train.global_batch_size: a sweep counts the steps of its trials by examples"},
      {"watchdog", where},
      {"validation.metric", "write metric: {name: ...}: trials are compared by one metric"},
      {"validation.goal", "write metric: {name: ..., goal: ...}"},
      {"validation.external", where},
      {"validation.every_steps", "set it in the run file: trials are compared at the same steps"},
      {"validation.every_epochs", "set it in the run file: trials are compared at the same epochs"},
  };
  return keys;
}

}  // namespace

const RunKeys& RunKeys::table() {
  static const RunKeys keys;
  return keys;
}

RunKeys::RunKeys() : docs_(key_docs("run")) {
  for (const KeyDoc& doc : docs_) {
    if (has_value(doc.key)) names_.push_back(doc.key);
  }
}

const KeyDoc* RunKeys::find(const std::string& key) const {
  const auto found = std::find_if(docs_.begin(), docs_.end(), [&](const KeyDoc& doc) { return doc.key == key; });
  return found == docs_.end() ? nullptr : &*found;
}

bool RunKeys::has_value(const std::string& key) const {
  if (starts_with(key, "model.config.")) return true;
  const KeyDoc* doc = find(key);
  return doc != nullptr && !doc->later && doc->words != "a map" && key.find('[') == std::string::npos;
}

bool RunKeys::is_path(const std::string& key) const {
  const KeyDoc* doc = find(key);
  return doc != nullptr && doc->words == path().words;
}

bool RunKeys::wants_integer(const std::string& key) const {
  const KeyDoc* doc = find(key);
  return doc != nullptr && doc->words.find("an integer") != std::string::npos;
}

std::optional<Fault> RunKeys::refusal(const std::string& key) const {
  for (const KeyDoc& doc : docs_) {
    if (!doc.later || !is_at_or_below(key, doc.key)) continue;
    return Fault{
        "config.not_in_this_version", {}, "", cat(doc.key, " is designed but not in this version"), "remove it"};
  }
  for (const auto& [fixed, remedy] : fixed_keys()) {
    if (is_at_or_below(key, fixed)) {
      return Fault{"sweep.parameter", {}, "", cat("found ", key, ", which a sweep does not search"), remedy};
    }
  }
  if (has_value(key)) return std::nullopt;
  if (find(key) != nullptr) {
    return Fault{"sweep.parameter", {}, "", cat("found ", key, ", a section of the run file"), "name one of its keys"};
  }
  const auto same_leaf =
      std::find_if(names_.begin(), names_.end(), [&](const std::string& name) { return ends_with(name, "." + key); });
  const std::string near = same_leaf != names_.end() ? *same_leaf : nearest(key, names_);
  return Fault{
      "sweep.unknown_parameter",
      {},
      "",
      cat("found ", printable(key), ", which is no key of the run file"),
      near.empty() ? "parameters are named as in the run file: train.learning_rate" : cat("did you mean ", near, "?")};
}

}  // namespace broadsheet
