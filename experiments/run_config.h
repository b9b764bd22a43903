// RunConfig: run.yaml, read. The sections belong to their owners; this struct only puts them together.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/corpus_config.h"
#include "experiments/site.h"
#include "slurm/config.h"
#include "trainer/config.h"

namespace broadsheet {

struct TrackingConfig {
  bool tensorboard = true;
};

struct RunConfig {
  int schema = 1;
  std::string kind = "run";
  std::string name;  // [A-Za-z0-9._-]{1,64}
  uint64_t seed = 1;
  std::string runs_dir = "runs";  // resolved against the file
  ModelConfig model;
  AdapterConfig adapter;
  FreezeConfig freeze;
  TaskConfig task;
  DataConfig data;
  TrainConfig train;
  ValidationConfig validation;
  CheckpointConfig checkpoints;
  WatchdogConfig watchdog;
  LaunchConfig launch;
  SlurmConfig slurm;
  TrackingConfig tracking;

  std::string run_dir() const { return runs_dir + "/" + name; }
};

// "--set a.b=value": edits the YAML tree before it is read; relative paths in it are resolved against the working
// directory.
struct Override {
  std::string key, value;
};

// Where a value of the resolved configuration came from: "default", "file:line:column", "--set", "site".
using Origins = std::map<std::string, std::string>;

// Read and checked against the field tables; every fault at once (UserError). Paths come back absolute.
// `sets` win over the file, the file over the site's defaults of `slurm`; the site's ceilings hold for all of them.
// `origins`, when given, is filled with one entry per key.
RunConfig load_run_config(const std::string& path, const std::vector<Override>& sets, Origins* origins = nullptr,
                          const Site* site = nullptr);
CorpusConfig load_corpus_config(const std::string& path, const std::vector<Override>& sets, Origins* origins = nullptr);
// The file's `kind:`: "run", "corpus" or "sweep". UserError when it is none.
std::string file_kind(const std::string& path);

// The resolved configuration with every default, as YAML that loads to the same struct again.
std::string to_yaml(const RunConfig& config);
nlohmann::json to_json(const RunConfig& config);
// Dotted keys whose values differ, with both values as text.
struct Difference {
  std::string key, before, after;
};
std::vector<Difference> differences(const RunConfig& before, const RunConfig& after);
// Keys in which a resumed run may differ: num_train_epochs, max_steps, validation, checkpoints, watchdog, launch,
// slurm, tracking.
bool may_change_on_resume(const std::string& key);

// JSON schema (draft-07) for editors; kind: run | corpus | sweep.
nlohmann::json json_schema(const std::string& kind);
// The generated reference page (Markdown) docs/configuration.md.
std::string configuration_reference();
// The same for a terminal: every key with its default and what it is for. kind: run | corpus | sweep.
std::string configuration_help(const std::string& kind);

}  // namespace broadsheet
