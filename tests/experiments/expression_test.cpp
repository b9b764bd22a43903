#include "experiments/search/expression.h"

#include <gtest/gtest.h>

#include <map>

#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

using nlohmann::json;

const std::map<std::string, json> kValues = {
    {"adapter.kind", "lora"}, {"adapter.r", 8},        {"train.learning_rate", 3e-4},  {"train.max_steps", nullptr},
    {"seed", uint64_t{7}},    {"train.amsgrad", true}, {"freeze", json{{"layers", 4}}}};

bool known(const std::string& name) {
  return kValues.count(name) > 0;
}

std::vector<std::string> names() {
  std::vector<std::string> list;
  for (const auto& [name, value] : kValues) list.push_back(name);
  return list;
}

json evaluate(const std::string& text) {
  return Expression::parse(text, known, names()).evaluate([](const std::string& name) { return kValues.at(name); });
}

// What is wrong with it; empty: nothing.
std::string fault(const std::string& text) {
  try {
    evaluate(text);
  } catch (const UserError& error) {
    EXPECT_EQ(error.faults().at(0).code, "sweep.expression");
    return error.what();
  }
  return "";
}

struct Case {
  const char* text;
  json value;
};

TEST(Expression, EvaluatesByThePrecedenceOfItsOperators) {
  const std::vector<Case> cases = {
      {"1 + 2 * 3", 7},
      {"(1 + 2) * 3", 9},
      {"10 - 2 - 3", 5},
      {"2 * 3 % 4", 2},
      {"-2 + 5", 3},
      {"--2", 2},
      {"2 - -2", 4},
      {"1 < 2 and 2 < 3", true},
      {"true or false and false", true},
      {"(true or false) and false", false},
      {"not false and false", false},
      {"not 1 == 2", true},
      {"not not true", true},
      {"1 + 1 in [1, 2]", true},
      {"1 + 1 == 4 - 2", true},
      {".5 + 1.", 1.5},
      {"5e-5 * 2E+1", 1e-3},
  };
  for (const Case& one : cases) EXPECT_EQ(evaluate(one.text), one.value) << one.text;
}

TEST(Expression, KeepsIntegersWhereTheResultIsOne) {
  for (const Case& one : std::vector<Case>{{"6 / 2", 3},
                                           {"2 * 3", 6},
                                           {"7 % 4", 3},
                                           {"-7 % 4", 1},
                                           {"7 % -4", -1},
                                           {"-9223372036854775807 - 1", std::numeric_limits<int64_t>::min()}}) {
    EXPECT_EQ(evaluate(one.text), one.value) << one.text;
    EXPECT_TRUE(evaluate(one.text).is_number_integer()) << one.text;
  }
  for (const Case& one : std::vector<Case>{{"7 / 2", 3.5},
                                           {"2.0 * 3", 6},
                                           {"9223372036854775807 + 1", 0x1p63},
                                           {"-(-9223372036854775807 - 1)", 0x1p63},
                                           {"(-9223372036854775807 - 1) / -1", 0x1p63},
                                           {"7.5 % 2", 1.5},
                                           {"-7.5 % 2", 0.5}}) {
    EXPECT_EQ(evaluate(one.text), one.value) << one.text;
    EXPECT_TRUE(evaluate(one.text).is_number_float()) << one.text;
  }
  EXPECT_EQ(evaluate("(-9223372036854775807 - 1) % -1"), 0);
}

TEST(Expression, NamesStandForTheirValuesAndOtherWordsForThemselves) {
  EXPECT_EQ(evaluate("adapter.kind == lora"), true);
  EXPECT_EQ(evaluate("adapter.kind == none"), false);
  EXPECT_EQ(evaluate("adapter.kind == 'lora' and adapter.kind == \"lora\""), true);
  EXPECT_EQ(evaluate("adapter.kind in [none, lora]"), true);
  EXPECT_EQ(evaluate("adapter.kind not in [none, lora]"), false);
  EXPECT_EQ(evaluate("adapter.r in []"), false);
  EXPECT_EQ(evaluate("adapter.r * 2"), 16);
  EXPECT_EQ(evaluate("seed == 7 and seed < 8"), true);
  EXPECT_EQ(evaluate("train.amsgrad"), true);
  EXPECT_EQ(evaluate("'adapter.knid'"), "adapter.knid");
  const Expression expression = Expression::parse("adapter.kind == lora and adapter.r > 4 or adapter.r < 2", known);
  EXPECT_EQ(expression.names(), (std::set<std::string>{"adapter.kind", "adapter.r"}));
  EXPECT_EQ(expression.text(), "adapter.kind == lora and adapter.r > 4 or adapter.r < 2");
}

TEST(Expression, EqualityLooksAtValuesNotAtTheirSpelling) {
  EXPECT_EQ(evaluate("1 == 1.0"), true);
  EXPECT_EQ(evaluate("1 in [1.0]"), true);
  EXPECT_EQ(evaluate("[1, [2]] == [1.0, [2.0]]"), true);
  EXPECT_EQ(evaluate("1 == '1'"), false);
  EXPECT_EQ(evaluate("true == 1"), false);
  EXPECT_EQ(evaluate("freeze == none"), false);
  EXPECT_EQ(evaluate("freeze != none"), true);
}

