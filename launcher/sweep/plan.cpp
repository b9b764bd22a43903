#include "launcher/sweep/plan.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "core/durable.h"
#include "core/text.h"
#include "data/shards.h"
#include "experiments/state_size.h"
#include "experiments/sweep/mailbox.h"
#include "experiments/sweep/study.h"
#include "launcher/sweep/driver.h"
#include "trainer/config_tables.h"

namespace broadsheet {
namespace {

constexpr size_t kShown = 10;
constexpr size_t kRunsLookedAt = 50;
// run.yaml, environment.json, command.txt, metrics.jsonl, timings.jsonl, results.json, report.html, one log and the
// attempt's plan and ranks; TensorBoard's file comes on top.
constexpr int64_t kFilesOfTrial = 10;
constexpr uint64_t kBytesOfTrial = 200'000;

struct Rate {
  double core_seconds_per_token = 0;
  std::string folder;
};

std::optional<double> rate_of(const std::string& run_folder, const RunConfig& config) {
  std::ifstream file(run_folder + "/timings.jsonl");
  double seconds = 0, tokens = 0;
  for (std::string line; std::getline(file, line);) {
    const nlohmann::json record = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!record.is_object()) continue;
    const auto spent = record.find("seconds"), read = record.find("tokens");
    if (spent == record.end() || read == record.end() || !spent->is_number() || !read->is_number()) continue;
    seconds += spent->get<double>();
    tokens += read->get<double>();
  }
  if (tokens <= 0 || seconds <= 0) return std::nullopt;
  return seconds * static_cast<double>(config.launch.ranks * config.launch.threads_per_rank) / tokens;
}

// The newest run, or trial, of the same model and corpus.
std::optional<Rate> measured_rate(const Sweep& sweep) {
  std::vector<std::pair<std::filesystem::file_time_type, std::string>> runs;
  std::error_code error;
  std::vector<std::string> places = {sweep.config.runs_dir};
  std::filesystem::directory_iterator entry(sweep.config.runs_dir, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error))
    places.push_back(entry->path().string() + "/trials");
  for (const std::string& place : places) {
    for (std::filesystem::directory_iterator at(place, error); !error && at != std::filesystem::directory_iterator();
         at.increment(error)) {
      const std::string run = at->path();
      std::error_code none;
      const auto time = std::filesystem::last_write_time(run + "/timings.jsonl", none);
      if (!none) runs.emplace_back(time, run);
    }
  }
  std::sort(runs.rbegin(), runs.rend());
  if (runs.size() > kRunsLookedAt) runs.resize(kRunsLookedAt);
  for (const auto& [time, run] : runs) {
    try {
      const RunConfig config = load_run_config(run + "/run.yaml", {});
      const bool alike = config.model.from == sweep.base.model.from && config.data.corpus == sweep.base.data.corpus &&
                         config.freeze.all_but_head == sweep.base.freeze.all_but_head;
      if (!alike) continue;
      if (const std::optional<double> rate = rate_of(run, config)) return Rate{*rate, run};
    } catch (const std::exception&) {
      continue;  // of another version, or half written
    }
  }
  return std::nullopt;
}

SweepPlan::Planned plan_one(const Sweep& sweep, const Assignment& parameters, const std::vector<int64_t>& rungs,
                            int64_t examples, int64_t* examples_trained) {
  SweepPlan::Planned planned{parameters, 0, {}, ""};
  try {
    const RunConfig config = trial_config(sweep, parameters, 0, trial_folder(sweep.config.sweep_dir(), 0));
    const TrialPlan plan = plan_trial(config, sweep.config.early_terminate, rungs, examples);
    planned.total_steps = plan.total_steps;
    planned.gate_steps = plan.gate_steps;
    *examples_trained = plan.total_steps * config.train.global_batch_size;
  } catch (const UserError& error) {
    planned.fault = error.what();
  }
  return planned;
}

std::string gigabytes(uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f GB", static_cast<double>(bytes) / 1e9);
  return text;
}

}  // namespace

int64_t max_resource_of(const Sweep& sweep, int64_t examples) {
  if (sweep.max_resource > 0) return sweep.max_resource;
  if (sweep.config.early_terminate.resource == "epochs")
    return static_cast<int64_t>(std::ceil(sweep.base.train.num_train_epochs));
  return count_steps(examples, sweep.base.train, sweep.base.validation).total_steps;
}

