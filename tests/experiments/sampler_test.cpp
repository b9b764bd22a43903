#include "experiments/search/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

using State = Observation::State;
using nlohmann::json;

SearchParameter uniform(const std::string& name, double min, double max) {
  SearchParameter parameter;
  parameter.name = name;
  parameter.distribution.kind = Distribution::Kind::kUniform;
  parameter.distribution.min = min;
  parameter.distribution.max = max;
  return parameter;
}

SearchParameter logarithmic(const std::string& name, double min, double max) {
  SearchParameter parameter = uniform(name, min, max);
  parameter.distribution.kind = Distribution::Kind::kLogUniform;
  return parameter;
}

SearchParameter integer(const std::string& name, double min, double max) {
  SearchParameter parameter = uniform(name, min, max);
  parameter.distribution.integer = true;
  return parameter;
}

SearchParameter stepped(const std::string& name, double min, double max, double q) {
  SearchParameter parameter = uniform(name, min, max);
  parameter.distribution.q = q;
  return parameter;
}

SearchParameter listed(const std::string& name, const std::vector<json>& of) {
  SearchParameter parameter = uniform(name, 0, 1);
  parameter.distribution.kind = Distribution::Kind::kValues;
  parameter.distribution.values = of;
  return parameter;
}

Expression condition(const std::string& text) {
  return Expression::parse(text, [](const std::string& word) { return word.find('.') != std::string::npos; });
}

SearchParameter with(SearchParameter parameter, const std::string& when) {
  parameter.when.push_back(condition(when));
  return parameter;
}

// What a user would write: a learning rate, an adapter with or without its rank, a few other things.
SearchSpace typical() {
  return SearchSpace({logarithmic("train.learning_rate", 1e-5, 1e-2), listed("adapter.kind", {"none", "lora"}),
                      with(listed("adapter.r", {4, 8, 16}), "adapter.kind == lora"), integer("train.epochs", 1, 9),
                      stepped("train.weight_decay", 0, 0.3, 0.05)},
                     {}, nullptr);
}

void expect_typical(const Assignment& assignment) {
  const double rate = assignment.at("train.learning_rate").get<double>();
  EXPECT_TRUE(rate >= 1e-5 && rate <= 1e-2) << rate;
  const bool lora = assignment.at("adapter.kind") == "lora";
  EXPECT_EQ(assignment.count("adapter.r"), lora ? 1u : 0u);
  ASSERT_TRUE(assignment.at("train.epochs").is_number_integer());
  const auto epochs = assignment.at("train.epochs").get<int64_t>();
  EXPECT_TRUE(epochs >= 1 && epochs <= 9) << epochs;
  const double decay = assignment.at("train.weight_decay").get<double>();
  EXPECT_TRUE(decay >= 0 && decay <= 0.3) << decay;
  EXPECT_NEAR(decay / 0.05, std::round(decay / 0.05), 1e-9);
}

using Objective = std::function<double(const Assignment&)>;

double typical_value(const Assignment& assignment) {
  const double rate = std::log10(assignment.at("train.learning_rate").get<double>()) + 3.5;
  const double rank = assignment.count("adapter.r") > 0 ? assignment.at("adapter.r").get<double>() : 32;
  return rate * rate + rank / 16 + std::abs(assignment.at("train.epochs").get<double>() - 4) / 8 +
         std::abs(assignment.at("train.weight_decay").get<double>() - 0.1);
}

std::vector<Assignment> play(const SearchSpace& space, const std::string& method, uint64_t seed, size_t trials,
                             const Objective& value) {
  const auto sampler = make_sampler(space, {method, seed});
  std::vector<Assignment> all;
  for (size_t trial = 0; trial < trials; ++trial) {
    std::optional<Assignment> suggested = sampler->suggest(static_cast<int64_t>(trial));
    if (!suggested) break;
    sampler->observe(trial, *suggested, {});
    sampler->observe(trial, *suggested, {State::kComplete, value(*suggested), 1});
    all.push_back(std::move(*suggested));
  }
  return all;
}

double best_of(const std::vector<Assignment>& all, const Objective& value) {
  double best = value(all.at(0));
  for (const Assignment& one : all) best = std::min(best, value(one));
  return best;
}

class Samplers : public testing::TestWithParam<const char*> {};

TEST_P(Samplers, SuggestWhatTheSpaceAllows) {
  const SearchSpace space = typical();
  const std::vector<Assignment> all = play(space, GetParam(), 3, 60, typical_value);
  ASSERT_EQ(all.size(), 60u);
  std::set<std::string> ranks;
  for (const Assignment& one : all) {
    expect_typical(one);
    if (one.count("adapter.r") > 0) ranks.insert(one.at("adapter.r").dump());
  }
  EXPECT_EQ(ranks, (std::set<std::string>{"16", "4", "8"}));
}

