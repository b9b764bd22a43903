#include "tests/experiments/sweep_fixture.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "core/text.h"

namespace broadsheet::fixtures {
namespace {

std::vector<SearchParameter> parameters() {
  const auto known = [](const std::string& name) { return name == "adapter.kind"; };
  Distribution rate = distribution(Distribution::Kind::kLogUniform);
  rate.min = 1e-5;
  rate.max = 1e-2;
  Distribution decay = distribution(Distribution::Kind::kUniform);
  decay.max = 0.3;
  Distribution epochs = distribution(Distribution::Kind::kUniform);
  epochs.min = 1;
  epochs.max = 5;
  epochs.integer = true;
  Distribution kind = distribution(Distribution::Kind::kValues, {"none", "lora"});
  Distribution rank = distribution(Distribution::Kind::kValues, {4, 8, 16});
  Distribution schedule = distribution(Distribution::Kind::kValues, {"linear", "cosine", "constant_with_warmup"});
  return {{"train.learning_rate", rate, {}},
          {"train.weight_decay", decay, {}},
          {"train.num_train_epochs", epochs, {}},
          {"train.lr_scheduler_type", schedule, {}},
          {"adapter.kind", kind, {}},
          {"adapter.r", rank, {Expression::parse("adapter.kind == lora", known)}}};
}

TrialView trial(int64_t number) {
  Draws draws(static_cast<uint64_t>(number) + 1);
  TrialView out;
  out.number = out.configuration = number;
  const double rate = 1e-5 * std::pow(1000, draws.next());
  const double decay = 0.3 * draws.next();
  const bool lora = draws.next() < 0.5;
  const char* schedules[] = {"linear", "cosine", "constant_with_warmup"};
  const int ranks[] = {4, 8, 16};
  out.parameters = {{"train.learning_rate", rate},
                    {"train.weight_decay", decay},
                    {"train.num_train_epochs", 1 + static_cast<int>(draws.next() * 5)},
                    {"train.lr_scheduler_type", schedules[static_cast<int>(draws.next() * 3)]},
                    {"adapter.kind", lora ? "lora" : "none"}};
  const double away = std::log10(rate) + 3.6;
  double end = 0.78 - 0.09 * away * away - 0.1 * std::fabs(decay - 0.1) + 0.01 * (draws.next() - 0.5);
  if (lora) {
    const int r = ranks[static_cast<int>(draws.next() * 3)];
    out.parameters["adapter.r"] = r;
    end += 0.02 - 0.1 / r;
  }
  out.total_steps = 450;
  out.steps = end > 0.74 ? 450 : end > 0.6 ? 150 : 50;
  out.state = out.steps == 450 ? "done" : "pruned";
  for (int64_t step = 25; step <= out.steps; step += 25) {
    out.curve.emplace_back(step, end * (1 - std::exp(-static_cast<double>(step) / 90)) + 0.01 * draws.next());
  }
  out.value = out.curve.back().second;
  out.seconds = 0.4 * static_cast<double>(out.steps) * (lora ? 0.8 : 1);
  out.cores = 2;
  return out;
}

}  // namespace

Distribution distribution(Distribution::Kind kind, std::vector<nlohmann::json> values) {
  Distribution out;
  out.kind = kind;
  out.values = std::move(values);
  return out;
}

SweepView sample_sweep(int64_t count) {
  SweepView view;
  view.name = "editorials-search";
  view.method = "tpe";
  view.metric = "macro_f1";
  view.maximize = true;
  view.trials_wanted = count;
  view.early_terminate.type = "asha";
  view.parameters = parameters();
  for (int64_t number = 0; number < count; ++number) {
    view.trials.push_back(trial(number));
    TrialView& last = view.trials.back();
    if (number % 13 == 12) {
      last.state = "failed";
      last.why = cat("the loss is not finite at step ", 20 + number, "\nlower train.learning_rate");
      last.value.reset();
      last.curve.clear();
      last.steps = 20;
    } else if (number + 2 >= count) {
      last.state = "running";
    }
  }
  for (const int64_t rung : {50, 150}) {
    const auto reached = [&](int64_t least) {
      return std::count_if(view.trials.begin(), view.trials.end(),
                           [&](const TrialView& trial) { return trial.value && trial.steps >= least; });
    };
    view.rungs.push_back({rung, reached(rung), reached(rung + 1)});
  }
  double best = -1;
  for (const TrialView& trial : view.trials) {
    if (trial.state != "done" || *trial.value <= best) continue;
    best = *trial.value;
    view.best = trial.number;
  }
  return view;
}

}  // namespace broadsheet::fixtures
