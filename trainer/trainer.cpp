#include "trainer/trainer.h"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "checkpoints/snapshot.h"
#include "core/activity.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/rank_status.h"
#include "core/text.h"
#include "data/plan.h"
#include "data/step_order.h"
#include "trainer/best_weights.h"
#include "trainer/config_tables.h"
#include "trainer/external_metrics.h"
#include "trainer/features.h"
#include "trainer/health.h"
#include "trainer/injection.h"
#include "trainer/prediction_lines.h"
#include "trainer/resume.h"
#include "trainer/save_triggers.h"
#include "trainer/snapshot_writer.h"
#include "trainer/step.h"
#include "trainer/stopwatch.h"
#include "trainer/stragglers.h"
#include "trainer/temperature.h"
#include "trainer/validation.h"

namespace broadsheet {

namespace {

constexpr size_t kMaxSkippedInARow = 20;
constexpr size_t kMaxRollbacks = 2;
constexpr size_t kShownExamples = 64;
constexpr double kLeastSave = 2, kSlowDisk = 100e6;  // seconds, and bytes per second
constexpr double kCopiesSaved = 3;                   // weights and two moments

BatchPlan plan_of(const Task& task, const ShardSet& corpus, const TrainerOptions& options) {
  const int64_t examples = corpus.size(Split::kTrain);
  if (examples == 0)
    throw UserError("corpus.empty_split", cat(corpus.folder(), ": the train split has no document"),
                    "prepare it with more data or another split");
  BatchPlan plan = make_plan(examples, options.train.global_batch_size, options.seed, corpus.fingerprint());
  plan.shuffle = {options.data.shuffle_block, options.data.shuffle_window};
  plan.bucketed = options.data.batches == "bucketed";
  std::vector<SourceShare> sources = corpus.source_shares(Split::kTrain);
  require_examples(sources, corpus.folder());
  if (options.train.global_batch_tokens > 0) {
    plan.global_batch_tokens = options.train.global_batch_tokens;
    plan.mean_length =
        mean_length(examples, sources, [&](int64_t example) { return task.length(corpus, Split::kTrain, example); });
  }
  if (!sources.empty()) plan.mixture = std::make_shared<const Mixture>(std::move(sources));
  return plan;
}

std::string metric_of(const Task& task, const TrainerOptions& options) {
  return options.validation.metric.empty() ? task.default_metric() : options.validation.metric;
}

// One run of train(). Records go out in the order in which a repeat would give them: everything of step s, then the
// checkpoint of step s. So a record of a step above the newest checkpoint's may be cut away and comes again, equal.
class Training {
 public:
  Training(Task& task, const ShardSet& corpus, Communicator& ranks, const TrainerOptions& options,
           TrainObserver& observer);
  TrainOutcome run();

 private:
  TrainState fresh_state() const;
  bool start_or_resume();
  void use_kept_features();
  void begin_at_zero();
  bool step_once();
  double save_seconds_at_most() const;
  Evaluation measure(Split split, const std::function<void(const Batch&)>& on_batch = {});
  Evaluation measure_validation();
  bool validate();
  bool checkpoint_due(bool validated, bool is_best) const;
  void save();
  void note_skip(const StepResult& result);
  void note_work(const StepResult& result);
  std::vector<std::map<std::string, double>> phases_of_ranks();
  void roll_back();
  bool scheduled(int64_t step) const;
  std::string last_good_checkpoint(int64_t before) const;
  bool out_of_patience() const;
  bool wants_more() const { return state_.step < counts_.total_steps && !out_of_patience(); }
  bool may_pass_gate();
  void leave_at_gate(bool saved);
  void tell_of_waiting();
  TrainOutcome outcome_so_far() const;
  TrainOutcome stopped();
  void score_best(TrainOutcome& outcome);
  TrainOutcome finished();

  Task& task_;
  const ShardSet& corpus_;
  Communicator& ranks_;
  const TrainerOptions& options_;
  TrainObserver& observer_;