TEST_P(Samplers, ADriverThatHasReadItsJournalAgainGetsTheSameSuggestion) {
  const SearchSpace space = typical();
  const std::vector<Assignment> all = play(space, GetParam(), 5, 40, typical_value);
  for (const size_t known : {size_t{0}, size_t{7}, size_t{15}, size_t{39}}) {
    const auto sampler = make_sampler(space, {GetParam(), 5});
    for (size_t i = 0; i < known; ++i) sampler->observe(i, all[i], {State::kComplete, typical_value(all[i]), 1});
    const std::optional<Assignment> next = sampler->suggest(static_cast<int64_t>(known));
    ASSERT_TRUE(next);
    EXPECT_EQ(canonical(*next), canonical(all[known])) << known;
  }
}

TEST_P(Samplers, TheOrderOfTheReportsDoesNotMatter) {
  const SearchSpace space = typical();
  const std::vector<Assignment> all = play(space, GetParam(), 5, 30, typical_value);
  const auto forwards = make_sampler(space, {GetParam(), 9}), backwards = make_sampler(space, {GetParam(), 9});
  for (const auto* sampler : {&forwards, &backwards}) {
    for (size_t i = 0; i < 30; ++i) (*sampler)->observe(i, all[i], {});
  }
  for (size_t i = 0; i < 30; ++i) {
    const size_t last = 29 - i;
    forwards->observe(i, all[i], {State::kComplete, typical_value(all[i]), 1});
    backwards->observe(last, all[last], {State::kStopped, 7, 1});  // an earlier report, gone by the next
    backwards->observe(last, all[last], {State::kComplete, typical_value(all[last]), 1});
  }
  EXPECT_EQ(canonical(forwards->suggest(30).value()), canonical(backwards->suggest(30).value()));
}

TEST_P(Samplers, AnotherSeedGivesOthers) {
  const SearchSpace space = typical();
  const auto first = make_sampler(space, {GetParam(), 1}), second = make_sampler(space, {GetParam(), 2});
  EXPECT_NE(canonical(first->suggest(0).value()), canonical(second->suggest(0).value()));
}

TEST_P(Samplers, AreDoneWhenASmallSpaceIsUsedUp) {
  const SearchSpace space(
      {listed("a.kind", {"none", "lora"}), with(listed("a.r", {4, 8}), "a.kind == lora"), integer("b.n", 1, 3)},
      {condition("b.n < 3 or a.kind == none")}, nullptr);
  const std::vector<Assignment> all =
      play(space, GetParam(), 1, 20, [](const Assignment& one) { return one.at("b.n").get<double>(); });
  std::set<std::string> different;
  for (const Assignment& one : all) {
    different.insert(canonical(one));
    EXPECT_TRUE(space.allowed(one));
  }
  EXPECT_EQ(all.size(), 7u);  // none: 3; lora: 2 ranks, 2 of the 3
  EXPECT_EQ(different.size(), 7u);
}

TEST_P(Samplers, ConstraintsHoldAndAnImpossibleOneIsGivenUp) {
  const std::vector<SearchParameter> parameters = {uniform("a.x", 0, 1), uniform("a.y", 0, 1)};
  const SearchSpace half(parameters, {condition("a.x + a.y < 0.4")}, nullptr);
  const auto value = [](const Assignment& one) { return one.at("a.x").get<double>(); };
  const std::vector<Assignment> all = play(half, GetParam(), 1, 60, value);
  ASSERT_EQ(all.size(), 60u);
  for (const Assignment& one : all) EXPECT_TRUE(half.allowed(one));
  const SearchSpace none(parameters, {condition("a.x > 2")}, nullptr);
  EXPECT_FALSE(make_sampler(none, {GetParam(), 1})->suggest(0));
}

INSTANTIATE_TEST_SUITE_P(Methods, Samplers, testing::Values("random", "sobol", "tpe"),
                         [](const auto& method) { return std::string(method.param); });

