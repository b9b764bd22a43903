#include <ATen/Parallel.h>

#include <cstdio>

#include "checkpoints/huggingface.h"
#include "core/durable.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/path.h"
#include "core/text.h"
#include "data/shards.h"
#include "data/tokenizers/tokenizer.h"
#include "experiments/results.h"
#include "launcher/answer.h"
#include "launcher/engine/models.h"
#include "launcher/program.h"
#include "trainer/parallel/communicator.h"
#include "trainer/tasks/task.h"
#include "trainer/trainer.h"

namespace broadsheet {
namespace {

std::string corpus_folder(const Command& command, const ModelLocation& location) {
  if (command.has("corpus")) return absolute_path(command.value("corpus"));
  const std::string file = location.run_folder + "/run.yaml";
  if (location.run_folder.empty() || !exists(file)) {
    throw UserError("usage.missing", "broadsheet evaluate: --corpus is missing; the model does not come from a run",
                    "name the prepared corpus");
  }
  return load_run_config(file, {}).data.corpus;
}

bool was_trained_on_validation(const ModelLocation& location, const std::string& corpus) {
  const std::string file = location.run_folder + "/run.yaml";
  if (location.run_folder.empty() || !exists(file)) return false;
  try {
    const DataConfig data = load_run_config(file, {}).data;
    return data.train_on_validation && data.corpus == corpus;
  } catch (const Error&) {
    return false;  // of another version: it has no say here
  }
}

void check_tokenizer(const ShardSet& corpus, const std::string& folder) {
  if (load_tokenizer(folder)->fingerprint() == corpus.tokenizer_fingerprint()) return;
  throw UserError("evaluate.tokenizer",
                  cat(corpus.folder(), " was prepared with another tokenizer than that of ", folder),
                  "prepare the corpus again with this model's tokenizer");
}

void print(const nlohmann::json& answer, const MetricValues& metrics, bool json) {
  if (json) {
    print_json(answer);
    return;
  }
  std::string text = cat(answer["model"].get<std::string>(), " on ", answer["split"].get<std::string>(), " of ",
                         answer["corpus"].get<std::string>(), "\n");
  for (const auto& [name, value] : metrics) {
    char line[80];
    std::snprintf(line, sizeof line, "  %-14s %.6g\n", name.c_str(), value);
    text += line;
  }
  print_text(text);
}

}  // namespace

int evaluate(const Command& command) {
  const auto ranks = make_communicator();
  at::set_num_threads(static_cast<int>(command.number("threads", 1, 4096).value_or(available_cores())));
  const std::string model = absolute_path(command.positionals[0]);
  const ModelLocation location = locate_model(model);
  const auto corpus = ShardSet::open(corpus_folder(command, location));
  check_tokenizer(*corpus, location.tokenizer_folder);
  const Split split = split_from_name(command.value("split", "test"));
  if (corpus->size(split) == 0) {
    throw UserError("evaluate.empty", cat(corpus->folder(), ": the ", split_name(split), " split has no document"),
                    "choose another --split");
  }
  if (split == Split::kValidation && was_trained_on_validation(location, corpus->folder()) && ranks->first())
    log_warning("the model was trained on this split too: its scores there say nothing about other texts");
  const auto task = load_task(location, nullptr);
  const MetricValues metrics = evaluate_split(*task, *task->examples_of(corpus), split, *ranks);
  const nlohmann::json answer = {{"schema", 1},
                                 {"model", model},
                                 {"corpus", corpus->folder()},
                                 {"split", split_name(split)},
                                 {"task", task->kind()},
                                 {"metrics", metrics_json(metrics)}};
  if (ranks->first()) print(answer, metrics, command.json);
  return 0;
}

}  // namespace broadsheet
