#include "experiments/sweep/importance.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <random>

#include "core/text.h"
#include "experiments/sweep/sweep_view.h"
#include "tests/experiments/sweep_fixture.h"

namespace broadsheet {
namespace {

using nlohmann::json;

SearchParameter even_parameter(const std::string& name) {
  return {name, fixtures::distribution(Distribution::Kind::kUniform), {}};
}
SearchParameter choice(const std::string& name, std::vector<json> values) {
  return {name, fixtures::distribution(Distribution::Kind::kValues, std::move(values)), {}};
}

SweepView sweep_of(std::vector<SearchParameter> parameters) {
  SweepView view;
  view.parameters = std::move(parameters);
  view.metric = "loss";
  return view;
}

void add(SweepView& view, Assignment parameters, double value) {
  TrialView trial;
  trial.number = trial.configuration = static_cast<int64_t>(view.trials.size());
  trial.parameters = std::move(parameters);
  trial.state = "done";
  trial.value = value;
  view.trials.push_back(std::move(trial));
}

std::map<std::string, double> shares(const SweepView& view) {
  const auto list = parameter_importance(view);
  return {list.begin(), list.end()};
}

// Two numbers, of which the first moves the value ten times as far.
SweepView ten_to_one(bool maximize) {
  SweepView view = sweep_of({even_parameter("small"), even_parameter("large")});
  view.maximize = maximize;
  fixtures::Draws draws(3);
  for (int i = 0; i < 200; ++i) {
    const double small = draws.next(), large = draws.next();
    const double loss = 10 * large + small;
    add(view, {{"small", small}, {"large", large}}, maximize ? -loss : loss);
  }
  return view;
}

TEST(Importance, AParameterThatMovesTheValueTenTimesAsFarTakesNearlyAll) {
  const auto list = parameter_importance(ten_to_one(false));
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].first, "large");
  EXPECT_GT(list[0].second, 0.9);
  EXPECT_NEAR(list[0].second + list[1].second, 1, 1e-12);
}

TEST(Importance, MoreMayBeBetter) {
  EXPECT_EQ(parameter_importance(ten_to_one(true)), parameter_importance(ten_to_one(false)));
}

TEST(Importance, ATextThatDecidesIsFoundAmongNumbersThatDoNot) {
  SweepView view = sweep_of({even_parameter("noise"), choice("optim", {"adamw", "sgd", "lion"})});
  fixtures::Draws draws(5);
  for (int i = 0; i < 150; ++i) {
    const char* optim[] = {"adamw", "sgd", "lion"};
    add(view, {{"noise", draws.next()}, {"optim", optim[i % 3]}}, (i % 3 == 1 ? 0 : 1) + 0.01 * draws.next());
  }
  EXPECT_GT(shares(view)["optim"], 0.7);  // the rest: 15 of the best have no even spread of noise
}

TEST(Importance, AParameterOfOneBranchCountsByWhatItDoesThere) {
  SweepView view = sweep_of({choice("kind", {"none", "lora"}), even_parameter("r"), even_parameter("noise")});
  fixtures::Draws draws(7);
  for (int i = 0; i < 300; ++i) {
    const bool lora = i % 2 == 0;
    Assignment assignment = {{"kind", lora ? "lora" : "none"}, {"noise", draws.next()}};
    if (lora) assignment["r"] = draws.next();
    add(view, assignment, lora ? assignment["r"].get<double>() : 0.02 + draws.next());
  }
  const auto found = shares(view);
  EXPECT_GT(found.at("r"), 0.5);
  EXPECT_LT(found.at("noise"), 0.1);
}

TEST(Importance, WhatIsFixedOrFollowsAnotherHasNoShare) {
  SweepView view = ten_to_one(false);
  view.parameters.push_back({"fixed", fixtures::distribution(Distribution::Kind::kFixed, {1}), {}});
  view.parameters.push_back({"tied", fixtures::distribution(Distribution::Kind::kTied), {}});
  for (TrialView& trial : view.trials) {
    trial.parameters["fixed"] = 1;
    trial.parameters["tied"] = trial.parameters["large"];
  }
  EXPECT_EQ(parameter_importance(view), parameter_importance(ten_to_one(false)));
}