TEST(GridSampler, GoesThroughAllCombinationsInTheOrderOfTheFile) {
  const SearchSpace space({listed("a.kind", {"none", "lora"}), with(listed("a.r", {8, 4}), "a.kind == lora"),
                           stepped("b.q", 0.1, 0.2, 0.1)},
                          {condition("not (a.kind == none and b.q > 0.15)")}, nullptr);
  std::vector<std::string> order;
  for (const Assignment& one : play(space, "grid", 1, 99, [](const Assignment&) { return 0.0; })) {
    order.push_back(canonical(one));
  }
  EXPECT_EQ(order, (std::vector<std::string>{R"({"a.kind":"none","b.q":0.1})", R"({"a.kind":"lora","a.r":8,"b.q":0.1})",
                                             R"({"a.kind":"lora","a.r":8,"b.q":0.2})",
                                             R"({"a.kind":"lora","a.r":4,"b.q":0.1})",
                                             R"({"a.kind":"lora","a.r":4,"b.q":0.2})"}));
}

TEST(GridSampler, LeavesOutWhatIsKnownAlready) {
  const SearchSpace space({listed("a.b", {1, 2, 3})}, {}, nullptr);
  const auto sampler = make_sampler(space, {"grid", 1});
  sampler->observe(0, {{"a.b", 1}}, {});
  sampler->observe(1, {{"a.b", 3}}, {});
  EXPECT_EQ(sampler->suggest(2).value().at("a.b"), 2);
  EXPECT_EQ(sampler->suggest(2).value().at("a.b"), 2);
  sampler->observe(2, {{"a.b", 2}}, {});
  EXPECT_FALSE(sampler->suggest(3));
}

std::string fault_of(const SearchSpace& space) {
  try {
    make_sampler(space, {"grid", 1});
    return "none";
  } catch (const UserError& error) {
    return error.faults()[0].code + ": " + error.what();
  }
}

TEST(GridSampler, RefusesAContinuumByNameAndWhatIsTooLarge) {
  const std::string continuum = fault_of(SearchSpace({integer("a.n", 1, 3), uniform("a.x", 0, 1)}, {}, nullptr));
  EXPECT_TRUE(starts_with(continuum, "sweep.grid")) << continuum;
  EXPECT_NE(continuum.find("a.x"), std::string::npos) << continuum;
  const std::string large = fault_of(SearchSpace({integer("a.n", 1, 2000), integer("a.m", 1, 2000)}, {}, nullptr));
  EXPECT_NE(large.find("1,000,000"), std::string::npos) << large;
  // Twelve times as many combinations, were it not for the condition.
  const std::vector<json> kinds = {"x", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"};
  const std::vector<SearchParameter> parameters = {listed("a.kind", kinds),
                                                   with(integer("a.n", 1, 90000), "a.kind == x")};
  EXPECT_EQ(fault_of(SearchSpace(parameters, {}, nullptr)), "none");
}

// A power of two of its points has one in every slice of that many, on every axis.
TEST(SobolSampler, FillsEverySliceOfEveryAxisOnce) {
  constexpr size_t kPoints = 64;
  std::vector<SearchParameter> parameters;
  for (int i = 0; i < 8; ++i) parameters.push_back(uniform(cat("a.x", i), 0, 1));
  const SearchSpace space(parameters, {}, nullptr);
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    const std::vector<Assignment> all = play(space, "sobol", seed, kPoints, [](const Assignment&) { return 0.0; });
    for (const SearchParameter& parameter : parameters) {
      std::set<int> slices;
      for (const Assignment& one : all) {
        slices.insert(static_cast<int>(one.at(parameter.name).get<double>() * kPoints));
      }
      EXPECT_EQ(slices.size(), kPoints) << parameter.name;
    }
    // And on the first two axes together one in every cell of an 8 x 8 board.
    std::set<std::pair<int, int>> cells;
    for (const Assignment& one : all) {
      cells.emplace(static_cast<int>(one.at("a.x0").get<double>() * 8),
                    static_cast<int>(one.at("a.x1").get<double>() * 8));
    }
    EXPECT_EQ(cells.size(), kPoints);
  }
}

double median(std::vector<double> of) {
  std::sort(of.begin(), of.end());
  return of[of.size() / 2];
}

double median_best(const SearchSpace& space, const std::string& method, const Objective& value) {
  std::vector<double> best;
  for (uint64_t seed = 1; seed <= 11; ++seed) best.push_back(best_of(play(space, method, seed, 60, value), value));
  return median(best);
}

TEST(TpeSampler, FindsMoreThanRandomDraws) {
  const SearchSpace space = typical();
  EXPECT_LT(median_best(space, "tpe", typical_value), median_best(space, "random", typical_value));
  const SearchSpace bowl({uniform("a.x", -5, 5), uniform("a.y", -5, 5), uniform("a.z", -5, 5)}, {}, nullptr);
  const auto square = [](const Assignment& one) {
    double sum = 0;
    for (const auto& [name, value] : one) sum += std::pow(value.get<double>() - 1, 2);
    return sum;
  };
  EXPECT_LT(median_best(bowl, "tpe", square), 0.2 * median_best(bowl, "random", square));
}

