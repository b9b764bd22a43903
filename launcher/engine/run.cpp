// The whole run on one page: configuration -> corpus -> task -> ranks -> steps -> model/ -> results -> report.
// Every rank executes every line. What only one of them does is behind RankDirectory and Reporter, which know.
#include "launcher/engine/run.h"

#include <ATen/Parallel.h>

#include "core/activity.h"
#include "core/log.h"
#include "core/text.h"
#include "data/joined_splits.h"
#include "data/shards.h"
#include "data/tokenizers/tokenizer.h"
#include "launcher/engine/identity.h"
#include "launcher/engine/rank_directory.h"
#include "launcher/engine/reporter.h"
#include "launcher/program.h"
#include "trainer/tasks/class_weights.h"
#include "trainer/tasks/task.h"
#include "trainer/trainer.h"

namespace broadsheet {
namespace {

TaskRequest task_request(const RunConfig& config, const ShardSet& corpus, std::shared_ptr<const Tokenizer> tokenizer,
                         bool weights_follow) {
  TaskRequest request;
  request.model = config.model;
  request.task = config.task;
  request.adapter = config.adapter;
  request.max_length = config.data.max_length;
  request.long_documents = long_documents_from_name(config.data.long_documents).value();
  request.seed = config.seed;
  request.dropout = config.train.dropout;
  const std::string& named = config.task.kind == "tagging" ? config.task.tags : config.task.label;
  if (!named.empty()) request.classes = corpus.field(named).classes;
  request.class_weights = class_weights(config.task, corpus);
  request.tokenizer = std::move(tokenizer);
  request.weights_follow = weights_follow;
  return request;
}

}  // namespace

std::shared_ptr<const ShardSet> OpenParts::corpus(const std::string& folder) {
  std::shared_ptr<const ShardSet>& corpus = corpora_[folder];
  if (!corpus) corpus = ShardSet::open(folder);
  return corpus;
}

std::shared_ptr<const Tokenizer> OpenParts::tokenizer(const std::string& folder) {
  std::shared_ptr<const Tokenizer>& tokenizer = tokenizers_[folder];
  if (!tokenizer) tokenizer = load_tokenizer(folder);
  return tokenizer;
}

RunEnd run(RunRequest request, Communicator& ranks, RankWatchdog& watchdog, OpenParts& parts, const RunHooks& hooks) {
  // 1. What is asked for: the same on every rank, or nobody starts.
  RunConfig config = load_and_check(request);
  config.launch.ranks = ranks.size();
  agree_on_identity(config, ranks);
  at::set_num_threads(static_cast<int>(config.launch.threads_per_rank));

  // 2. Where it is kept. A finished run is left as it is.
  RankDirectory directory(config, request, ranks);
  if (directory.finished()) return {0, true, {}};
  watchdog.start(directory, config.watchdog, ranks);

  // 3. The corpus, cut into tokens already, and the tokenizer that cut it.
  std::shared_ptr<const ShardSet> corpus = parts.corpus(config.data.corpus);
  if (config.data.train_on_validation) corpus = train_on_validation(corpus);
  const std::string tokenizer_folder = tokenizer_folder_of(config.model);
  const std::shared_ptr<const Tokenizer> tokenizer = parts.tokenizer(tokenizer_folder);
  agree_on_inputs(*corpus, *tokenizer, ranks);

  // 4. The task: a model, its head, its loss and its metrics. Where there is a checkpoint, its weights are the ones to
  // read: going on from it either succeeds or ends the run.
  const bool weights_follow = directory.has_checkpoints(ranks);
  const std::unique_ptr<Task> task = make_task(task_request(config, *corpus, tokenizer, weights_follow));
  if (config.adapter.none()) apply_freeze(task->parameters(), config.freeze);
  corpus = task->examples_of(corpus);
  if (config.validation.metric.empty()) config.validation.metric = task->default_metric();

  // 5. Who tells of it: the console, metrics.jsonl, timings.jsonl, TensorBoard.
  Reporter reporter(config, directory, *corpus, *task);

  // 6. The steps: packed batches, exact gradients over all ranks, validation, checkpoints; resumes by itself.
  TrainerOptions options;
  options.train = config.train;
  options.data = config.data;
  options.validation = config.validation;
  options.checkpoints = config.checkpoints;
  options.seed = config.seed;
  options.checkpoint_root = directory.checkpoints();
  options.attempt = directory.attempt();
  options.feature_folder = corpus->folder() + "/features";
  options.weights_follow = weights_follow;
  options.micro_batch_divisor = directory.micro_batch_divisor(ranks);
  options.identity = checkpoint_identity(config, *tokenizer);
  options.runtime = runtime_identity();
  options.request_file = checkpoint_request_file(directory.folder());
  options.end_time = job_end_time();
  options.records = {directory.folder() + "/metrics.jsonl", directory.folder() + "/timings.jsonl"};
  options.tokenizer_files = tokenizer_paths(tokenizer_folder);
  options.gate = hooks.gate;
  options.measure_test = hooks.measure_test;
  if (hooks.few_checkpoints) options.best_folder = directory.model();
  const TrainOutcome outcome = train(*task, *corpus, ranks, options, reporter);
  if (outcome.end == TrainEnd::kStopped) return {static_cast<int>(ExitCode::kStopped), false, outcome};

  // 7. What is left: the best weights as model/, results.json, report.html, and the table on the screen.
  const PhaseScope saving(Phase::kSave);
  reporter.publish(outcome, *task, options.tokenizer_files, !hooks.keeps_model || hooks.keeps_model(outcome));
  return {0, false, outcome};
}

}  // namespace broadsheet
