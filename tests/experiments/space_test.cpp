#include "experiments/search/space.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/errors.h"

namespace broadsheet {
namespace {

using nlohmann::json;
using Kind = Distribution::Kind;

Distribution values(std::vector<json> list) {
  Distribution distribution;
  distribution.values = std::move(list);
  return distribution;
}
Distribution fixed(const json& value) {
  Distribution distribution = values({value});
  distribution.kind = Kind::kFixed;
  return distribution;
}
Distribution between(Kind kind, double min, double max, double q = 0, bool integer = false) {
  Distribution distribution;
  distribution.kind = kind;
  distribution.min = min;
  distribution.max = max;
  distribution.q = q;
  distribution.integer = integer;
  return distribution;
}
Distribution normal(Kind kind, double mu, double sigma, double q = 0) {
  Distribution distribution;
  distribution.kind = kind;
  distribution.mu = mu;
  distribution.sigma = sigma;
  distribution.q = q;
  return distribution;
}

// Every word with a dot is a name.
Expression expression(const std::string& text) {
  return Expression::parse(text, [](const std::string& name) { return name.find('.') != std::string::npos; });
}
Distribution tied(const std::string& text) {
  Distribution distribution;
  distribution.kind = Kind::kTied;
  distribution.tied = expression(text);
  return distribution;
}

json base(const std::string& name) {
  if (name == "adapter.kind") return "none";
  if (name == "train.learning_rate") return 1e-4;
  return nullptr;
}
SearchSpace space_of(const std::vector<Distribution>& distributions) {
  std::vector<SearchParameter> parameters;
  for (const Distribution& one : distributions) {
    parameters.push_back({"a." + std::string(1, static_cast<char>('a' + parameters.size())), one, {}});
  }
  return SearchSpace(parameters, {}, base);
}
SearchSpace lora_space() {
  return SearchSpace({{"adapter.r", values({4, 8, 16}), {expression("adapter.kind == lora")}},
                      {"adapter.lora_alpha", tied("2 * adapter.r"), {expression("adapter.kind == lora")}},
                      {"adapter.kind", values({"none", "lora"}), {}},
                      {"train.learning_rate", between(Kind::kLogUniform, 1e-5, 1e-3), {}},
                      {"train.optim", fixed("adamw"), {}}},
                     {expression("not (adapter.kind == none and train.learning_rate > 5e-4)")}, base);
}

TEST(SearchSpace, CutsTheUnitIntoEqualSlotsForValues) {
  const SearchSpace space = space_of({values({"a", "b", json{{"layers", 4}}, nullptr})});
  EXPECT_EQ(space.value_at(0, 0), "a");
  EXPECT_EQ(space.value_at(0, 0.249), "a");
  EXPECT_EQ(space.value_at(0, 0.25), "b");
  EXPECT_EQ(space.value_at(0, 0.5), json({{"layers", 4}}));
  EXPECT_EQ(space.value_at(0, 1), nullptr);
  EXPECT_EQ(space.value_at(0, -1), "a");
  EXPECT_EQ(space.unit_of(0, json{{"layers", 4}}), 0.625);
  EXPECT_EQ(space.unit_of(0, "c"), kInactive);
  EXPECT_EQ(space.unit_of(0, 3), kInactive);
  EXPECT_EQ(space.cardinality(0), 4);
  EXPECT_EQ(space_of({values({4, 8, 16})}).unit_of(0, 9), 0.5);
}

TEST(SearchSpace, SpreadsContinuousValuesByTheirDistribution) {
  const SearchSpace space = space_of({between(Kind::kUniform, -1, 3), between(Kind::kLogUniform, 1e-5, 1e-3),
                                      normal(Kind::kNormal, 2, 0.5), normal(Kind::kLogNormal, 1, 2)});
  EXPECT_EQ(space.value_at(0, 0), -1);
  EXPECT_EQ(space.value_at(0, 0.25), 0);
  EXPECT_EQ(space.value_at(1, 0), 1e-5);
  EXPECT_NEAR(space.value_at(1, 0.5).get<double>(), 1e-4, 1e-18);
  EXPECT_EQ(space.value_at(2, 0.5), 2);
  EXPECT_NEAR(space.value_at(2, 0.975).get<double>(), 2 + 0.5 * 1.959963984540054, 1e-12);
  EXPECT_NEAR(space.value_at(2, 0.025).get<double>(), 2 - 0.5 * 1.959963984540054, 1e-12);
  EXPECT_NEAR(space.value_at(3, 0.5).get<double>(), std::exp(1), 1e-15);
  EXPECT_NEAR(space.value_at(3, 0.975).get<double>(), std::exp(1 + 2 * 1.959963984540054), 1e-9);
  for (size_t index = 0; index < space.size(); ++index) {
    EXPECT_EQ(space.cardinality(index), 0);
    EXPECT_TRUE(std::isfinite(space.value_at(index, 0).get<double>()));
    EXPECT_TRUE(std::isfinite(space.value_at(index, 1).get<double>()));
    EXPECT_EQ(space.unit_of(index, "text"), kInactive);
    for (int i = 1; i < 100; ++i) {
      EXPECT_NEAR(space.unit_of(index, space.value_at(index, i / 100.0)), i / 100.0, 1e-12);
    }
  }
}

TEST(SearchSpace, ANumberBeyondTheBoundsCountsAsTheNearest) {
  const SearchSpace space = space_of(
      {between(Kind::kUniform, -1, 3), between(Kind::kLogUniform, 1e-5, 1e-3), between(Kind::kUniform, 1, 4, 0, true)});
  for (size_t index = 0; index < 2; ++index) {
    EXPECT_EQ(space.unit_of(index, -7), 0);
    EXPECT_LT(space.unit_of(index, 100), 1);
    EXPECT_GT(space.unit_of(index, 100), 0.9999);
  }
  EXPECT_EQ(space.unit_of(2, -7), 0.125);
  EXPECT_EQ(space.unit_of(2, 2.2), 0.375);
  EXPECT_EQ(space.unit_of(2, 100), 0.875);
}

TEST(SearchSpace, IntegersHaveEqualSharesAndBothBounds) {
  const SearchSpace space = space_of({between(Kind::kUniform, 1, 4, 0, true), between(Kind::kUniform, 3, 30, 8, true)});
  EXPECT_EQ(space.cardinality(0), 4);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(space.value_at(0, i / 4.0 + 0.01), i + 1);
    EXPECT_EQ(space.value_at(0, i / 4.0 + 0.24), i + 1);
    EXPECT_TRUE(space.value_at(0, i / 4.0 + 0.1).is_number_integer());
    EXPECT_NEAR(space.unit_of(0, i + 1), i / 4.0 + 0.125, 1e-15);
  }
  EXPECT_EQ(space.cardinality(1), 3);
  EXPECT_EQ(space.value_at(1, 0), 8);
  EXPECT_EQ(space.value_at(1, 0.5), 16);
  EXPECT_EQ(space.value_at(1, 0.99), 24);
}

TEST(SearchSpace, MultiplesOfAStepLieInsideTheBoundsAndReadWell) {
  const SearchSpace space = space_of({between(Kind::kUniform, 0, 0.3, 0.1), between(Kind::kUniform, 0.05, 0.9, 0.3),
                                      between(Kind::kLogUniform, 1, 100, 1), normal(Kind::kNormal, 0, 1, 0.5)});
  std::vector<std::string> texts;
  for (int i = 0; i < 4; ++i) texts.push_back(space.value_at(0, i / 4.0 + 0.1).dump());
  EXPECT_EQ(texts, (std::vector<std::string>{"0.0", "0.1", "0.2", "0.3"}));
  EXPECT_EQ(space.cardinality(1), 3);
  EXPECT_EQ(space.value_at(1, 0.99).dump(), "0.9");
  EXPECT_EQ(space.cardinality(2), 100);
  EXPECT_EQ(space.value_at(2, 0), 1);
  EXPECT_EQ(space.value_at(2, 1), 100);
  // Half a step at each side: the share of 1 is log(1.5 / 0.5) / log(100.5 / 0.5).
  const double share = std::log(3) / std::log(201);
  EXPECT_EQ(space.value_at(2, share - 1e-9), 1);
  EXPECT_EQ(space.value_at(2, share + 1e-9), 2);
  EXPECT_EQ(space.cardinality(3), 0);
  EXPECT_EQ(space.value_at(3, 0.55), 0);
  EXPECT_EQ(space.value_at(3, 0.62), 0.5);
  for (size_t index = 0; index < space.size(); ++index) {
    for (int i = 0; i < 200; ++i) {
      const json value = space.value_at(index, i / 200.0);
      EXPECT_EQ(space.value_at(index, space.unit_of(index, value)), value);
    }
  }
}

TEST(SearchSpace, ABoundWithoutWidthIsOneValue) {
  const SearchSpace space = space_of(
      {between(Kind::kUniform, 2, 2), between(Kind::kLogUniform, 2, 2), between(Kind::kUniform, 2, 2, 0, true)});
  for (size_t index = 0; index < space.size(); ++index) {
    EXPECT_EQ(space.cardinality(index), 1);
    for (const double unit : {0.0, 0.5, 0.99}) EXPECT_EQ(space.value_at(index, unit), 2);
    EXPECT_GE(space.unit_of(index, 2), 0);
  }
}

TEST(SearchSpace, OrdersParametersSoThatEachDependsOnEarlierOnes) {
  const SearchSpace space = lora_space();
  std::vector<std::string> names;
  for (const SearchParameter& one : space.parameters()) names.push_back(one.name);
  EXPECT_EQ(names, (std::vector<std::string>{"adapter.kind", "adapter.r", "adapter.lora_alpha", "train.learning_rate",
                                             "train.optim"}));
  EXPECT_TRUE(space.is_searched(1));
  EXPECT_FALSE(space.is_searched(2));
  EXPECT_FALSE(space.is_searched(4));
}

TEST(SearchSpace, InactiveParametersHaveNoValue) {
  const SearchSpace space = lora_space();
  const Assignment plain = space.at({0.1, 0.5, kInactive, 0, kInactive});
  EXPECT_EQ(plain, (Assignment{{"adapter.kind", "none"}, {"train.learning_rate", 1e-5}, {"train.optim", "adamw"}}));
  const Assignment lora = space.at({0.9, 0.5, kInactive, 0, kInactive});
  EXPECT_EQ(lora, (Assignment{{"adapter.kind", "lora"},
                              {"adapter.r", 8},
                              {"adapter.lora_alpha", 16},
                              {"train.learning_rate", 1e-5},
                              {"train.optim", "adamw"}}));
  EXPECT_EQ(space.units_of(plain), (UnitPoint{0.25, kInactive, kInactive, 0, kInactive}));
  EXPECT_EQ(space.units_of(lora), (UnitPoint{0.75, 0.5, kInactive, 0, kInactive}));
  EXPECT_TRUE(space.active(1, lora));
  EXPECT_FALSE(space.active(1, {}));  // the run file has no adapter
  EXPECT_EQ(space.at({0.9, kInactive, kInactive, 0, kInactive}).at("adapter.r"), 8);
}

TEST(SearchSpace, ConstraintsSeeTheRunFilesOwnValues) {
  const SearchSpace space = lora_space();
  EXPECT_FALSE(space.allowed({{"adapter.kind", "none"}, {"train.learning_rate", 6e-4}}));
  EXPECT_TRUE(space.allowed({{"adapter.kind", "lora"}, {"train.learning_rate", 6e-4}}));
  EXPECT_FALSE(space.allowed({{"train.learning_rate", 6e-4}}));
  EXPECT_TRUE(space.allowed({{"adapter.kind", "none"}}));
}

TEST(SearchSpace, CompletesAPointOrSaysWhatItLacks) {
  const SearchSpace space = lora_space();
  EXPECT_EQ(space.complete({{"adapter.kind", "none"}, {"adapter.r", 8}, {"train.learning_rate", 1e-4}}),
            (Assignment{{"adapter.kind", "none"}, {"train.learning_rate", 1e-4}, {"train.optim", "adamw"}}));
  EXPECT_EQ(space.complete({{"adapter.kind", "lora"}, {"adapter.r", 5}, {"train.learning_rate", 1e-4}})
                .at("adapter.lora_alpha"),
            10);
  try {
    space.complete({{"adapter.kind", "lora"}, {"train.learning_rate", 1e-4}});
    FAIL() << "adapter.r has no value";
  } catch (const UserError& error) {
    EXPECT_EQ(error.faults().at(0).code, "sweep.point");
    EXPECT_NE(std::string(error.what()).find("no value for adapter.r"), std::string::npos);
  }
}

TEST(SearchSpace, ConditionsLookIntoValuesThatAreMaps) {
  const SearchSpace space({{"a.freeze", values({"none", json{{"layers", 4}}}), {}},
                           {"a.rate", values({1}), {expression("a.freeze.layers > 2")}}},
                          {}, base);
  EXPECT_EQ(space.at({0, 0}).count("a.rate"), 0u);
  EXPECT_EQ(space.at({0.9, 0}).count("a.rate"), 1u);
}

TEST(SearchSpace, RefusesConditionsThatGoInACircle) {
  try {
    SearchSpace({{"x.free", values({1}), {}},
                 {"x.a", values({1}), {expression("x.b == 1")}},
                 {"x.b", tied("x.c + 1"), {}},
                 {"x.c", values({1}), {expression("x.a == 1")}}},
                {}, base);
    FAIL() << "a circle";
  } catch (const UserError& error) {
    EXPECT_EQ(error.faults().at(0).code, "sweep.cycle");
    EXPECT_NE(std::string(error.what()).find("x.a -> x.b -> x.c -> x.a"), std::string::npos) << error.what();
  }
  EXPECT_THROW(SearchSpace({{"x.a", values({1}), {expression("x.a == 1")}}}, {}, base), UserError);
}

TEST(SearchSpace, EqualAssignmentsHaveOneCanonicalText) {
  EXPECT_EQ(canonical({{"b", 1.0}, {"a", json{{"x", {1, 2.0}}}}}), canonical({{"a", json{{"x", {1.0, 2}}}}, {"b", 1}}));
  EXPECT_EQ(canonical({{"a", -0.0}}), canonical({{"a", 0}}));
  EXPECT_NE(canonical({{"a", 1}}), canonical({{"a", "1"}}));
  EXPECT_NE(canonical({{"a", 1}}), canonical({{"b", 1}}));
  EXPECT_NE(canonical({{"a", 0.1}}), canonical({{"a", 0.1 + 1e-17 + 2e-17}}));
}

}  // namespace
}  // namespace broadsheet
