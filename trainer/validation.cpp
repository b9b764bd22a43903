#include "trainer/validation.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/activity.h"
#include "core/errors.h"
#include "core/text.h"
#include "data/plan.h"
#include "trainer/parallel/tree.h"
#include "trainer/step.h"
#include "trainer/stopwatch.h"

namespace broadsheet {

namespace {

using MetricTree = TreeSum<std::unique_ptr<Metrics>>;

void add_metrics(std::unique_ptr<Metrics>& left, std::unique_ptr<Metrics>& right) {
  left->merge(right->state());
}

std::unique_ptr<Metrics> sum_over_ranks(const Task& task, MetricTree& mine, int64_t leaves, Communicator& ranks) {
  std::vector<double> states;  // each behind its length
  for (const MetricTree::Node& node : mine.nodes()) {
    const std::vector<double> state = node.value->state();
    states.push_back(static_cast<double>(state.size()));
    states.insert(states.end(), state.begin(), state.end());
  }
  std::string bytes(states.size() * sizeof(double), '\0');
  std::memcpy(bytes.data(), states.data(), bytes.size());
  MetricTree all(add_metrics);
  const std::vector<std::string> gathered = ranks.all_gather(bytes);
  for (int64_t rank = 0; rank < ranks.size(); ++rank) {
    const char* next = gathered[static_cast<size_t>(rank)].data();
    for (const TreePlace& place : tree_places(leaf_run(leaves, rank, ranks.size()))) {
      double length = 0;
      std::memcpy(&length, next, sizeof length);
      next += sizeof length;
      std::vector<double> state(static_cast<size_t>(length));
      std::memcpy(state.data(), next, state.size() * sizeof(double));
      next += state.size() * sizeof(double);
      std::unique_ptr<Metrics> metrics = task.make_metrics();
      metrics->merge(state);
      all.push(place, std::move(metrics));
    }
  }
  return all.finish();
}

// Passes over ascending examples, changed so that none ends inside a document: its pieces are measured as one.
std::vector<std::vector<int64_t>> keep_documents_whole(const std::vector<std::vector<int64_t>>& passes,
                                                       const ShardSet& corpus, Split split) {
  std::vector<std::vector<int64_t>> whole;
  int64_t last = -1;
  for (const std::vector<int64_t>& pass : passes) {
    bool begun = false;  // a pass of our own for this one
    for (const int64_t example : pass) {
      const int64_t document = corpus.document_of(split, example);
      if (!begun && document != last) {
        whole.emplace_back();
        begun = true;
      }
      whole.back().push_back(example);
      last = document;
    }
  }
  return whole;
}

}  // namespace

std::vector<std::vector<int64_t>> evaluation_passes(const Task& task, const ShardSet& corpus, Split split) {
  return keep_documents_whole(cut_by_length(task, corpus, split, evaluation_ids(corpus.size(split), {0, 1}), {}),
                              corpus, split);
}

Evaluation run_evaluation(Task& task, const ShardSet& corpus, Split split, Communicator& ranks,
                          const std::function<void(const Batch&)>& on_batch) {
  const PhaseScope validating(Phase::kValidation);
  const at::NoGradGuard no_grad;
  const Stopwatch watch;
  Evaluation evaluation;
  if (corpus.size(split) == 0) return evaluation;
  // Cut into passes before ranks are considered, and summed in one tree: the same bits on any number of ranks.
  const auto passes = evaluation_passes(task, corpus, split);
  const auto leaves = static_cast<int64_t>(passes.size());
  const LeafRun run = leaf_run(leaves, ranks.rank(), ranks.size());
  MetricTree mine(add_metrics);
  for (int64_t leaf = run.begin; leaf < run.end; ++leaf) {
    const Batch batch = task.make_batch(corpus, split, passes[static_cast<size_t>(leaf)], 0);
    evaluation.tokens += batch.total();
    std::unique_ptr<Metrics> metrics = task.make_metrics();
    task.evaluate(batch, *metrics);
    if (on_batch) on_batch(batch);
    mine.push_leaf(leaf, std::move(metrics));
    note_progress();
  }
  const std::unique_ptr<Metrics> sums = sum_over_ranks(task, mine, leaves, ranks);
  evaluation.metrics = sums->compute();
  evaluation.details = sums->details();
  evaluation.tokens = ranks.sum(std::vector<int64_t>{evaluation.tokens})[0];
  evaluation.seconds = watch.seconds();
  return evaluation;
}

MetricValues evaluate_split(Task& task, const ShardSet& corpus, Split split, Communicator& ranks) {
  return run_evaluation(task, corpus, split, ranks).metrics;
}

BestTracker::BestTracker(bool higher_is_better, double min_delta, int64_t keep)
    : higher_is_better_(higher_is_better),
      min_delta_(min_delta),
      keep_(static_cast<size_t>(std::max<int64_t>(1, keep))) {}

bool BestTracker::add(int64_t step, double value) {
  const bool finite = std::isfinite(value);
  const bool first = best_.empty();
  const bool is_best = finite && (first || better(value, best_.front().value));
  const bool improved = is_best && (first || std::abs(value - best_.front().value) > min_delta_);
  without_improvement_ = improved ? 0 : without_improvement_ + 1;
  if (!finite) return false;
  const auto place = std::find_if(best_.begin(), best_.end(), [&](const Entry& e) { return better(value, e.value); });
  best_.insert(place, {step, value});
  if (best_.size() > keep_) best_.resize(keep_);
  return is_best;
}

nlohmann::json BestTracker::to_json() const {
  nlohmann::json entries = nlohmann::json::array();
  for (const Entry& entry : best_) entries.push_back({{"step", entry.step}, {"value", entry.value}});
  return {{"best", entries}, {"without_improvement", without_improvement_}};
}

void BestTracker::restore(const nlohmann::json& json) {
  best_.clear();
  for (const nlohmann::json& entry : json.at("best")) best_.push_back({entry.at("step"), entry.at("value")});
  without_improvement_ = json.at("without_improvement");
}

double chosen_metric(const MetricValues& metrics, const std::string& name) {
  const auto found = metrics.find(name);
  if (found != metrics.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [metric, value] : metrics) names.push_back(metric);
  throw UserError("validation.metric", cat("validation.metric is \"", name, "\", which this task does not measure"),
                  cat("use one of ", join(names, ", ")));
}

nlohmann::json number_to_json(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

double number_from_json(const nlohmann::json& json) {
  if (!json.is_string()) return json.get<double>();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return json == "inf" ? kInfinity : json == "-inf" ? -kInfinity : std::numeric_limits<double>::quiet_NaN();
}

nlohmann::json metrics_to_json(const MetricValues& metrics) {
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [name, value] : metrics) json[name] = number_to_json(value);
  return json;
}

MetricValues metrics_from_json(const nlohmann::json& json) {
  MetricValues metrics;
  for (const auto& [name, value] : json.items()) metrics[name] = number_from_json(value);
  return metrics;
}

}  // namespace broadsheet