// How many of twenty suggestions, on a line whose measured values fall to the right, lie beyond `from`, where three
// more trials are.
int suggestions_beyond(double from, const Observation& what_lies_there) {
  const SearchSpace space({uniform("a.x", 0, 1)}, {}, nullptr);
  int beyond = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const auto sampler = make_sampler(space, {"tpe", seed});
    size_t index = 0;
    for (int i = 0; i <= 16; ++i, ++index) {
      const double x = i * 0.05;
      sampler->observe(index, {{"a.x", x}}, {State::kComplete, 1 - x, 1});
    }
    for (int i = 0; i < 3; ++i, ++index) {
      sampler->observe(index, {{"a.x", from + (i + 0.5) * (1 - from) / 3}}, what_lies_there);
    }
    beyond += sampler->suggest(static_cast<int64_t>(index)).value().at("a.x").get<double>() > from ? 1 : 0;
  }
  return beyond;
}

TEST(TpeSampler, GoesWhereNobodyIsUnderWayAndWhereNothingFailed) {
  const int drawn = suggestions_beyond(0.85, {State::kComplete, 0.0, 1});
  const int under_way = suggestions_beyond(0.85, {});
  const int failed = suggestions_beyond(0.85, {State::kInfeasible, 0.0, 0});
  EXPECT_GE(drawn, 15);
  EXPECT_LE(under_way, 6);
  EXPECT_LE(failed, 6);
}

TEST(TpeSampler, WhatWasStoppedCountsLessThanWhatWasTrainedToTheEnd) {
  const int to_the_end = suggestions_beyond(0.85, {State::kComplete, 0.0, 1});
  const int stopped = suggestions_beyond(0.85, {State::kStopped, 0.0, 0.5});
  EXPECT_LT(stopped, to_the_end);
}

TEST(TpeSampler, AloneWithFailuresItGoesOnTrying) {
  const SearchSpace space = typical();
  const auto sampler = make_sampler(space, {"tpe", 1});
  std::set<std::string> different;
  for (size_t trial = 0; trial < 40; ++trial) {
    const Assignment assignment = sampler->suggest(static_cast<int64_t>(trial)).value();
    different.insert(canonical(assignment));
    sampler->observe(trial, assignment, {State::kInfeasible, 0, 0});
  }
  EXPECT_EQ(different.size(), 40u);
}

TEST(TpeSampler, AValueThatIsNoNumberIsAFailure) {
  const double nan = std::nan("");
  EXPECT_EQ(suggestions_beyond(0.85, {State::kComplete, nan, 1}), suggestions_beyond(0.85, {State::kInfeasible, 0, 0}));
}

// Points and past sweeps may bring values that the space cannot give, and parameters that it does not have.
TEST(TpeSampler, TakesStrangersIn) {
  const SearchSpace space = typical();
  const auto sampler = make_sampler(space, {"tpe", 1});
  for (size_t i = 0; i < 12; ++i) {
    const Assignment stranger = {{"train.learning_rate", 0.5 + static_cast<double>(i)},
                                 {"adapter.kind", "ia3"},
                                 {"train.epochs", 40},
                                 {"train.weight_decay", "much"},
                                 {"model.from", "elsewhere"}};
    sampler->observe(i, stranger, {State::kComplete, static_cast<double>(i), 1});
  }
  expect_typical(sampler->suggest(12).value());
}

TEST(TpeSampler, StaysInsideTheSpaceAfterThousandsOfTrials) {
  const SearchSpace space = typical();
  const auto sampler = make_sampler(space, {"tpe", 1});
  const auto draws = make_sampler(space, {"random", 2});
  for (size_t i = 0; i < 6000; ++i) {
    const Assignment one = draws->suggest(static_cast<int64_t>(i)).value();
    sampler->observe(i, one, {State::kComplete, typical_value(one), 1});
  }
  const Assignment next = sampler->suggest(6000).value();
  expect_typical(next);
  EXPECT_LT(typical_value(next), 1.5);  // the better part: random draws have a median of about 2.7
}

TEST(Sampler, AnUnknownMethodIsRefused) {
  const SearchSpace space = typical();
  EXPECT_THROW(make_sampler(space, {"bayes", 1}), UserError);
}

}  // namespace
}  // namespace broadsheet
