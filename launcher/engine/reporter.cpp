#include "launcher/engine/reporter.h"

#include <algorithm>
#include <cmath>

#include "checkpoints/huggingface.h"
#include "checkpoints/peft.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/text.h"
#include "data/batch.h"
#include "experiments/report.h"
#include "experiments/results.h"
#include "experiments/run_status.h"
#include "launcher/answer.h"
#include "trainer/config_tables.h"

namespace broadsheet {
namespace {

constexpr size_t kNamesShown = 8;

std::string listed(const std::vector<std::string>& names) {
  std::vector<std::string> shown(names.begin(),
                                 names.begin() + static_cast<ptrdiff_t>(std::min(kNamesShown, names.size())));
  if (names.size() > kNamesShown) shown.push_back(cat("and ", names.size() - kNamesShown, " more"));
  return join(shown, ", ");
}

void tell_of_model(const RunConfig& config, Task& task) {
  int64_t all = 0, trained = 0;
  std::vector<std::string> head;
  for (const Parameter& parameter : task.parameters()) {
    all += parameter.tensor.numel();
    if (parameter.tensor.requires_grad()) trained += parameter.tensor.numel();
    if (parameter.layer == -2) head.push_back(parameter.name);
  }
  const std::string origin =
      config.model.from.empty() ? config.model.architecture + " from scratch" : config.model.from;
  log_info(
      cat("model: ", origin, ", ", with_thousands(all), " parameters, ", with_thousands(trained), " of them trained"));
  if (config.model.from.empty()) return;
  const std::string& from = config.model.from;
  if (is_adapter_folder(from) || is_adapter_folder(from + "/model"))
    log_info("the model is an adapter; it was merged into its base");
  const LoadReport& load = task.load_report();
  const bool new_head = std::any_of(head.begin(), head.end(), [&](const std::string& name) {
    return std::find(load.missing.begin(), load.missing.end(), name) != load.missing.end();
  });
  if (new_head && task.kind() == "masked_lm") {
    log_info("the MLM head is new: the folder has none, so \"before\" is near chance");
  } else if (new_head) {
    log_info("the head is new: \"before\" is near chance");
  }
  if (!load.missing.empty()) log_info("initialised anew: " + listed(load.missing));
  if (!load.unused.empty()) log_info("not used: " + listed(load.unused));
}

CutShare cut_by(const RunConfig& config, const ShardSet& corpus) {
  if (config.task.kind == "generation") return {};  // its prompts share a sequence with what is written
  PackSpec spec;
  spec.text_pair = config.task.text_pair;
  spec.max_length = config.data.max_length;
  return cut_share(corpus, Split::kTrain, config.task.text, config.task.text_pair, text_budget(spec));
}

// What of the training texts no sequence holds.
void tell_of_cut(const RunConfig& config, const CutShare& cut) {
  if (cut.cut_tokens == 0) return;
  const auto percent = [](double share) { return shortest(std::round(share * 1000) / 10); };
  log_info(cat("max_length: ", config.data.max_length, " leaves out ", percent(cut.share()),
               " % of the train split's tokens, of ",
               percent(static_cast<double>(cut.cut_documents) / static_cast<double>(cut.documents)),
               " % of its documents; data.long_documents: split reads all of them"));
}

void tell_of_corpus(const ShardSet& corpus) {
  std::string text = cat("corpus: ", corpus.folder());
  for (const Split split : {Split::kTrain, Split::kValidation, Split::kTest}) {
    text += cat(", ", with_thousands(corpus.size(split)), " ", split_name(split));
  }
  log_info(text);
}

}  // namespace

Reporter::Reporter(const RunConfig& config, const RankDirectory& directory, const ShardSet& corpus, Task& task)
    : config_(config), directory_(directory) {
  if (!directory.first()) return;
  log_info(cat("run: ", directory.folder(), ", ", config.launch.ranks, " rank(s) of ", config.launch.threads_per_rank,
               " thread(s)"));
  tell_of_corpus(corpus);
  cut_ = cut_by(config, corpus);
  tell_of_cut(config, cut_);
  tell_of_model(config, task);
  const std::string& metric = config.validation.metric;
  tracker_.emplace(TrackingOptions{directory.folder(), directory.fence(), config.tracking.tensorboard, metric,
                                   more_is_better(config.validation, metric)});
}

void Reporter::on_start(int64_t start_step, int64_t total_steps, int64_t steps_per_epoch) {
  tracker_->on_start(start_step, total_steps, steps_per_epoch);
  write_attempt_plan(directory_.attempt_folder(), {start_step, total_steps, steps_per_epoch});
  if (start_step > 0) log_info(cat("resumed from step ", start_step, " of ", total_steps));
}

void Reporter::on_record(const StepRecord& record) {
  tracker_->on_record(record);
}

void Reporter::on_checkpoint(int64_t step, const std::string& folder, double seconds) {
  tracker_->on_checkpoint(step, folder, seconds);
}

void Reporter::publish(const TrainOutcome& outcome, Task& task, const std::vector<std::string>& tokenizer_files,
                       bool with_model) {
  if (!directory_.first()) return;
  tracker_->finish();
  if (outcome.end == TrainEnd::kEarlyStopped)
    log_info(cat("stopped early after step ", outcome.steps, ": no improvement"));
  const Fence fence = directory_.fence();
  if (with_model) {
    publish_model_folder(fence, directory_.model(), task.model_config(), tensor_views(saved_parameters(task)),
                         tokenizer_files, task.broadsheet_config(), task.adapter_config());
  }
  const RunResults results{config_.name,
                           task.kind(),
                           config_.validation.metric,
                           outcome.steps,
                           outcome.best_step,
                           {outcome.validation.before, outcome.validation.after, outcome.validation_details},
                           {outcome.test.before, outcome.test.after, outcome.test_details},
                           outcome.bits_differ_after,
                           config_.data.train_on_validation,
                           cut_.share(),
                           outcome.temperature};
  publish_results(directory_.results(), results, fence);
  try {
    publish_run_report(directory_.folder(), fence);
  } catch (const RunError& error) {
    if (is_fenced_off(error)) throw;
    log_warning(cat(error.what(), "\n`broadsheet report` makes it when there is room"));
  }
  log_info(results_table(results));
  if (with_model)
    log_info(cat(config_.data.train_on_validation ? "last" : "best", " weights (step ", outcome.best_step,
                 "): ", directory_.model()));
  log_info(cat("report: ", directory_.report()));
  if (!directory_.prints_json()) return;
  nlohmann::json answer = to_json(results);
  answer["run_dir"] = directory_.folder();
  print_json(answer);
}

}  // namespace broadsheet
