#include "experiments/check.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "core/durable.h"
#include "core/text.h"
#include "data/importers/importer.h"
#include "experiments/check_parts.h"
#include "experiments/config_tables.h"
#include "experiments/state_size.h"
#include "experiments/sweep/sweep_keys.h"
#include "experiments/sweep/sweep_plan.h"
#include "trainer/config_tables.h"

namespace broadsheet {
namespace {

// "key: value  # origin", aligned.
std::string list_values(const OrderedJson& config, const Origins& origins) {
  const auto leaves = flatten(config);
  size_t width = 0;
  for (const auto& [key, value] : leaves) width = std::max(width, std::min<size_t>(key.size() + value.size() + 2, 60));
  std::string text;
  for (const auto& [key, value] : leaves) {
    std::string line = cat("  ", key, ": ", value);
    if (line.size() < width + 2) line.resize(width + 2, ' ');
    const auto origin = origins.find(key);
    text += cat(line, "  # ", origin == origins.end() ? "default" : origin->second, "\n");
  }
  return text;
}

int64_t ceil_divide(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

// Examples per pass when micro_batch_size is auto: an estimate from the mean length.
int64_t passes_by_tokens(const RunConfig& config, const ShardSet& corpus, int64_t per_rank) {
  const auto documents = static_cast<double>(corpus.size(Split::kTrain));
  int64_t all = 0;
  for (const std::string& field : text_fields_of(config.task)) all += corpus.total_tokens(Split::kTrain, field);
  const double mean = static_cast<double>(all) / documents + 2;
  const double tokens = std::min(mean, static_cast<double>(config.data.max_length)) * static_cast<double>(per_rank);
  return std::max<int64_t>(1, std::llround(std::ceil(tokens / static_cast<double>(kAutoTokensPerPass))));
}

}  // namespace

nlohmann::json run_plan(const RunConfig& config, const ShardSet* corpus) {
  const TrainConfig& train = config.train;
  const double mean = corpus != nullptr ? mean_length_of(*corpus, config.data, config.task, train) : 0;
  // About so many with global_batch_tokens; 0 when nothing is known.
  int64_t batch = train.global_batch_size;
  if (train.global_batch_tokens > 0)
    batch = mean > 0 ? std::max<int64_t>(1, std::llround(static_cast<double>(train.global_batch_tokens) / mean)) : 0;
  const int64_t per_rank = ceil_divide(batch, config.launch.ranks);
  nlohmann::json plan = {{"run_dir", config.run_dir()},
                         {"ranks", config.launch.ranks},
                         {"global_batch_size", batch},
                         {"examples_per_rank", per_rank},
                         {"micro_batch_size", train.micro_batch_size == 0 ? nlohmann::json("auto")
                                                                          : nlohmann::json(train.micro_batch_size)},
                         {"corpus_prepared", corpus != nullptr}};
  if (train.global_batch_tokens > 0) {
    plan["global_batch_tokens"] = train.global_batch_tokens;
    if (mean > 0) plan["mean_length"] = mean;
  } else if (train.micro_batch_size > 0) {
    plan["gradient_accumulation"] = ceil_divide(per_rank, train.micro_batch_size);
  } else if (corpus != nullptr) {
    plan["gradient_accumulation_estimate"] = passes_by_tokens(config, *corpus, per_rank);
  }
  const StateSize state = estimate_state_size(config);
  if (state.weights > 0) {
    plan["checkpoint_bytes"] = state.checkpoint();
    plan["checkpoint_extra_memory_bytes"] = state.extra_memory();
  }
  if (corpus == nullptr) return plan;
  for (const Split split : {Split::kTrain, Split::kValidation, Split::kTest}) {
    plan["documents"][split_name(split)] = corpus->size(split);
  }
  const StepCounts counts = count_steps(corpus->size(Split::kTrain), train, config.validation, mean);
  plan["steps_per_epoch"] = counts.steps_per_epoch;
  plan["total_steps"] = counts.total_steps;
  plan["warmup_steps"] = counts.warmup_steps;
  plan["validation_every_steps"] = counts.validation_every;
  return plan;
}

std::string run_plan_text(const RunConfig& config, const nlohmann::json& plan) {
  const auto number = [&](const char* key) { return with_thousands(plan[key].get<int64_t>()); };
  std::string text = cat("Plan\n  run directory          ", config.run_dir(), "\n");
  const std::string over = cat(" over ", number("ranks"), config.launch.ranks == 1 ? " rank" : " ranks");
  if (config.train.global_batch_tokens > 0) {
    text += cat("  global batch           about ", number("global_batch_tokens"), " tokens", over);
    text += plan.contains("mean_length") ? cat(", about ", number("global_batch_size"), " examples\n") : "\n";
  } else {
    text += cat("  global batch           ", number("global_batch_size"), " examples", over, ", ",
                number("examples_per_rank"), " on each\n");
  }
  text += "  gradient accumulation  ";
  if (plan.contains("gradient_accumulation")) {
    text += cat(number("gradient_accumulation"), " passes per update, of at most ", config.train.micro_batch_size,
                " examples\n");
  } else if (plan.contains("gradient_accumulation_estimate")) {
    text += cat("about ", number("gradient_accumulation_estimate"), " passes per update, of at most ",
                kAutoTokensPerPass, " tokens (auto)\n");
  } else if (config.train.micro_batch_size > 0) {
    text += cat("passes of at most ", config.train.micro_batch_size, " examples\n");
  } else {
    text += cat("passes of at most ", kAutoTokensPerPass, " tokens (auto)\n");
  }
  if (plan.contains("checkpoint_bytes")) {
    text += cat("  checkpoints            about ", human_bytes(plan["checkpoint_bytes"].get<uint64_t>()),
                " each; writing them while training goes on takes up to ",
                human_bytes(plan["checkpoint_extra_memory_bytes"].get<uint64_t>()), " more memory per rank\n");
  }
  if (!plan["corpus_prepared"].get<bool>()) {
    return text + cat("  corpus                 ", config.data.corpus,
                      " is not prepared yet (`broadsheet prepare corpus.yaml`):\n",
                      "                         the steps are known when it is\n");
  }
  text += cat("  documents              ", plan["documents"]["train"].get<int64_t>(), " train, ",
              plan["documents"]["validation"].get<int64_t>(), " validation, ", plan["documents"]["test"].get<int64_t>(),
              " test\n");
  text += cat("  steps per epoch        ", number("steps_per_epoch"), "\n  steps in all           ",
              number("total_steps"), "\n");
  text += cat("  warm-up steps          ", number("warmup_steps"), "\n");
  text += cat("  validation             every ", number("validation_every_steps"), " steps, and at the end\n");
  if (plan["warmup_steps"] > plan["total_steps"]) {
    text += "  note: the warm-up is longer than the run; the learning rate never reaches its peak\n";
  }
  return text;
}

namespace {

CheckReport check_run_file(const std::string& path, const std::vector<Override>& sets) {
  Origins origins;
  const std::optional<Site> site = find_site();
  const RunConfig config = load_run_config(path, sets, &origins, site ? &*site : nullptr);
  const auto corpus = check_run_parts(config, &origins, /*corpus_required=*/false);
  CheckReport report;
  const nlohmann::json plan = run_plan(config, corpus.get());
  report.json = {{"schema", 1},        {"kind", "run"}, {"file", path}, {"config", to_json(config)},
                 {"origins", origins}, {"plan", plan}};
  report.text = cat(path, ": no faults\n\nResolved values, and where each comes from\n",
                    list_values(run_section().write(config), origins), "\n", run_plan_text(config, plan));
  return report;
}

uint64_t file_bytes(const std::string& path) {
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(path, error);
  return error ? 0 : size;
}

CheckReport check_corpus_file(const std::string& path, const std::vector<Override>& sets) {
  Origins origins;
  const CorpusConfig config = load_corpus_config(path, sets, &origins);
  Faults faults;
  const auto place = [&](const std::string& key) {
    const auto found = origins.find(key);
    return Place{found == origins.end() ? path : found->second, 0, 0};
  };
  nlohmann::json plan = {
      {"output", config.output}, {"output_exists", exists(config.output)}, {"sources", nlohmann::json::array()}};
  std::string text = "Plan\n";
  for (size_t i = 0; i < config.sources.size(); ++i) {
    const std::string key = cat("sources[", i, "].files");
    try {
      uint64_t bytes = 0;
      const std::vector<std::string> files = expand_files(config.sources[i].files, config.sources[i].format);
      for (const std::string& file : files) bytes += file_bytes(file);
      plan["sources"].push_back({{"files", files}, {"bytes", bytes}});
      text += cat("  source ", i + 1, "   ", files.size(), files.size() == 1 ? " file, " : " files, ",
                  human_bytes(bytes), ": ", join(config.sources[i].files, ", "), "\n");
    } catch (const UserError& error) {
      for (Fault fault : error.faults()) {
        fault.place = place(key);
        fault.key = key;
        faults.add(std::move(fault));
      }
    }
  }
  if (!exists(config.tokenizer + "/tokenizer.json") && !exists(config.tokenizer + "/vocab.txt")) {
    faults.add({"tokenizer.not_found", place("tokenizer"), "tokenizer",
                cat("found neither tokenizer.json nor vocab.txt in ", config.tokenizer), "name the folder of a model"});
  }
  faults.throw_if_any();
  const SplitConfig& split = config.split;
  text += cat("  fields     ", config.fields.size(), "\n  split      by ", split.by);
  if (!split.field.empty()) text += cat(" ", split.field);
  if (split.by != "field") {
    text += cat(": ", shortest(split.validation), " validation, ", shortest(split.test), " test, the rest train");
  }
  text += cat("\n  output     ", config.output, exists(config.output) ? " (exists)" : "", "\n");
  CheckReport report;
  const OrderedJson resolved = corpus_section().write(config);
  report.json = {{"schema", 1},        {"kind", "corpus"},
                 {"file", path},       {"config", nlohmann::json::parse(resolved.dump())},
                 {"origins", origins}, {"plan", plan}};
  report.text = cat(path, ": no faults\n\nResolved values, and where each comes from\n", list_values(resolved, origins),
                    "\n", text);
  return report;
}

CheckReport check_sweep_file(const std::string& path, const std::vector<Override>& sets) {
  Origins origins;
  const Sweep sweep = load_sweep(path, sets, &origins);
  Origins of_run;
  load_run_config(sweep.config.run, {}, &of_run);
  const auto corpus = check_run_parts(sweep.base, &of_run, /*corpus_required=*/false);
  const nlohmann::json plan = sweep_plan(sweep, corpus.get());
  CheckReport report;
  report.json = {{"schema", 1},        {"kind", "sweep"}, {"file", path}, {"config", to_json(sweep.config)},
                 {"origins", origins}, {"plan", plan}};
  report.text = cat(path, ": no faults\n\nResolved values, and where each comes from\n",
                    list_values(sweep_section().write(sweep.config), origins), "\n", sweep_plan_text(sweep, plan));
  return report;
}

}  // namespace

CheckReport check_file(const std::string& path, const std::vector<Override>& sets) {
  const std::string kind = file_kind(path);
  if (kind == "run") return check_run_file(path, sets);
  return kind == "corpus" ? check_corpus_file(path, sets) : check_sweep_file(path, sets);
}

}  // namespace broadsheet
