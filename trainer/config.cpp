#include "trainer/config.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/durable.h"
#include "core/text.h"
#include "data/plan.h"
#include "trainer/config_tables.h"

namespace broadsheet {
namespace {

constexpr char kExternalPrefix[] = "external.";
// Of texts that the model writes.
constexpr std::array kTextMetrics = {"rougeL", "rouge1", "rouge2", "bleu", "chrf", "repetition"};

constexpr int64_t kMost = 1'000'000'000;  // steps, examples, ranks: beyond it is a slip of the keyboard

void check_train(const TrainConfig& train, const std::string& prefix, ConfigReader& reader) {
  const std::string warmup = join_key(prefix, "warmup_steps");
  if (train.warmup_steps >= 1 && train.warmup_steps != std::floor(train.warmup_steps)) {
    reader.fault(
        warmup, "config.range", cat("found ", shortest(train.warmup_steps), ", wanted a share below 1 or whole steps"),
        cat("write 0.1 for a tenth of all steps, or ", static_cast<int64_t>(train.warmup_steps), " for steps"));
  }
  if (train.max_steps > 0 && train.warmup_steps >= 1 && train.warmup_steps > static_cast<double>(train.max_steps)) {
    reader.fault(warmup, "config.conflict",
                 cat("warms up for ", shortest(train.warmup_steps), " steps of ", train.max_steps),
                 "warm up for fewer");
  }
  if (train.global_batch_tokens > 0 && train.global_batch_size != TrainConfig{}.global_batch_size) {
    reader.fault(join_key(prefix, "global_batch_tokens"), "config.conflict",
                 cat("found ", train.global_batch_tokens, " beside global_batch_size: ", train.global_batch_size),
                 "keep one of the two");
  }
  if (train.global_batch_tokens == 0 && train.micro_batch_size > train.global_batch_size) {
    reader.fault(join_key(prefix, "micro_batch_size"), "config.conflict",
                 cat("found ", train.micro_batch_size, ", more than global_batch_size: ", train.global_batch_size),
                 "it counts examples per rank and pass; write at most that, or auto");
  }
  if (train.reduction == "consistent" && train.micro_batch_size == 0) {
    reader.fault(join_key(prefix, "reduction"), "config.conflict",
                 "consistent needs a numeric micro_batch_size, found auto",
                 "write train.micro_batch_size: 8, for instance");
  }
  const std::string momentum = join_key(prefix, "momentum");
  if (train.optim != "sgd" && train.momentum > 0) {
    reader.fault(momentum, "config.conflict", cat("only optim: sgd has it, found optim: ", train.optim),
                 "remove it; adamw's is adam_beta1");
  }
}

void check_validation(const ValidationConfig& validation, const std::string& prefix, ConfigReader& reader) {
  if (validation.every_steps > 0 && validation.every_epochs > 0) {
    reader.fault(join_key(prefix, "every_epochs"), "config.conflict", "found both every_steps and every_epochs",
                 "keep one of the two");
  }
  const std::string metric = join_key(prefix, "metric");
  if (!is_external(validation.metric) || reader.at_fault(metric)) return;
  if (validation.external.empty() && !reader.at_fault(join_key(prefix, "external"))) {
    reader.fault(metric, "config.conflict", cat("found ", validation.metric, " without a program that computes it"),
                 "add external: [PROGRAM, ARGUMENT, ...], or choose a metric of the task");
  }
  if (validation.goal.empty() && !reader.at_fault(join_key(prefix, "goal"))) {
    reader.fault(join_key(prefix, "goal"), "config.required", "missing, wanted maximize | minimize",
                 cat("say what is better of ", validation.metric));
  }
}

// A metric of the task's, or external.NAME.
ConfigType<std::string> metric_type(const Choices& metrics) {
  const ConfigType<std::string> known = one_of(metrics);
  ConfigType<std::string> type = known;
  type.words = known.words + " | external.NAME";
  type.schema = {{"anyOf", {known.schema, {{"type", "string"}, {"pattern", "^external\\.."}}}}};
  type.read = [known](const ConfigNode& node, const std::string& key, ConfigReader& reader, std::string& value) {
    if (!node.is_scalar() || !is_external(node.text) || node.text == kExternalPrefix)
      return known.read(node, key, reader, value);
    value = node.text;
    return true;
  };
  return type;
}

// A program and its arguments. Where it has a slash it is a path, which comes back absolute.
ConfigType<std::vector<std::string>> program_type() {
  const ConfigType<std::vector<std::string>> words = list_of(text());
  ConfigType<std::vector<std::string>> type = words;
  type.words = "a program and its arguments: [PROGRAM, ARGUMENT, ...]";
  type.read = [words](const ConfigNode& node, const std::string& key, ConfigReader& reader,
                      std::vector<std::string>& value) {
    if (!words.read(node, key, reader, value)) return false;
    if (value[0].find('/') == std::string::npos) return true;
    const std::string first = key + "[0]";
    if (!path().read(node.items[0], first, reader, value[0])) return false;
    if (exists(value[0])) return true;
    reader.fault(first, "validation.external", cat("found ", node.items[0].text, ", but there is no ", value[0]),
                 "name a program; one without a slash is looked for in PATH");
    return false;
  };
  return type;
}

void check_early_stopping(const ValidationConfig::EarlyStopping& stopping, const std::string& prefix,
                          ConfigReader& reader) {
  if (stopping.patience == 0 && stopping.min_delta > 0) {
    reader.fault(join_key(prefix, "min_delta"), "config.conflict", "min_delta without patience stops nothing",
                 "add patience: the validations without improvement after which to stop");
  }
}

void check_watchdog(const WatchdogConfig& watchdog, const std::string& prefix, ConfigReader& reader) {
  if (watchdog.max_seconds > 0 && watchdog.min_seconds > watchdog.max_seconds) {
    reader.fault(
        join_key(prefix, "min_seconds"), "config.conflict",
        cat("found ", shortest(watchdog.min_seconds), ", more than max_seconds: ", shortest(watchdog.max_seconds)),
        "write at most that, or a larger max_seconds");
  }
}

const Section<ValidationConfig::EarlyStopping>& early_stopping_section() {
  using EarlyStopping = ValidationConfig::EarlyStopping;
  static const auto section = Section<EarlyStopping>()
                                  .key("patience", &EarlyStopping::patience, integer(0, kMost),
                                       "Stops after this many validations in a row without an improvement; 0: never.")
                                  .key("min_delta", &EarlyStopping::min_delta, number(at_least(0)),
                                       "The change of the metric that counts as an improvement.")
                                  .check(check_early_stopping);
  return section;
}

}  // namespace

const Section<TrainConfig>& train_section() {
  static const Choices optimizers = {{"adamw", "sgd"},
                                     {},
                                     {{"adam", "adamw"},
                                      {"AdamW", "adamw"},
                                      {"adamw_torch", "adamw"},
                                      {"adamw_torch_fused", "adamw"},
                                      {"adamw_hf", "adamw"},
                                      {"SGD", "sgd"}}};
  static const Choices precisions = {{"float32", "bf16", "auto"},
                                     {"fp16"},
                                     {{"fp32", "float32"},
                                      {"32", "float32"},
                                      {"32-true", "float32"},
                                      {"no", "float32"},
                                      {"float", "float32"},
                                      {"bfloat16", "bf16"},
                                      {"bf16-mixed", "bf16"}}};
  static const Choices schedules = {{"linear", "cosine", "constant"}, {}, {{"constant_with_warmup", "constant"}}};
  static const auto section =
      Section<TrainConfig>()
          .key("num_train_epochs", &TrainConfig::num_train_epochs, number({0, 1e6, true, false}),
               "How often the training split is seen; parts of an epoch are allowed.")
          .key("max_steps", &TrainConfig::max_steps, integer(0, kMost), "Above 0: ends after so many steps instead.")
          .key("global_batch_size", &TrainConfig::global_batch_size, integer(1, kMost),
               "Examples per optimizer update, over all ranks and micro-batches.")
          .key("global_batch_tokens", &TrainConfig::global_batch_tokens, integer(0, int64_t{1} << 40),
               "Above 0: an update has about so many tokens, special ones included, instead of so many examples.")
          .key(
              "micro_batch_size", &TrainConfig::micro_batch_size, auto_or(1),
              "Examples per rank and pass; auto fills a budget of tokens. It changes speed and memory, not the result.")
          .key("learning_rate", &TrainConfig::learning_rate, number({0, 1e3, true, false}),
               "The highest learning rate.")
          .key("optim", &TrainConfig::optim, one_of(optimizers), "The optimizer, with decoupled weight decay.")
          .key("adam_beta1", &TrainConfig::adam_beta1, number({0, 1, false, true}), "adamw: decay of the first moment.")
          .key("adam_beta2", &TrainConfig::adam_beta2, number({0, 1, false, true}),
               "adamw: decay of the second moment.")
          .key("adam_epsilon", &TrainConfig::adam_epsilon, number({0, 1, true, false}),
               "adamw: added to the denominator.")
          .key("momentum", &TrainConfig::momentum, number({0, 1, false, true}), "sgd: momentum.")
          .key("weight_decay", &TrainConfig::weight_decay, number({0, 1, false, false}),
               "Decoupled weight decay; biases and LayerNorm are left out.")
          .key("lr_scheduler_type", &TrainConfig::lr_scheduler_type, one_of(schedules),
               "How the learning rate falls after the warm-up.")
          .key("warmup_steps", &TrainConfig::warmup_steps, number({0, 1e9, false, false}),
               "Below 1: the share of all steps in which the learning rate rises; else that many steps.")
          .key("max_grad_norm", &TrainConfig::max_grad_norm, number(at_least(0)),
               "Gradients are scaled down to this global L2 norm; 0: never.")
          .key("precision", &TrainConfig::precision, one_of(precisions),
               "float32, or bf16 autocast with float32 weights; auto is float32 on CPUs.")
          .key("reduction", &TrainConfig::reduction, one_of({{"fast", "consistent"}, {}, {}}),
               "How gradients are summed over ranks: fast gives the same bits on the same number of ranks; consistent "
               "on "
               "any number, more slowly, and needs a numeric micro_batch_size.")
          .key(
              "check_replicas_every", &TrainConfig::check_replicas_every, integer(0, kMost),
              "Compares the weights of all ranks, bit by bit, after every so many steps and stops when they differ; 0: "
              "never.")
          .key("dropout", &TrainConfig::dropout, optional_of(number({0, 1, false, true})),
               "Replaces the model's own hidden and attention dropout.")
          .check(check_train);
  return section;
}

const Section<ValidationConfig>& validation_section() {
  static const Choices metrics = {{"loss",
                                   "perplexity",
                                   "bits_per_byte",
                                   "accuracy",
                                   "macro_f1",
                                   "micro_f1",
                                   "f1",
                                   "precision",
                                   "recall",
                                   "auc",
                                   "calibration_error",
                                   "mae",
                                   "mse",
                                   "pearson",
                                   "rouge1",
                                   "rouge2",
                                   "rougeL",
                                   "bleu",
                                   "chrf",
                                   "repetition"},
                                  {},
                                  {{"eval_loss", "loss"},
                                   {"f1_macro", "macro_f1"},
                                   {"f1_micro", "micro_f1"},
                                   {"roc_auc", "auc"},
                                   {"ece", "calibration_error"},
                                   {"eval_f1", "macro_f1"},
                                   {"eval_accuracy", "accuracy"},
                                   {"acc", "accuracy"},
                                   {"ppl", "perplexity"},
                                   {"bpb", "bits_per_byte"},
                                   {"rouge_l", "rougeL"},
                                   {"rouge", "rougeL"},
                                   {"sacrebleu", "bleu"},
                                   {"pearsonr", "pearson"}}};
  static const auto section =
      Section<ValidationConfig>()
          .key("every_steps", &ValidationConfig::every_steps, integer(0, kMost),
               "Validates after every so many steps. With neither key: after each epoch.")
          .key("every_epochs", &ValidationConfig::every_epochs, number({0, 1e6, false, false}),
               "Validates after every so many epochs; parts are allowed.")
          .key("metric", &ValidationConfig::metric, metric_type(metrics),
               "Chooses the best weights. Without it macro_f1 for classification (mae for classes "
               "in order), f1 of whole names for tagging, mse for regression, loss for masked_lm, causal_lm and "
               "generation. With rouge1, rouge2, rougeL, bleu, chrf or repetition (generation) every validation writes "
               "its "
               "texts, which takes a pass for every token.")
          .key("goal", &ValidationConfig::goal,
               one_of({{"maximize", "minimize"}, {}, {{"max", "maximize"}, {"min", "minimize"}}}),
               "What is better of the metric; needed for external.NAME alone.")
          .key(
              "external", &ValidationConfig::external, program_type(),
              "A program that computes more metrics: at each validation it gets the validation split's lines as "
              "`evaluate --predictions` writes them on stdin, and answers with one JSON object of numbers on stdout, "
              "which are metrics by the names external.NAME. It runs on the first rank, without a shell. A path with a "
              "slash is relative to this file.")
          .key("early_stopping", &ValidationConfig::early_stopping, nested(early_stopping_section()),
               "When to end before the last step.")
          .check(check_validation);
  return section;
}

const Section<CheckpointConfig>& checkpoint_section() {
  static const auto section =
      Section<CheckpointConfig>()
          .key("every_steps", &CheckpointConfig::every_steps, integer(0, kMost),
               "Saves after every so many steps; 0: when the weights are the best so far and at the end.")
          .key("every_minutes", &CheckpointConfig::every_minutes, number({0, 1e6, false, false}),
               "Saves when so many minutes have passed since the last; 0: never for this reason.")
          .key("keep_last", &CheckpointConfig::keep_last, integer(1, 100000), "The newest so many are kept.")
          .key("keep_best", &CheckpointConfig::keep_best, integer(1, 100000),
               "The best so many by validation.metric are kept.")
          .key("keep_every", &CheckpointConfig::keep_every, integer(0, kMost),
               "Checkpoints at multiples of so many steps are kept for ever; 0: none for this reason.");
  return section;
}

const Section<WatchdogConfig>& watchdog_section() {
  static const auto section =
      Section<WatchdogConfig>()
          .key("min_seconds", &WatchdogConfig::min_seconds, number({0, 1e6, false, false}),
               "A rank may go ten times as long without progress as it did before in the same phase, and at least so "
               "long; then the run ends with exit code 124.")
          .key("max_seconds", &WatchdogConfig::max_seconds, number({0, 1e6, false, false}),
               "It may never go longer than this, also in what it does for the first time; 0: no watchdog.")
          .check(check_watchdog);
  return section;
}

const Section<LaunchConfig>& launch_section() {
  static const auto section =
      Section<LaunchConfig>()
          .key("ranks", &LaunchConfig::ranks, integer(1, 1'000'000),
               "Processes that train together, one per device or group of cores.")
          .key("threads_per_rank", &LaunchConfig::threads_per_rank, integer(1, 4096), "Threads of each of them.")
          .key("device", &LaunchConfig::device,
               one_of({{"auto", "cpu"}, {"cuda"}, {{"gpu", "cuda (which is not in this version) or cpu"}}}),
               "Where to compute; auto is the CPU in this version.");
  return section;
}

std::vector<std::string> metrics_of(const TaskConfig& task) {
  if (task.kind == "classification") {
    if (task.problem == "multi_label") return {"macro_f1", "micro_f1", "accuracy", "auc", "loss"};
    if (task.problem == "ordinal")
      return {"mae", "macro_f1", "accuracy", "micro_f1", "auc", "calibration_error", "loss"};
    return {"macro_f1", "accuracy", "micro_f1", "auc", "calibration_error", "loss"};
  }
  if (task.kind == "regression") return {"mse", "mae", "pearson", "loss"};
  if (task.kind == "tagging") return {"f1", "macro_f1", "precision", "recall", "accuracy", "loss"};
  if (task.kind == "masked_lm") return {"loss", "perplexity"};
  if (task.kind == "causal_lm") return {"loss", "perplexity", "bits_per_byte"};
  if (task.kind == "generation") {
    std::vector<std::string> metrics = {"loss", "perplexity", "bits_per_byte"};
    metrics.insert(metrics.end(), kTextMetrics.begin(), kTextMetrics.end());
    return metrics;
  }
  return {};
}

bool measures_texts(const std::string& metric) {
  return std::find(kTextMetrics.begin(), kTextMetrics.end(), metric) != kTextMetrics.end();
}

bool is_external(const std::string& metric) {
  return starts_with(metric, kExternalPrefix);
}

bool more_is_better(const ValidationConfig& validation, const std::string& metric) {
  return is_external(metric) ? validation.goal == "maximize" : higher_is_better(metric);
}

namespace {

const std::vector<std::string>& higher_metrics() {
  static const std::vector<std::string> names = {"accuracy", "macro_f1", "micro_f1", "f1",     "precision",
                                                 "recall",   "pearson",  "auc",      "rouge1", "rouge2",
                                                 "rougeL",   "bleu",     "chrf"};
  return names;
}

const std::vector<std::string>& lower_metrics() {
  static const std::vector<std::string> names = {"loss", "perplexity",        "bits_per_byte", "mae",
                                                 "mse",  "calibration_error", "repetition"};
  return names;
}

}  // namespace

std::optional<bool> direction_of(const std::string& metric) {
  const auto among = [&](const std::vector<std::string>& names) {
    return std::find(names.begin(), names.end(), metric) != names.end();
  };
  if (among(higher_metrics())) return true;
  return among(lower_metrics()) ? std::optional<bool>(false) : std::nullopt;
}

bool higher_is_better(const std::string& metric) {
  if (const std::optional<bool> direction = direction_of(metric)) return *direction;
  throw UserError(
      {"validation.metric",
       {},
       "validation.metric",
       cat("found \"", metric, "\", wanted one of ", join(higher_metrics(), ", "), ", ", join(lower_metrics(), ", ")),
       "choose a metric of the task"});
}

TrainConfig in_smaller_passes(TrainConfig train, int64_t divisor) {
  if (train.micro_batch_size > 0) train.micro_batch_size = std::max<int64_t>(1, train.micro_batch_size / divisor);
  train.tokens_per_pass = std::max<int64_t>(1, train.tokens_per_pass / divisor);
  return train;
}

int64_t most_examples(const TrainConfig& train) {
  return train.global_batch_tokens > 0 ? train.global_batch_tokens : train.global_batch_size;
}

StepCounts count_steps(int64_t examples, const TrainConfig& train, const ValidationConfig& validation,
                       double mean_length) {
  BatchPlan plan;
  plan.examples = examples;
  plan.global_batch_size = train.global_batch_size;
  plan.global_batch_tokens = train.global_batch_tokens;
  plan.mean_length = mean_length;
  StepCounts counts;
  counts.steps_per_epoch = plan.steps_per_epoch();
  const auto per_epoch = static_cast<double>(counts.steps_per_epoch);
  const auto whole = [](double steps) { return static_cast<int64_t>(std::min(steps, 1e15)); };
  counts.total_steps = train.max_steps > 0 ? train.max_steps
                                           : std::max<int64_t>(1, whole(std::ceil(train.num_train_epochs * per_epoch)));
  counts.warmup_steps = train.warmup_steps < 1
                            ? whole(std::ceil(train.warmup_steps * static_cast<double>(counts.total_steps)))
                            : whole(train.warmup_steps);
  counts.validation_every = counts.steps_per_epoch;
  if (validation.every_steps > 0) counts.validation_every = validation.every_steps;
  if (validation.every_epochs > 0) {
    counts.validation_every = std::max<int64_t>(1, whole(std::round(validation.every_epochs * per_epoch)));
  }
  return counts;
}

}  // namespace broadsheet
