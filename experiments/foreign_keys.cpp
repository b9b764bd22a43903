#include "experiments/foreign_keys.h"

#include <algorithm>
#include <charconv>

#include "core/text.h"
#include "experiments/foreign_table.h"

namespace broadsheet {
namespace {

using Context = ForeignContext;
using Remedy = ForeignRemedy;
using Table = ForeignTable;

std::optional<int64_t> whole_number(const ConfigNode* value) {
  if (value == nullptr || !value->is_scalar()) return std::nullopt;
  int64_t number = 0;
  const char* end = value->text.data() + value->text.size();
  const auto result = std::from_chars(value->text.data(), end, number);
  const bool good = result.ec == std::errc() && result.ptr == end && number > 0 && number < 1'000'000;
  return good ? std::optional(number) : std::nullopt;
}

const ConfigNode* find_anywhere(const ConfigNode& node, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (const ConfigNode* found = node.find(name)) return found;
  }
  for (const ConfigNode::Entry& entry : node.entries) {
    if (const ConfigNode* found = find_anywhere(entry.value, names)) return found;
  }
  return nullptr;
}

const std::vector<std::string>& batch_names() {
  static const std::vector<std::string> names = {
      "per_device_train_batch_size", "per_gpu_train_batch_size", "train_micro_batch_size_per_gpu",
      "per_device_batch_size",       "batch_size_per_gpu",       "batch_size"};
  return names;
}
const std::vector<std::string>& accumulation_names() {
  static const std::vector<std::string> names = {"gradient_accumulation_steps", "accumulate_grad_batches",
                                                 "gradient_accumulation", "grad_accum_steps", "update_freq"};
  return names;
}
const std::vector<std::string>& rank_names() {
  static const std::vector<std::string> names = {"ranks",    "num_processes", "nproc_per_node",
                                                 "num_gpus", "n_gpu",         "world_size",
                                                 "devices",  "gpus",          "gpus_per_node"};
  return names;
}

std::string global_batch_size(const Context& context) {
  const ConfigNode* batch = find_anywhere(context.root, batch_names());
  const auto per_device = whole_number(batch);
  if (!per_device) return "write train.global_batch_size: examples per update over all ranks";
  const int64_t accumulation = whole_number(find_anywhere(context.root, accumulation_names())).value_or(1);
  const int64_t ranks = whole_number(find_anywhere(context.root, rank_names())).value_or(1);
  return cat("write train.global_batch_size: ", *per_device * accumulation * ranks, " (", *per_device, " per pass x ",
             accumulation, " accumulated x ", ranks, ranks == 1 ? " rank)" : " ranks)");
}

std::string accumulation(const Context& context) {
  if (find_anywhere(context.root, batch_names()) != nullptr) return global_batch_size(context);
  const auto global = whole_number(find_anywhere(context.root, {"global_batch_size"}));
  const auto steps = whole_number(&context.value);
  const int64_t ranks = whole_number(find_anywhere(context.root, rank_names())).value_or(1);
  const std::string derived = "accumulation follows from global_batch_size and micro_batch_size; ";
  if (!global || !steps) return derived + "set those two";
  return cat(derived, "write train.micro_batch_size: ", std::max<int64_t>(1, *global / (*steps * ranks)));
}

std::string mixed_precision(const std::string& name, const Context& context) {
  const std::string text = foreign_value(context.value);
  if (text == "false" || text == "no" || text == "none") return "write train.precision: float32";
  const bool half = name == "fp16" || text == "fp16" || text == "float16" || text == "16" || text == "16-mixed";
  if (half) return "fp16 is not in this version; write train.precision: bf16";
  const bool full = text == "float32" || text == "fp32" || text == "torch.float32";
  return full ? "write train.precision: float32" : "write train.precision: bf16";
}

std::string metric(const Context& context) {
  std::string text = foreign_value(context.value);
  for (const char* prefix : {"eval_", "val_", "valid_", "eval/", "val/"}) {
    if (starts_with(text, prefix)) text = text.substr(std::string_view(prefix).size());
  }
  if (text == "f1") text = "macro_f1";
  return "write validation.metric: " + text;
}

std::string strategy(const std::string& section, const Context& context) {
  const std::string text = foreign_value(context.value);
  if (text == "steps") return cat("write ", section, ".every_steps: N");
  if (text == "epoch")
    return section == "validation" ? "remove it, it is so: validation runs after each epoch unless every_steps is given"
                                   : "remove it: a checkpoint is saved whenever the weights are the best so far";
  return cat("remove it; how often is set by ", section, ".every_steps");
}

void add_training(Table& t) {
  add(t, batch_names(), global_batch_size);
  add(t, accumulation_names(), accumulation);
  add(t, {"train_batch_size", "total_batch_size", "effective_batch_size"}, same("train.global_batch_size"));
  add(t, {"per_device_eval_batch_size", "eval_batch_size", "valid_batch_size", "batch_size_valid"},
      advice("remove it: validation fills batches by tokens"));
  add(t, {"epochs", "num_epochs", "max_epochs", "n_epochs", "max_epoch", "train_epochs"},
      same("train.num_train_epochs"));
  add(t,
      {"max_iters", "max_train_steps", "num_train_steps", "num_training_steps", "max_update", "train_iters",
       "total_steps"},
      same("train.max_steps"));
  add(t, {"lr", "peak_lr", "max_lr", "base_lr", "init_lr", "initial_learning_rate"}, same("train.learning_rate"));
  add(t,
      {"warmup_ratio", "warmup_proportion", "num_warmup_steps", "warmup_updates", "warmup_iters", "lr_warmup_steps",
       "warmup"},
      same("train.warmup_steps"));
  add(t, {"scheduler", "lr_scheduler", "lr_scheduler_name", "scheduler_type", "lr_decay_style"},
      translated("train.lr_scheduler_type", {{"constant_with_warmup", "constant"}, {"polynomial_decay", "linear"}}));
  add(t, {"optimizer", "optim_name", "optimizer_name", "optimizer_type"},
      translated("train.optim", {{"adam", "adamw"}, {"adamw_torch", "adamw"}, {"adamw_hf", "adamw"}}));
  add(t, {"betas", "adam_betas"}, advice("write train.adam_beta1 and train.adam_beta2"));
  add(t, {"beta1"}, same("train.adam_beta1"));
  add(t, {"beta2"}, same("train.adam_beta2"));
  add(t, {"adam_eps", "eps", "epsilon"}, same("train.adam_epsilon"));
  add(t, {"wd", "l2"}, same("train.weight_decay"));
  add(t,
      {"gradient_clipping", "gradient_clip_val", "clip_grad_norm", "clip_grad", "grad_clip", "clip_norm", "max_norm",
       "max_gradient_norm"},
      same("train.max_grad_norm"));
  for (const char* name : {"fp16", "bf16", "mixed_precision", "amp", "use_amp", "dtype", "torch_dtype"}) {
    t[name] = [name](const Context& context) { return mixed_precision(name, context); };
  }
  add(t, {"hidden_dropout_prob", "attention_probs_dropout_prob", "attention_dropout", "dropout_rate"},
      same("train.dropout"));
  add(t, {"random_seed", "seed_everything", "manual_seed", "data_seed"}, same("seed"));
  add(t, {"gradient_checkpointing", "torch_compile", "deepspeed", "fsdp", "ddp_backend", "strategy"},
      advice("remove it: there is nothing like it in this version"));
  add(t, {"label_smoothing_factor"}, same("task.label_smoothing"));
  add(t, {"group_by_length", "pad_to_max_length", "padding", "padding_side", "packing"},
      advice("remove it: batches are packed, there is no padding"));
}

void add_evaluation(Table& t) {
  add(t,
      {"eval_steps", "eval_interval", "eval_every", "val_check_interval", "validate_interval_updates",
       "evaluation_steps"},
      same("validation.every_steps"));
  add(t, {"eval_strategy", "evaluation_strategy"},
      [](const Context& context) { return strategy("validation", context); });
  add(t, {"save_strategy"}, [](const Context& context) { return strategy("checkpoints", context); });
  add(t,
      {"save_steps", "save_interval", "save_interval_updates", "checkpointing_steps", "checkpoint_interval",
       "every_n_train_steps"},
      same("checkpoints.every_steps"));
  add(t, {"save_total_limit", "keep_last_epochs", "keep_interval_updates", "max_checkpoints"},
      same("checkpoints.keep_last"));
  add(t, {"save_top_k", "keep_best_checkpoints"}, same("checkpoints.keep_best"));
  add(t, {"load_best_model_at_end"}, advice("remove it, it is so: model/ holds the best weights by validation.metric"));
  add(t, {"metric_for_best_model", "monitor", "best_checkpoint_metric", "checkpoint_metric"}, metric);
  add(t, {"greater_is_better", "maximize_best_checkpoint_metric"},
      advice("remove it: it follows from validation.metric"));
  add(t, {"early_stopping_patience"}, [](const Context& context) {
    return cat("write validation.early_stopping: {patience: ", foreign_value(context.value), "}");
  });
  add(t, {"early_stopping_threshold", "early_stopping_min_delta"}, same("validation.early_stopping.min_delta"));
  add(t, {"resume_from_checkpoint", "ckpt_path", "restore_file"},
      advice("remove it: train goes on by itself from the newest whole checkpoint of the run"));
  add(t, {"overwrite_output_dir", "overwrite"}, advice("remove it; `broadsheet train FILE --fresh` starts anew"));
}

void add_models_and_data(Table& t) {
  add(t,
      {"model_name_or_path", "model_name", "model_id", "model_path", "base_model", "base_model_name_or_path",
       "pretrained_model_name_or_path", "pretrained"},
      same("model.from"));
  add(t, {"tokenizer_name", "tokenizer_name_or_path"}, advice("remove it: the model's folder has its tokenizer"));
  add(t, {"config_name", "config_overrides"},
      advice("write model: {architecture: bert, config: {...}, tokenizer: FOLDER}"));
  add(t,
      {"max_seq_length", "max_seq_len", "max_source_length", "max_len", "model_max_length", "block_size", "seq_length",
       "seq_len", "sequence_length", "cutoff_len", "tokens_per_sample"},
      same("data.max_length"));
  add(t,
      {"dataset", "dataset_name", "dataset_dir", "data_dir", "data_path", "train_file", "validation_file", "test_file",
       "train_data"},
      advice("prepare a corpus (`broadsheet prepare corpus.yaml`) and write data.corpus: its folder"));
  add(t, {"text_column", "text_column_name", "text_field", "dataset_text_field"}, same("task.text"));
  add(t, {"summary_column", "response_column", "response_field", "output_column"}, same("task.target"));
  add(t, {"max_target_length", "val_max_target_length", "generation_max_length", "generation_max_new_tokens"},
      same("task.max_new_tokens"));
  add(t, {"label_column", "label_column_name", "label_field", "target_column"}, same("task.label"));
  add(t, {"problem_type"},
      advice("write task.problem: single, multi_label or ordinal; for a score task.kind: regression"));
  add(t, {"task_name", "task_type", "stage"},
      advice("write task.kind: masked_lm, causal_lm, generation, classification or regression"));
  add(t, {"do_train", "do_eval", "do_predict"},
      advice("remove it: the verb says what is done (train, evaluate, predict)"));
  add(t, {"num_labels", "label_names", "id2label", "label2id"},
      advice("remove it: the corpus's label field knows its classes"));
  add(t, {"mlm"}, advice("write task.kind: masked_lm"));
  add(t, {"mlm_prob", "mask_prob", "masking_ratio"}, same("task.mlm_probability"));
  add(t, {"freeze_embeddings"}, advice("write freeze: {embeddings: true}"));
  add(t, {"freeze_layers", "num_frozen_layers", "freeze_trainable_layers"},
      [](const Context& context) { return cat("write freeze: {layers: ", foreign_value(context.value), "}"); });
  add(t, {"freeze_base_model", "freeze_encoder"}, advice("write freeze: all_but_head"));
  add(t, {"rank", "lora_rank", "lora_r"}, same("adapter.r"));
  add(t, {"alpha", "scaling_alpha"}, same("adapter.lora_alpha"));
  add(t, {"lora_target", "lora_target_modules", "modules"}, same("adapter.target_modules"));
  add(t, {"use_peft", "use_lora", "peft_config", "finetuning_type", "peft_type"}, advice("write adapter.kind: lora"));
}

void add_running(Table& t) {
  add(t, {"num_processes", "nproc_per_node", "num_gpus", "n_gpu", "world_size", "devices", "gpus", "gpus_per_node"},
      same("launch.ranks"));
  add(t, {"num_threads", "omp_num_threads", "num_cpu_threads_per_process"}, same("launch.threads_per_rank"));
  add(t, {"nnodes", "num_nodes", "num_machines"},
      advice("remove it: one machine in this version, or start the ranks with mpirun or srun"));
  add(t, {"no_cuda", "use_cpu", "accelerator"}, advice("write launch.device: cpu"));
  add(t, {"dataloader_num_workers", "num_workers", "preprocessing_num_workers", "num_proc"},
      advice("remove it: the corpus is tokenised once, by prepare"));
  add(t, {"output_dir", "save_dir", "default_root_dir"},
      advice("write runs_dir and name; the run's folder is <runs_dir>/<name>"));
  add(t, {"run_name", "experiment_name", "exp_name"}, same("name"));
  add(t, {"logging_steps", "logging_strategy", "log_every_n_steps", "log_interval", "logging_dir", "disable_tqdm"},
      advice("remove it: every step is recorded in metrics.jsonl"));
  add(t, {"report_to", "loggers", "logger"}, [](const Context& context) {
    const std::string text = foreign_value(context.value);
    return cat("write tracking.tensorboard: ",
               text.find("tensorboard") != std::string::npos || text == "all" ? "true" : "false");
  });
}

void add_corpus(Table& t) {
  add(t, {"path", "paths", "file", "data_files", "file_name", "train_file", "data_path"}, same("files"));
  add(t, {"delimiter", "sep", "separator"}, advice("write format: csv (comma) or tsv (tab)"));
  add(t, {"file_type", "file_format"}, same("format"));
  add(t, {"column_names", "names", "header_names"}, same("columns"));
  add(t, {"has_header", "with_header"}, same("header"));
  add(t, {"license"}, same("licence"));
  add(t, {"url", "homepage"}, same("origin"));
  add(t, {"column", "source_column", "field_name"}, same("from"));
  add(t, {"type", "dtype"}, same("kind"));
  add(t, {"regex", "regexp"}, same("pattern"));
  add(t, {"classes", "label_names", "categories"}, same("values"));
  add(t, {"ranges", "thresholds", "cut"}, advice("write bins: {class: [low, high], ...}"));
  add(t, {"required"}, advice("write optional: true for a value that may be missing; every other one is required"));
  add(t, {"val_size", "validation_size", "validation_split", "val_split", "dev_size"}, same("split.validation"));
  add(t, {"test_size", "test_split"}, same("split.test"));
  add(t, {"random_state", "random_seed", "shuffle_seed"}, same("split.seed"));
  add(t, {"group_by", "groups"}, advice("write split: {by: group, field: FIELD}"));
  add(t, {"stratify"}, advice("write split: {by: stratified, field: FIELD}"));
  add(t, {"deduplicate", "dedup", "remove_duplicates", "drop_duplicates"}, same("clean.exact_duplicates"));
  add(t, {"tokenizer_name", "tokenizer_name_or_path", "model_name_or_path", "vocab_file"}, same("tokenizer"));
  add(t, {"output_dir", "out_dir", "destination", "output_path"}, same("output"));
  add(t, {"max_errors", "on_bad_lines", "error_bad_lines"}, advice("write max_rejected_share: 0.01"));
  add(t, {"max_length", "max_seq_length", "truncation"},
      advice("remove it: a corpus holds whole texts; data.max_length of run.yaml cuts them"));
}

const Table& table_of(const std::string& file_kind) {
  static const Table run = [] {
    Table table;
    add_training(table);
    add_evaluation(table);
    add_models_and_data(table);
    add_running(table);
    return table;
  }();
  static const Table corpus = [] {
    Table table;
    add_corpus(table);
    return table;
  }();
  static const Table sweep = foreign_sweep_keys();
  return file_kind == "corpus" ? corpus : file_kind == "sweep" ? sweep : run;
}

}  // namespace

std::optional<std::string> foreign_key_remedy(const std::string& key, const ConfigNode& value, const ConfigNode& root,
                                              const std::string& file_kind) {
  std::string name = key.substr(key.rfind('.') + 1);
  std::replace(name.begin(), name.end(), '-', '_');
  const Table& table = table_of(file_kind);
  const auto found = table.find(name);
  if (found == table.end()) return std::nullopt;
  return found->second({value, root});
}

std::vector<std::string> foreign_keys(const std::string& file_kind) {
  std::vector<std::string> names;
  for (const auto& [name, remedy] : table_of(file_kind)) names.push_back(name);
  return names;
}

}  // namespace broadsheet