TEST(Expression, NothingIsLessThanEqualToOrGreaterThanAnything) {
  for (const char* text : {"train.max_steps == 1", "train.max_steps < 1", "train.max_steps >= 1",
                           "train.max_steps == train.max_steps", "train.max_steps in [1]", "train.max_steps * 2 > 0",
                           "-train.max_steps < 0", "adapter.r in train.max_steps", "train.max_steps and true"}) {
    EXPECT_EQ(evaluate(text), false) << text;
  }
  for (const char* text : {"train.max_steps != 1", "train.max_steps != train.max_steps", "train.max_steps not in [1]",
                           "not train.max_steps"}) {
    EXPECT_EQ(evaluate(text), true) << text;
  }
  EXPECT_FALSE(Expression::parse("train.max_steps", known).holds([](const std::string&) { return json(); }));
}

TEST(Expression, TheSecondHalfIsNotLookedAtWhenTheFirstDecides) {
  EXPECT_EQ(evaluate("false and 1 / 0 > 1"), false);
  EXPECT_EQ(evaluate("true or lora < 1"), true);
  EXPECT_NE(fault("true and 1 / 0 > 1"), "");
}

TEST(Expression, AFaultGivesTheColumnAndTheRemedy) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "column 1 of \"\": found the end, wanted a name or a value"},
      {"1 +", "column 4 of \"1 +\": found the end, wanted a name or a value"},
      {"adapter.kind = lora", "column 14 of \"adapter.kind = lora\": found =, which means nothing here; write =="},
      {"true && false", "column 6 of \"true && false\": found &&, which means nothing here; write and"},
      {"!true", "found !, which means nothing here; write not"},
      {"adapter.knid == lora",
       "column 1 of \"adapter.knid == lora\": found adapter.knid, which is no key; did you "
       "mean adapter.kind?"},
      {"completely.unlike", "which is no key; name a parameter or a key of the run file"},
      {"1 < 2 < 3", "column 7 of \"1 < 2 < 3\": found < after a comparison; write a < b and b < c"},
      {"(1 + 2", "column 7 of \"(1 + 2\": found the end, wanted ) for the bracket of column 1"},
      {"1 in [1 2]", "column 9 of \"1 in [1 2]\": found 2, wanted ] for the bracket of column 6"},
      {"1 2", "column 3 of \"1 2\": found 2, wanted an operator or the end"},
      {"1 not 2", "found 2 after not, wanted in"},
      {"'lora", "column 1 of \"'lora\": a quote is opened and never closed; close it"},
      {"3x > 2", "column 1 of \"3x > 2\": found 3x, wanted a number"},
      {"1.2.3", "found 1.2.3, wanted a number"},
      {"1e999", "found 1e999, wanted a number"},
      {"\xC3\xA4 == '\xC3\xA4'", "column 1 of \"\xC3\xA4 == '\xC3\xA4'\": found \xC3\xA4, wanted a name"},
      {"'\xC3\xA4' == \xC3\xA4", "column 8 of"},
      {"and", "column 1 of \"and\": found and, wanted a name or a value; a text that is a word of this language needs"},
      {"lora < 1", "column 6 of \"lora < 1\": found the text 'lora' in a comparison by order, wanted numbers"},
      {"lora + 1", "column 6 of \"lora + 1\": found the text 'lora' in a calculation, wanted numbers"},
      {"true + 1", "found true in a calculation"},
      {"1 and true", "column 1 of \"1 and true\": found the number 1 for and, wanted a condition"},
      {"not lora", "found the text 'lora' for not, wanted a condition"},
      {"1 in 1", "found the number 1 after in, wanted a list"},
      {"1 / 0", "column 3 of \"1 / 0\": a division by zero"},
      {"1 % 0.0", "a division by zero"},
      {"1e308 * 10", "column 7 of \"1e308 * 10\": the result is too large for a number"},
  };
  for (const auto& [text, message] : cases) {
    EXPECT_NE(fault(text).find(message), std::string::npos) << text << "\n  gave " << fault(text);
  }
}

TEST(Expression, AConditionIsTrueOrFalse) {
  const auto nothing = [](const std::string&) { return json(); };
  EXPECT_TRUE(Expression::parse("1 < 2", known).holds(nothing));
  EXPECT_FALSE(Expression::parse("1 > 2", known).holds(nothing));
  EXPECT_THROW(Expression::parse("1 + 2", known).holds(nothing), UserError);
}

TEST(Expression, RefusesWhatIsTooLongOrTooDeep) {
  EXPECT_EQ(evaluate(std::string(31, '(') + "1" + std::string(31, ')')), 1);
  EXPECT_NE(fault(std::string(32, '(') + "1" + std::string(32, ')')).find("nested deeper than 32 levels"),
            std::string::npos);
  EXPECT_NE(fault(std::string(900, '-') + "1").find("nested deeper"), std::string::npos);
  EXPECT_NE(fault(std::string(900, '[')).find("nested deeper"), std::string::npos);
  std::string nots;
  for (int i = 0; i < 200; ++i) nots += "not ";
  EXPECT_NE(fault(nots + "true").find("nested deeper"), std::string::npos);
  std::string ones = "1";
  while (ones.size() + 2 <= 1000) ones += "+1";
  EXPECT_EQ(evaluate(ones), 500);
  EXPECT_NE(fault(ones + "+1").find("found 1001 characters, wanted at most 1000"), std::string::npos);
}

}  // namespace
}  // namespace broadsheet
