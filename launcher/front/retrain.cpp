#include "launcher/front/retrain.h"

#include <algorithm>
#include <cmath>

#include "core/durable.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/text.h"
#include "data/shards.h"
#include "experiments/sweep/sweep_results.h"
#include "launcher/front/actions.h"
#include "trainer/config_tables.h"

namespace broadsheet {
namespace {

constexpr const char* kFolder = "/retrained";

// The step at which its value was best; 0: before it had learned anything.
int64_t best_step_of(const TrialView& trial, bool maximize) {
  const auto best = std::max_element(trial.curve.begin(), trial.curve.end(), [&](const auto& a, const auto& b) {
    return maximize ? a.second < b.second : a.second > b.second;
  });
  return best == trial.curve.end() ? 0 : best->first;
}

}  // namespace

RunConfig retrained_config(const Sweep& sweep, const std::string& folder) {
  const SweepView view = read_sweep_view(folder, /*with_curves=*/true);
  const auto best = std::find_if(view.trials.begin(), view.trials.end(),
                                 [&](const TrialView& trial) { return view.best && trial.number == *view.best; });
  const int64_t step = best == view.trials.end() ? 0 : best_step_of(*best, view.maximize);
  if (step == 0)
    throw UserError("sweep.no_best", cat(folder, ": no trial was better than the untrained model"),
                    "see `broadsheet report` of the sweep; widen the search first");
  const auto repeat = std::count_if(view.trials.begin(), best,
                                    [&](const TrialView& trial) { return trial.configuration == best->configuration; });
  RunConfig config = trial_config(sweep, best->parameters, repeat, folder + kFolder);
  const auto corpus = ShardSet::open(config.data.corpus);
  const auto before = static_cast<double>(corpus->size(Split::kTrain));
  const double share = (before + static_cast<double>(corpus->size(Split::kValidation))) / before;
  config.data.train_on_validation = true;
  config.train.max_steps = std::llround(static_cast<double>(step) * share);
  const std::string metric = config.validation.metric;
  config.validation = {};
  if (!is_external(metric)) config.validation.metric = metric;
  return config;
}

int retrain_best(const Command& command, const Sweep& sweep, const std::string& folder) {
  const RunConfig config = retrained_config(sweep, folder);
  const std::string file = folder + "/retrain.yaml", text = to_yaml(config), place = folder + kFolder;
  if (exists(place) && exists(file) && read_file(file) != text)
    throw UserError("sweep.retrained", cat(place, ": was trained for what was best before"),
                    "move it away, and give the command again");
  write_file_durably(file, text);
  log_info(cat("retraining the best configuration on train and validation, ", with_thousands(config.train.max_steps),
               " steps: ", place));
  const bool submit = sweep.config.on == "slurm";
  std::vector<std::string> words = {submit ? "submit" : "train", file, "--run-dir", place};
  if (command.json) words.push_back("--json");
  const Command next = parse_command_line(words);
  return submit ? do_submit(next) : do_train(next);
}

}  // namespace broadsheet
