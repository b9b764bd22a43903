// The sections of run.yaml that the trainer owns (schema 1), as plain structs. No torch here. Field tables: config.cpp.
// Names are those of Hugging Face and PEFT where they have one for the same thing.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace broadsheet {

class ShardSet;
struct TrainConfig;

struct ModelConfig {
  std::string from;          // a Hugging Face folder, a run or a checkpoint; resolved path
  std::string architecture;  // from scratch: "bert", "gpt2", ...
  nlohmann::json config;     // from scratch: keys of config.json
  std::string tokenizer;     // from scratch: a folder; otherwise `from`'s
};

// none | all_but_head | {embeddings: true, layers: 4}. A trunk of which nothing is trained runs without dropout and in
// float32, in training too; where the head reads one row of it for each document, its outputs are computed once.
struct FreezeConfig {
  bool all_but_head = false;
  bool embeddings = false;
  int64_t layers = 0;  // the first k encoder layers
};

// What is trained in the place of the weights: LoRA (Hu et al. 2021), with the names and the numbers of peft.
struct AdapterConfig {
  std::string kind = "none";  // none | lora
  int64_t r = 8;
  double lora_alpha = 8;    // a branch counts lora_alpha / r
  double lora_dropout = 0;  // of a branch's input
  // Which linear layers get a branch: names of modules or the ends of such ("query", "attention.self.query"); or one
  // pattern that a whole name matches, "all-linear" standing for all of them. Both empty: the architecture's usual
  // ones.
  std::vector<std::string> target_modules;
  std::string target_pattern;
  bool none() const { return kind == "none"; }
};

// none | balanced | {class: weight}; a class that is not named weighs 1.
struct ClassWeightsConfig {
  bool balanced = false;
  std::map<std::string, double> by_name;
  bool none() const { return !balanced && by_name.empty(); }
};

struct TaskConfig {
  // masked_lm | causal_lm | generation | classification | regression | tagging (others: not in this version)
  std::string kind;
  std::string text;  // names of the corpus's fields
  std::string text_pair;
  std::string label;  // classification: a label field; multi_label: a labels field
  std::string score;  // regression: a score or number field
  double mlm_probability = 0.15;
  std::string masking = "token";  // masked_lm: token | whole_word | span (data/masking.h)
  std::string words;              // then: a list field with the words of the text, where the tokenizer marks none;
                                  // tagging: the words that the tags are of
  // classification
  std::string problem = "single";    // single | multi_label | ordinal
  ClassWeightsConfig class_weights;  // what classes count in the training's loss
  double label_smoothing = 0;
  double focal_gamma = 0;
  std::string calibration = "none";  // none | temperature: learned on the validation split, after the last step
  // generation
  std::string prompt;            // a template: "{brief}\n"; names in braces are text fields of the corpus
  std::string target;            // the text field to write; the loss is on its tokens and its end
  int64_t max_new_tokens = 64;   // that evaluation and `predict` write at the most
  std::string pieces = "words";  // words | characters: what ROUGE, BLEU, lengths and repetition count
  // tagging
  std::string tags;  // a tags field: B-TYPE, I-TYPE, O, one for each word
};

struct DataConfig {
  std::string corpus;                       // folder, resolved
  int64_t max_length = 128;                 // tokens per sequence, specials included
  bool train_on_validation = false;         // nothing is validated then
  std::string long_documents = "truncate";  // truncate | head_tail | split (data/long_documents.h)
  int64_t shuffle_block = 0;                // > 0: examples that are shuffled together first (data/shuffle.h)
  int64_t shuffle_window = 64;              // then: so many such blocks among each other
  std::string batches = "packed";           // packed | bucketed: like lengths together (data/step_order.h)
};

// What a run learns from and is measured on: the corpus with validation joined to training and long documents in
// pieces, where `data` says so. `data` and `task` fit each other (check_whole_run).
std::shared_ptr<const ShardSet> examples_of(std::shared_ptr<const ShardSet> corpus, const DataConfig& data,
                                            const TaskConfig& task);