TEST(Importance, FewerThanTenConfigurationsSayNothing) {
  SweepView view = ten_to_one(false);
  view.trials.resize(10);
  EXPECT_FALSE(parameter_importance(view).empty());
  view.trials[4].state = "running";
  EXPECT_TRUE(parameter_importance(view).empty());
  view.trials[4].state = "done";
  view.trials[4].value = std::nan("");
  EXPECT_TRUE(parameter_importance(view).empty());
}

TEST(Importance, NothingIsImportantWhereAllAreEqual) {
  SweepView view = ten_to_one(false);
  for (TrialView& trial : view.trials) trial.value = 0.5;
  EXPECT_TRUE(parameter_importance(view).empty());
}

TEST(Importance, RepeatsCountOnceByTheirMean) {
  const SweepView once = ten_to_one(false);
  SweepView thrice = once;
  thrice.repeat = 3;
  thrice.trials.clear();
  for (const TrialView& trial : once.trials) {
    for (const double off : {-0.5, 0.0, 0.5}) {
      add(thrice, trial.parameters, *trial.value + off);
      thrice.trials.back().configuration = trial.configuration;
    }
  }
  const auto expected = shares(once), found = shares(thrice);
  for (const auto& [name, share] : expected) EXPECT_NEAR(found.at(name), share, 1e-6) << name;
}

TEST(Importance, ValuesOutsideTheDistributionHaveAPlaceOrAreLeftOut) {
  SweepView view = sweep_of({even_parameter("number"), choice("text", {"a", "b"})});
  fixtures::Draws draws(9);
  for (int i = 0; i < 40; ++i) {
    json number = draws.next() * 3 - 1;
    if (i % 10 == 9) number = "auto";
    add(view, {{"number", number}, {"text", i % 4 == 0 ? "c" : "a"}}, i);
  }
  double sum = 0;
  for (const auto& [name, share] : parameter_importance(view)) {
    EXPECT_TRUE(std::isfinite(share)) << name;
    sum += share;
  }
  EXPECT_NEAR(sum, 1, 1e-12);
}

SearchParameter parameter_of(const json& description) {
  Distribution distribution;
  const std::string kind = description.at("kind");
  if (kind == "values") {
    distribution.kind = Distribution::Kind::kValues;
    distribution.values = description.at("values").get<std::vector<json>>();
  } else {
    distribution.kind = kind == "uniform" ? Distribution::Kind::kUniform : Distribution::Kind::kLogUniform;
    distribution.min = description.at("min");
    distribution.max = description.at("max");
    distribution.q = description.value("q", 0.0);
    distribution.integer = description.value("integer", false);
  }
  return {description.at("name"), distribution, {}};
}

// tests/golden/make_ped_anova_golden.py: Optuna's numbers, before they are made to sum to 1. Both sides are sums of a
// few hundred normal masses in double precision; Optuna takes them from logarithms, we from erfc. A part in 1e9 is what
// that leaves; a wrong grid, bandwidth, prior or weight shows in the first digits.
TEST(Importance, TheNumbersAreOptunas) {
  std::ifstream file(BROADSHEET_SOURCE_DIR "/tests/golden/ped_anova.json");
  const json golden = json::parse(file);
  ASSERT_EQ(golden.at("studies").size(), 5u);
  for (const json& study : golden.at("studies")) {
    std::vector<SearchParameter> parameters;
    for (const json& description : study.at("parameters")) parameters.push_back(parameter_of(description));
    std::vector<MeasuredPoint> points;
    for (const json& point : study.at("points")) {
      points.push_back({point.at("parameters").get<Assignment>(), point.at("value").get<double>()});
    }
    const std::vector<double> found = ped_anova(parameters, points, study.at("target"));
    for (size_t i = 0; i < parameters.size(); ++i) {
      const double expected = study.at("importance").at(parameters[i].name);
      EXPECT_NEAR(found[i], expected, 1e-9 * expected) << points.size() << " " << parameters[i].name;
    }
  }
}

}  // namespace
}  // namespace broadsheet
