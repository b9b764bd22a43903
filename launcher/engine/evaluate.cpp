#include <ATen/Parallel.h>

#include <cstdio>
#include <functional>

#include "checkpoints/huggingface.h"
#include "core/durable.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/path.h"
#include "core/text.h"
#include "data/shards.h"
#include "data/tokenizers/tokenizer.h"
#include "experiments/compare_predictions.h"
#include "experiments/results.h"
#include "launcher/answer.h"
#include "launcher/engine/models.h"
#include "launcher/output.h"
#include "launcher/program.h"
#include "trainer/parallel/communicator.h"
#include "trainer/prediction_lines.h"
#include "trainer/tasks/task.h"
#include "trainer/validation.h"

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
    std::snprintf(line, sizeof line, "  %-17s %.6g\n", name.c_str(), value);
    text += line;
  }
  print_text(text);
}

void write_whole(const OutputPlace& place, const std::string& text, Communicator& ranks) {
  if (!ranks.first()) return;
  Output output(place);
  output.write(text);
  output.finish();
}

int compare(const Command& command) {
  if (command.positionals.size() != 2) {
    throw UserError("usage.missing", "broadsheet evaluate --compare: wants two files of predictions",
                    "write evaluate --compare A.jsonl B.jsonl; evaluate MODEL --predictions FILE makes such a file");
  }
  for (const char* option : {"corpus", "split", "predictions"}) {
    if (command.has(option))
      throw UserError("usage.conflict", cat("--", option, " goes with a MODEL, not with --compare"), "remove one");
  }
  ComparisonRequest request;
  request.a = absolute_path(command.positionals[0]);
  request.b = absolute_path(command.positionals[1]);
  request.metric = command.value("metric");
  request.samples = command.number("samples", 1, 10'000'000).value_or(request.samples);
  request.seed = static_cast<uint64_t>(command.number("seed", 0, 1'000'000'000).value_or(1));
  const Comparison comparison = compare_predictions(request);
  if (command.json) {
    print_json(to_json(request, comparison));
  } else {
    print_text(comparison_text(request, comparison));
  }
  return 0;
}

void check_model_options(const Command& command) {
  if (command.positionals.size() != 1)
    throw UserError("usage.superfluous", "broadsheet evaluate: one MODEL, found two",
                    "add --compare, or leave one out");
  for (const char* option : {"metric", "samples", "seed"}) {
    if (command.has(option))
      throw UserError("usage.conflict", cat("--", option, " goes with --compare"), "add --compare, or remove it");
  }
}

}  // namespace

int evaluate(const Command& command) {
  if (command.has("compare")) return compare(command);
  check_model_options(command);
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
  const OutputPlace predictions = output_place(command.value("predictions"), "predictions");
  const auto task = load_task(location, nullptr);
  const auto examples = task->examples_of(corpus);
  PredictionLines lines(*task, *examples, split);
  std::function<void(const Batch&)> on_batch;
  if (command.has("predictions")) on_batch = [&](const Batch& batch) { lines.add(batch); };
  const Evaluation evaluation = run_evaluation(*task, *examples, split, *ranks, on_batch);
  if (on_batch) write_whole(predictions, lines.all(*ranks), *ranks);
  nlohmann::json answer = {{"schema", 1},
                           {"model", model},
                           {"corpus", corpus->folder()},
                           {"split", split_name(split)},
                           {"task", task->kind()},
                           {"metrics", metrics_json(evaluation.metrics)}};
  if (evaluation.details.is_object()) answer.update(evaluation.details);
  if (ranks->first()) print(answer, evaluation.metrics, command.json);
  return 0;
}

}  // namespace broadsheet