// The mean length of that in tokens as it is read, where train.global_batch_tokens needs it; else 0.
double mean_length_of(const ShardSet& examples, const DataConfig& data, const TaskConfig& task,
                      const TrainConfig& train);

// micro_batch_size "auto" fills passes up to this many tokens.
inline constexpr int64_t kAutoTokensPerPass = 4096;

struct TrainConfig {
  double num_train_epochs = 3;
  int64_t max_steps = 0;                         // > 0: ends there instead of after num_train_epochs
  int64_t global_batch_size = 32;                // examples per optimizer update over all ranks
  int64_t global_batch_tokens = 0;               // > 0: about so many tokens instead of so many examples
  int64_t micro_batch_size = 0;                  // examples per rank and pass; 0 is "auto"
  int64_t tokens_per_pass = kAutoTokensPerPass;  // of "auto"; no key
  double learning_rate = 5e-5;
  std::string optim = "adamw";  // adamw | sgd
  double adam_beta1 = 0.9, adam_beta2 = 0.999, adam_epsilon = 1e-8;
  double momentum = 0.0;  // sgd
  double weight_decay = 0.01;
  std::string lr_scheduler_type = "linear";  // linear | cosine | constant
  double warmup_steps = 0;                   // < 1: share of all steps; >= 1: steps
  double max_grad_norm = 1.0;                // 0: no clipping
  std::string precision = "float32";         // float32 | bf16 | fp16 | auto
  std::string reduction = "fast";            // fast | consistent
  int64_t check_replicas_every = 0;          // steps between comparisons of the ranks' weights; 0: never
  std::optional<double> dropout;             // overrides the model's own hidden and attention dropout
};

struct ValidationConfig {
  int64_t every_steps = 0;  // 0 and every_epochs 0: at the end of every epoch
  double every_epochs = 0;
  std::string metric;  // default by task: macro_f1 | mse | loss
  std::string goal;    // maximize | minimize, of a metric of `external`; empty: as the metric's name says
  // A program and its arguments: gets the lines of `evaluate --predictions` of the validation split on stdin, answers
  // with one JSON object of numbers, which join the metrics as external.NAME.
  std::vector<std::string> external;
  struct EarlyStopping {
    int64_t patience = 0;  // 0: off
    double min_delta = 0;
  } early_stopping;
};

struct CheckpointConfig {
  int64_t every_steps = 0;  // 0: at validations and at the end
  double every_minutes = 15;
  int64_t keep_last = 2;
  int64_t keep_best = 1;
  int64_t keep_every = 0;  // steps; checkpoints of their multiples stay for ever; 0: none
};

// How long a rank may go without progress in one phase before the run counts as hanging (core/hang.h).
struct WatchdogConfig {
  double min_seconds = 60;    // learned limits are never shorter
  double max_seconds = 1800;  // nor longer; 0: no watchdog
};

struct LaunchConfig {
  int64_t ranks = 1;
  int64_t threads_per_rank = 1;
  std::string device = "auto";  // auto | cpu | cuda
};

// The same training in smaller passes, for a machine that was out of memory: both sizes divided, at least 1.
TrainConfig in_smaller_passes(TrainConfig train, int64_t divisor);

// Whether more of a metric is better: of accuracies and correlations, not of losses and errors.
bool higher_is_better(const std::string& metric);

// Derived numbers, shown by `check` and used by the loop: one source for both.
struct StepCounts {
  int64_t steps_per_epoch = 0;
  int64_t total_steps = 0;
  int64_t warmup_steps = 0;
  int64_t validation_every = 0;
};
// `mean_length`: of the examples, where train.global_batch_tokens is given (mean_length_of).
StepCounts count_steps(int64_t examples, const TrainConfig& train, const ValidationConfig& validation,
                       double mean_length = 0);
// How many examples an update has at the most, as far as the file tells.
int64_t most_examples(const TrainConfig& train);

}  // namespace broadsheet