SweepPlan plan_sweep(const Sweep& sweep, int64_t examples) {
  SweepPlan plan;
  plan.max_resource = max_resource_of(sweep, examples);
  Study study(sweep);
  study.apply({{"event", "begin"}, {"max_resource", plan.max_resource}});
  plan.rungs = study.rungs();
  const int64_t wanted = sweep.config.trials;
  double trained = 0;
  while (wanted == 0 || static_cast<int64_t>(plan.first.size()) < std::min<int64_t>(wanted, kShown)) {
    const std::vector<nlohmann::json> events = study.suggest();
    if (events.empty()) break;
    for (const nlohmann::json& event : events) study.apply(event);
    int64_t mine = 0;
    plan.first.push_back(plan_one(sweep, events[0].at("parameters").get<Assignment>(), plan.rungs, examples, &mine));
    trained += static_cast<double>(mine);
  }
  const auto planned = static_cast<int64_t>(plan.first.size());
  const bool all = wanted == 0 || planned < std::min<int64_t>(wanted, kShown);
  plan.configurations = all ? planned : wanted;
  plan.trials = plan.configurations * sweep.config.repeat;
  if (planned > 0)
    plan.examples_at_most =
        static_cast<int64_t>(trained / static_cast<double>(planned) * static_cast<double>(plan.trials));
  const StateSize size = estimate_state_size(sweep.base);
  plan.checkpoint_bytes = size.checkpoint();
  const auto alive = static_cast<uint64_t>(std::min(sweep.config.concurrency, plan.trials));
  const auto paused = static_cast<uint64_t>(plan.rungs.empty() ? 0 : plan.trials);
  const auto each = static_cast<uint64_t>(sweep.base.checkpoints.keep_last + sweep.base.checkpoints.keep_best);
  plan.disk_bytes = (alive * (each + 1) + paused * 2) * size.checkpoint() +
                    static_cast<uint64_t>(sweep.config.keep_best) * (each * size.checkpoint() + size.saved) +
                    static_cast<uint64_t>(plan.trials) * kBytesOfTrial;
  plan.files_per_trial = kFilesOfTrial + (sweep.base.tracking.tensorboard ? 1 : 0);
  if (const std::optional<Rate> rate = measured_rate(sweep)) {
    const std::shared_ptr<const ShardSet> corpus = ShardSet::open(sweep.base.data.corpus);
    int64_t tokens = 0;
    for (const std::string& field : text_fields_of(sweep.base.task))
      tokens += corpus->total_tokens(Split::kTrain, field);
    const double tokens_per_example = static_cast<double>(tokens) / std::max<double>(1, static_cast<double>(examples));
    plan.core_hours =
        rate->core_seconds_per_token * tokens_per_example * static_cast<double>(plan.examples_at_most) / 3600;
    plan.measured_in = rate->folder;
  }
  return plan;
}

std::string to_text(const SweepPlan& plan, const std::string& folder) {
  std::string text =
      cat("a sweep of ", plan.configurations, " configurations, ", plan.trials, " trials, in ", folder, "\n");
  if (!plan.rungs.empty()) {
    std::vector<std::string> rungs;
    for (const int64_t rung : plan.rungs) rungs.push_back(cat(rung));
    text += cat("rungs: ", join(rungs, ", "), "; a trial ends at ", plan.max_resource, "\n");
  }
  text += "the first of them, if nothing were learned:\n";
  for (size_t i = 0; i < std::min(plan.first.size(), kShown); ++i) {
    const SweepPlan::Planned& one = plan.first[i];
    text += cat("  ", i, "  ", describe(one.parameters), "  (",
                one.fault.empty() ? cat(one.total_steps, " steps") : "infeasible: " + one.fault, ")\n");
  }
  if (plan.core_hours) {
    char hours[32];
    std::snprintf(hours, sizeof hours, "%.2f", *plan.core_hours);
    text += cat("at most ", hours, " core-hours, by the rate of ", plan.measured_in, "\n");
  } else {
    text += "cost: no run of this model and corpus has been measured yet; train one, or start with budget: set\n";
  }
  text += cat("disk: at most ", gigabytes(plan.disk_bytes), " while it runs (a checkpoint has ",
              gigabytes(plan.checkpoint_bytes), "); an ended trial leaves about ", plan.files_per_trial,
              " small files, ", kBytesOfTrial / 1000, " kB\n");
  return text;
}

nlohmann::json to_json(const SweepPlan& plan, const std::string& folder) {
  nlohmann::json first = nlohmann::json::array();
  for (const SweepPlan::Planned& one : plan.first) {
    first.push_back({{"parameters", one.parameters},
                     {"total_steps", one.total_steps},
                     {"gate_steps", one.gate_steps},
                     {"fault", one.fault.empty() ? nlohmann::json() : nlohmann::json(one.fault)}});
  }
  return {{"dry_run", true},
          {"run_dir", folder},
          {"configurations", plan.configurations},
          {"trials", plan.trials},
          {"rungs", plan.rungs},
          {"first", first},
          {"core_hours", plan.core_hours ? nlohmann::json(*plan.core_hours) : nlohmann::json()},
          {"checkpoint_bytes", plan.checkpoint_bytes},
          {"disk_bytes", plan.disk_bytes},
          {"files_per_trial", plan.files_per_trial}};
}

}  // namespace broadsheet