  const BatchPlan plan_;
  const StepOrder order_;
  const StepCounts counts_;
  const std::string metric_;
  const TrainConfig passes_;  // options_.train, in smaller passes where the machine needs it
  const std::unique_ptr<GradientSum> gradients_;
  const std::unique_ptr<Optimizer> optimizer_;
  const nlohmann::json identity_;
  SnapshotWriter snapshots_;
  BestWeights best_;
  std::map<int64_t, Evaluation> measured_;  // of the validation split: of the best step, when it was in this attempt
  TrainState state_;

  SaveTriggers triggers_;
  Injection injection_;
  StepLoader loader_;
  double steps_seconds_ = 0, data_seconds_ = 0;  // of this attempt and rank: all of the steps; waiting for their data
  double save_seconds_ = 0;                      // of the last save: how long it held up training
  std::optional<double> last_loss_;              // of this attempt
  bool stop_ = false, save_voted_ = false, at_gate_ = false;

  const std::vector<std::string> processes_;  // "node3, process 4711", by rank
  Stragglers stragglers_;
  StepWork last_work_;
  std::map<std::string, double> phases_;  // this rank's, since the last validation
};

Training::Training(Task& task, const ShardSet& corpus, Communicator& ranks, const TrainerOptions& options,
                   TrainObserver& observer)
    : task_(task),
      corpus_(corpus),
      ranks_(ranks),
      options_(options),
      observer_(observer),
      plan_(plan_of(task, corpus, options)),
      order_(plan_, [&](int64_t example) { return task_.length(corpus_, Split::kTrain, example); }),
      counts_(count_steps(plan_.examples, options.train, options.validation, plan_.mean_length)),
      metric_(metric_of(task, options)),
      passes_(in_smaller_passes(options.train, options.micro_batch_divisor)),
      gradients_(make_gradient_sum(options.train.reduction, task.parameters(), ranks,
                                   options.weights_follow ? ModelValues::kFollow : ModelValues::kRead)),
      optimizer_(make_optimizer(gradients_->trained(), options.train)),
      identity_(run_identity(task, plan_, corpus.fingerprint(), options)),
      snapshots_(task, *optimizer_, ranks, options, identity_, observer),
      best_(options.best_folder, task, ranks, options.tokenizer_files),
      state_(fresh_state()),
      triggers_(options.checkpoints.every_minutes, options.request_file, options.end_time),
      injection_(Injection::from_environment(gradients_->trained(), ranks.rank())),
      loader_([source = StepSource{task, corpus, passes_, order_, {ranks.rank(), ranks.size()}}](
                  int64_t step) { return make_step_batches(source, step); },
              counts_.total_steps, corpus.folder()),
      processes_(ranks.all_gather(cat(this_host(), ", process ", ::getpid()))) {}

TrainState Training::fresh_state() const {
  const BestTracker best(more_is_better(options_.validation, metric_), options_.validation.early_stopping.min_delta,
                         options_.checkpoints.keep_best);
  return {0, best, {}, {}, -1, {}, {}, {}};
}

TrainOutcome Training::run() {
  // 1. Where to begin: at the newest checkpoint, or by scoring the untrained model. A frozen trunk has its weights now.
  const bool resumed = start_or_resume();
  use_kept_features();
  if (!resumed) begin_at_zero();

  // 2. The steps.
  const PhaseScope steps(Phase::kStep);
  if (!may_pass_gate()) leave_at_gate(/*saved=*/true);
  while (wants_more() && !stop_) {
    const bool validated = step_once();
    const bool is_best = validated && validate();
    const bool due = checkpoint_due(validated, is_best);
    if (due) save();
    if (!stop_ && !may_pass_gate()) leave_at_gate(due);
    const PhaseScope saving(Phase::kSave);
    snapshots_.collect();
  }

  // 3. Stopped on request: a good checkpoint is all that is needed. Otherwise: score the best weights.
  if (stop_ && wants_more()) return stopped();
  return finished();
}

bool Training::start_or_resume() {
  const bool resumed = resume(task_, *optimizer_, state_, identity_, ranks_, options_);
  BROADSHEET_ASSERT(resumed || !options_.weights_follow);
  note_step(state_.step);
  if (ranks_.first()) observer_.on_start(state_.step, counts_.total_steps, counts_.steps_per_epoch);
  return resumed && state_.step > 0;
}

void Training::use_kept_features() {
  const std::string before = state_.features;
  state_.features = take_features(task_, corpus_, options_.feature_folder, ranks_).checksum;
  if (state_.step == 0 || state_.features == before) return;
  if (state_.bits_differ_after < 0) state_.bits_differ_after = state_.step;
  if (ranks_.first())
    log_warning(cat("from step ", state_.step,
                    " on bits may differ from an undisturbed run: the frozen trunk's outputs ",
                    "are not, bit by bit, those that it went on with to here"));
}

// Also when the only checkpoint is that of step 0: the observer starts with nothing then, and is told again.
void Training::begin_at_zero() {
  const std::string features = state_.features;
  state_ = fresh_state();
  state_.features = features;
  if (options_.measure_test) state_.test.before = measure(Split::kTest).metrics;
  validate();
  if (!best_.kept()) save();
}

// As long as none was measured: what a slow disk would need.
double Training::save_seconds_at_most() const {
  if (snapshots_.longest_save() > 0) return snapshots_.longest_save();
  double bytes = 0;
  for (const Parameter& parameter : saved_parameters(task_))
    bytes += static_cast<double>(parameter.tensor.nbytes()) * kCopiesSaved;
  return kLeastSave + bytes / kSlowDisk;
}

// True when validation is due after it.
bool Training::step_once() {
  const bool save_due = ranks_.first() && triggers_.due(state_.step + 1);
  if (ranks_.first() && (triggers_.asked_to_leave() || triggers_.time_is_up(save_seconds_at_most()))) request_stop();
  const StepParts parts{
      task_,         loader_,   ranks_, *gradients_,
      *optimizer_,   passes_,   plan_,  {options_.train.lr_scheduler_type, counts_.warmup_steps, counts_.total_steps},
      options_.seed, injection_};
  StepResult result = run_step(parts, state_.step, save_due, last_work_);
  ++state_.step;
  stop_ = result.stop;
  save_voted_ = result.save;
  last_loss_ = result.record.loss;
  const int64_t check_every = options_.train.check_replicas_every;
  if (check_every > 0 && state_.step % check_every == 0) {
    const std::string fault = find_odd_replicas(task_.parameters(), ranks_);
    if (!fault.empty())
      throw RunError("train.replicas", cat("step ", state_.step, ": ", fault),
                     "look at that machine's memory; the same command goes on from the newest checkpoint");
  }
  note_skip(result);
  if (save_seconds_ > 0) result.record.phases["checkpoint"] = std::exchange(save_seconds_, 0.0);
  note_work(result);
  if (ranks_.first()) observer_.on_record(result.record);
  const int64_t every = counts_.validation_every > 0 ? counts_.validation_every : counts_.steps_per_epoch;
  return state_.step % every == 0 || state_.step == counts_.total_steps;
}

void Training::note_work(const StepResult& result) {
  last_work_ = result.work;
  for (const auto& [name, seconds] : result.record.phases) phases_[name] += seconds;
  steps_seconds_ += result.record.seconds;
  data_seconds_ += result.record.phases.at("data");
  phases_["own_work"] += static_cast<double>(result.work.nanoseconds) / 1e9;
  const std::optional<SlowRank> slow = stragglers_.add(result.last_work);
  if (slow && ranks_.first())
    log_warning(cat("step ", state_.step, ": ", describe_slow(*slow, processes_[static_cast<size_t>(slow->rank)])));
}

std::vector<std::map<std::string, double>> Training::phases_of_ranks() {
  std::vector<std::map<std::string, double>> all;
  for (const std::string& text : ranks_.all_gather(nlohmann::json(std::exchange(phases_, {})).dump()))
    all.push_back(nlohmann::json::parse(text));
  return all;
}

void Training::note_skip(const StepResult& result) {
  if (!result.skipped) return;
  std::vector<int64_t>& skipped = state_.skipped_steps;
  skipped.push_back(state_.step);
  if (ranks_.first()) {
    const std::vector<int64_t> ids = order_.examples(state_.step - 1);
    std::string examples;
    for (size_t i = 0; i < std::min(ids.size(), kShownExamples); ++i) examples += cat(i > 0 ? " " : "", ids[i]);
    log_warning(cat("step ", state_.step, ": all ranks skip this update; ", result.why,
                    "; examples of the train split: ", examples, ids.size() > kShownExamples ? " ..." : ""));
  }
  const int64_t since = state_.rollbacks.empty() ? 0 : state_.rollbacks.back();
  const size_t count = skipped.size();
  const bool in_a_row = count >= kMaxSkippedInARow &&
                        skipped[count - kMaxSkippedInARow] == state_.step - static_cast<int64_t>(kMaxSkippedInARow) + 1;
  if (in_a_row && state_.step - since >= static_cast<int64_t>(kMaxSkippedInARow)) roll_back();
}

// Steps at which a checkpoint is written whatever the clock and the signals were.
bool Training::scheduled(int64_t step) const {
  const int64_t every = options_.checkpoints.every_steps;
  if (every > 0 && step % every == 0) return true;
  const std::vector<BestTracker::Entry>& best = state_.best.best();
  return step == 0 || std::any_of(best.begin(), best.end(), [&](const auto& entry) { return entry.step == step; });
}

std::string Training::last_good_checkpoint(int64_t before) const {
  const std::vector<CheckpointInfo> all = list_checkpoints(options_.checkpoint_root);
  for (auto one = all.rbegin(); one != all.rend(); ++one)
    if (one->step < before && scheduled(one->step) && verify_checkpoint(*one).empty()) return one->folder;
  return "";
}

// Weights and optimizer of the last checkpoint before the updates went wrong; the step, and with it data and schedule,
// goes on from here: the stretch since that checkpoint is not tried again, because it would go wrong again. Which
// checkpoint is a function of the steps alone, so that an interrupted run takes the same one.
void Training::roll_back() {
  const int64_t first_skipped = state_.skipped_steps[state_.skipped_steps.size() - kMaxSkippedInARow];
  const RunError diverged(
      "train.diverged",
      cat("the last ", kMaxSkippedInARow, " updates, up to step ", state_.step, ", had no finite gradient",
          state_.rollbacks.empty() ? ""
                                   : cat(", after ", state_.rollbacks.size(), " returns to an earlier checkpoint")),
      "lower train.learning_rate or set train.max_grad_norm");
  if (state_.rollbacks.size() >= kMaxRollbacks || best_.kept()) throw diverged;
  const PhaseScope saving(Phase::kSave);
  snapshots_.finish();
  const std::string folder = ranks_.broadcast(ranks_.first() ? last_good_checkpoint(first_skipped) : "", 0);
  if (folder.empty()) throw diverged;
  load_checkpoint_weights(folder, task_);
  load_checkpoint_optimizer(folder, *optimizer_);
  state_.rollbacks.push_back(state_.step);
  if (ranks_.first())
    log_warning(cat("step ", state_.step, ": ", kMaxSkippedInARow,
                    " updates in a row were skipped; back to the weights of ", folder,
                    ", going on with the data after step ", state_.step));
}

// Collective. On the validation split texts are written only where they decide.
Evaluation Training::measure(Split split, const std::function<void(const Batch&)>& on_batch) {
  task_.measure_texts(split == Split::kTest || measures_texts(metric_));
  return run_evaluation(task_, corpus_, split, ranks_, on_batch);
}

// Collective: and what the user's own program says.
Evaluation Training::measure_validation() {
  const std::vector<std::string>& program = options_.validation.external;
  if (program.empty()) return measure(Split::kValidation);
  PredictionLines lines(task_, corpus_, Split::kValidation);
  const Stopwatch watch;
  Evaluation evaluation = measure(Split::kValidation, [&](const Batch& batch) { lines.add(batch); });
  if (evaluation.metrics.empty()) return evaluation;
  evaluation.metrics.merge(external_metrics(program, lines.all(ranks_), ranks_));
  evaluation.seconds = watch.seconds();
  return evaluation;
}

// True when these are the best weights so far.
bool Training::validate() {
  const Evaluation evaluation = measure_validation();
  if (evaluation.metrics.empty()) return false;
  if (state_.step == 0) state_.validation.before = evaluation.metrics;
  const bool is_best = state_.best.add(state_.step, chosen_metric(evaluation.metrics, metric_));
  if (is_best && state_.best.best().front().step == state_.step) {
    measured_ = {{state_.step, evaluation}};
    best_.take(state_.step);
  }
  StepRecord record;
  record.kind = "validation";
  record.step = state_.step;
  record.epoch = epochs_after(plan_, state_.step);
  record.metrics = evaluation.metrics;
  const auto loss = evaluation.metrics.find("loss");
  if (loss != evaluation.metrics.end()) record.loss = loss->second;
  record.tokens = evaluation.tokens;
  record.examples = corpus_.size(Split::kValidation);
  record.seconds = evaluation.seconds;
  record.phases["validation"] = evaluation.seconds;
  record.ranks = phases_of_ranks();
  if (ranks_.first()) observer_.on_record(record);
  return is_best;
}

bool Training::out_of_patience() const {
  const int64_t patience = options_.validation.early_stopping.patience;
  return patience > 0 && state_.best.without_improvement() >= patience;
}

bool Training::checkpoint_due(bool validated, bool is_best) const {
  // While updates are skipped nothing new is worth keeping, and what there is may be needed to go back to.
  const bool skipping = !state_.skipped_steps.empty() && state_.skipped_steps.back() == state_.step &&
                        (state_.rollbacks.empty() || state_.rollbacks.back() != state_.step);
  if (skipping && !stop_ && state_.step != counts_.total_steps && !out_of_patience()) return false;
  const int64_t every = options_.checkpoints.every_steps;
  if (best_.kept()) return (every > 0 && state_.step % every == 0) || stop_ || save_voted_;
  const bool by_steps = every > 0 ? state_.step % every == 0 : validated;
  return by_steps || is_best || stop_ || save_voted_ || state_.step == counts_.total_steps || out_of_patience();
}

void Training::save() {
  const PhaseScope saving(Phase::kSave);
  const Stopwatch watch;
  if (best_.kept() && ranks_.first() && !state_.best.empty() && state_.best.best().front().step != state_.step)
    best_.put_away(Fence::join(options_.checkpoint_root, options_.attempt));
  nlohmann::json told = {{"loss", last_loss_ ? number_to_json(*last_loss_) : nlohmann::json()},
                         {"epoch", epochs_after(plan_, state_.step)},
                         {"metric", metric_}};
  if (!state_.best.empty())
    told["best"] = {{"step", state_.best.best().front().step}, {"value", state_.best.best().front().value}};
  snapshots_.save(state_, told);
  triggers_.saved();
  save_seconds_ = watch.seconds();
}

// Collective. The others hear of the first rank's question every second: to them it is no hang.
bool Training::may_pass_gate() {
  const std::vector<int64_t>& steps = options_.gate.steps;
  if (!wants_more() || state_.best.empty() || !std::binary_search(steps.begin(), steps.end(), state_.step)) return true;
  while (true) {
    GateAnswer answer = GateAnswer::kLeave;
    if (ranks_.first()) answer = options_.gate.ask(state_.step, state_.best.best().front().value);
    note_progress();
    answer = static_cast<GateAnswer>(ranks_.max(ranks_.first() ? static_cast<int64_t>(answer) : 0));
    if (answer != GateAnswer::kNotYet) return answer == GateAnswer::kGoOn;
  }
}

void Training::leave_at_gate(bool saved) {
  if (!saved) save();
  stop_ = at_gate_ = true;
}

TrainOutcome Training::outcome_so_far() const {
  TrainOutcome outcome;
  outcome.steps = state_.step;
  outcome.best_step = state_.best.empty() ? 0 : state_.best.best().front().step;
  if (!state_.best.empty()) outcome.best_value = state_.best.best().front().value;
  outcome.validation.before = state_.validation.before;
  outcome.test.before = state_.test.before;
  outcome.bits_differ_after = state_.bits_differ_after;
  return outcome;
}

// Collective. How much of this attempt's steps went into waiting for data, on the rank that waited longest.
void Training::tell_of_waiting() {
  constexpr double kParts = 1e6;
  const double share = steps_seconds_ > 0 ? data_seconds_ / steps_seconds_ : 0;
  const auto most = static_cast<double>(ranks_.max(std::llround(share * kParts)));
  if (ranks_.first() && steps_seconds_ > 0)
    log_info(cat("waited for data: ", shortest(std::round(most / kParts * 1000) / 10), " % of the steps' time"));
}

TrainOutcome Training::stopped() {
  const PhaseScope saving(Phase::kSave);
  tell_of_waiting();
  const std::string error = snapshots_.finish();
  if (!error.empty())
    throw RunError("checkpoint.failed",
                   cat("stopped at step ", state_.step, ", but its checkpoint could not be written: ", error),
                   "run the same command again: it goes on from the newest whole checkpoint");
  TrainOutcome outcome = outcome_so_far();
  outcome.end = TrainEnd::kStopped;
  outcome.at_gate = at_gate_;
  return outcome;
}

void Training::score_best(TrainOutcome& outcome) {
  outcome.temperature = calibrate(task_, corpus_, ranks_);
  const auto measured = measured_.find(outcome.best_step);
  const bool known = !outcome.temperature && measured != measured_.end();
  Evaluation validation = known ? measured->second : measure_validation();
  outcome.validation.after = std::move(validation.metrics);
  outcome.validation_details = std::move(validation.details);
  if (!options_.measure_test) return;
  Evaluation test = measure(Split::kTest);
  outcome.test.after = std::move(test.metrics);
  outcome.test_details = std::move(test.details);
}

TrainOutcome Training::finished() {
  const PhaseScope saving(Phase::kSave);
  tell_of_waiting();
  snapshots_.finish();
  TrainOutcome outcome = outcome_so_far();
  outcome.end = state_.step < counts_.total_steps ? TrainEnd::kEarlyStopped : TrainEnd::kFinished;
  if (state_.best.empty()) outcome.best_step = state_.step;
  const bool restored = best_.restore(outcome.best_step);
  if (!restored) outcome.best_checkpoint = snapshots_.find_whole(outcome.best_step);
  if (!outcome.best_checkpoint.empty()) {
    load_checkpoint_weights(outcome.best_checkpoint, task_);
  } else if (!restored && outcome.best_step != state_.step) {
    if (ranks_.first())
      log_warning(cat("the best weights, of step ", outcome.best_step, ", are on disk no more; the last ones, of step ",
                      state_.step, ", are used instead"));
    outcome.best_step = state_.step;
  }
  score_best(outcome);
  return outcome;
}

}  // namespace

TrainOutcome train(Task& task, const ShardSet& corpus, Communicator& ranks, const TrainerOptions& options,
                   TrainObserver& observer) {
  return Training(task, corpus, ranks, options, observer).run();
}

}  // namespace broadsheet
