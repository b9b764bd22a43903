#include "experiments/yaml.h"

#include <gtest/gtest.h>

#include "core/text.h"

namespace broadsheet {
namespace {

ConfigNode parse(const std::string& text) {
  Faults faults;
  ConfigNode root = parse_yaml(text, "f", faults);
  faults.throw_if_any();
  return root;
}

std::string refusal(const std::string& text) {
  try {
    parse(text);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(Yaml, EveryNodeKnowsItsPlace) {
  const ConfigNode root = parse("a: 1\nb:\n  c: [x, 'y']\n  d: {e: ~}\n");
  EXPECT_EQ(to_string(root.find("a")->place), "f:1:4");
  EXPECT_EQ(to_string(root.find("b")->find("c")->items[1].place), "f:3:10");
  EXPECT_TRUE(root.find("b")->find("c")->items[1].quoted);
  EXPECT_EQ(to_string(root.find("b")->find("d")->entries[0].place), "f:4:7");
  EXPECT_EQ(root.find("b")->find("d")->find("e")->kind, ConfigNode::Kind::kNull);
}

TEST(Yaml, MapsKeepTheirOrderAndScalarsTheirText) {
  const ConfigNode root = parse("z: 010\na: 1e-5\nm: \"010\"\nk: |\n  block\n");
  EXPECT_EQ(root.entries[0].key, "z");
  EXPECT_EQ(root.entries[0].value.text, "010");
  EXPECT_FALSE(root.entries[0].value.quoted);
  EXPECT_EQ(root.entries[1].value.text, "1e-5");
  EXPECT_TRUE(root.entries[2].value.quoted);
  EXPECT_EQ(root.entries[3].value.text, "block\n");
}

TEST(Yaml, AByteOrderMarkAndWindowsLineEndsAreFine) {
  const ConfigNode root = parse(
      "\xEF\xBB\xBF"
      "a: \"x\"\r\nb: y\r\n");
  EXPECT_EQ(root.find("a")->text, "x");
  EXPECT_EQ(root.find("b")->text, "y");
}

TEST(Yaml, WhatReadersReadDifferentlyIsRefused) {
  EXPECT_EQ(refusal("a: 1\na: 2\n"), "f:2:1: a: given twice, first at line 1; keep one of the two");
  EXPECT_EQ(refusal("x:\n  - {a: 1, a: 2}\n"), "f:2:12: x[0].a: given twice, first at line 2; keep one of the two");
  EXPECT_NE(refusal("a: &x {b: 1}\nc:\n  <<: *x\n").find("f:3:3: c.<<: merges"), std::string::npos);
  EXPECT_NE(refusal("a: !!int 1\n").find("f:1:4: found the tag"), std::string::npos);
  EXPECT_NE(refusal("a: 1\n---\nb: 2\n").find("second document"), std::string::npos);
  EXPECT_NE(refusal("? [1, 2]\n: 3\n").find("as a key"), std::string::npos);
  EXPECT_NE(refusal("~: 3\n").find("as a key"), std::string::npos);
  EXPECT_NE(refusal("a:\n\tb: 1\n").find("f:2:1: found a tab"), std::string::npos);
  EXPECT_NE(refusal("a: b\nc: \xFF\n").find("f:2: the text is not UTF-8"), std::string::npos);
  EXPECT_NE(refusal(std::string("a: b\0c\n", 7)).find("control character 0"), std::string::npos);
  EXPECT_NE(refusal("a: 'open\n").find("f:1:4: a quote is opened"), std::string::npos);
  EXPECT_NE(refusal("a: [1, 2\n").find("f:2:1"), std::string::npos);
  EXPECT_NE(refusal("a: *nothing\n"), "");
}

TEST(Yaml, AQuotedMergeKeyIsAKey) {
  EXPECT_EQ(parse("\"<<\": 1\n").entries[0].key, "<<");
}

TEST(Yaml, AliasesStandForTheirValues) {
  const ConfigNode root = parse("a: &x [1, 2]\nb: *x\n");
  EXPECT_EQ(root.find("b")->items.size(), 2U);
  EXPECT_NE(refusal("a: &x [*x]\n"), "");
}

TEST(Yaml, BombsAreRefusedBeforeTheyTakeMemory) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    bomb += cat("a", i, ": &a", i, " [");
    for (int k = 0; k < 10; ++k) bomb += cat(k > 0 ? ", *a" : "*a", i - 1);
    bomb += "]\n";
  }
  EXPECT_NE(refusal(bomb).find("more than 100000 values"), std::string::npos);
  EXPECT_NE(refusal(std::string(100, '[')), "");
  EXPECT_NE(refusal(std::string(1000000, '[')), "");
  EXPECT_NE(refusal(std::string(1000000, '{')), "");
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += std::string(static_cast<size_t>(i), ' ') + "a:\n";
  EXPECT_NE(refusal(deep).find("nested deeper"), std::string::npos);
  std::string dashes;
  for (int i = 0; i < 5000; ++i) dashes += "- ";
  EXPECT_NE(refusal(dashes).find("nested deeper"), std::string::npos);
  EXPECT_NE(refusal(std::string(kMaxYamlBytes + 1, 'a')), "");
  std::string many = "[";
  for (size_t i = 0; i <= kMaxYamlValues; ++i) many += "1,";
  EXPECT_NE(refusal(many + "1]"), "");
  // In the square of their number these would take hours.
  EXPECT_EQ(refusal(std::string(kMaxYamlBytes, '\t')), "");
  std::string keys;
  for (int i = 0; i < 45'000; ++i) keys += cat("key", i, ": 1\n");
  EXPECT_EQ(parse(keys).entries.size(), 45'000u);
}

TEST(Yaml, SetEditsMakesAndReplaces) {
  ConfigNode root = parse("a: {b: 1, c: 2}\nd: x\n");
  set_value(root, "a.b", "[1, 'two']");
  set_value(root, "d.e", "5");
  set_value(root, "n.m.o", "");
  EXPECT_EQ(root.find("a")->find("b")->items[1].text, "two");
  EXPECT_TRUE(root.find("a")->find("b")->items[1].from_command_line);
  EXPECT_EQ(root.find("a")->find("c")->text, "2");
  EXPECT_EQ(root.find("d")->find("e")->text, "5");
  EXPECT_EQ(root.find("n")->find("m")->find("o")->kind, ConfigNode::Kind::kNull);
  EXPECT_THROW(set_value(root, "a.b.c", "1"), UserError);
  EXPECT_THROW(set_value(root, "a", "{"), UserError);
  EXPECT_THROW(set_value(root, "a..b", "1"), UserError);
}

TEST(Yaml, WhatIsEmittedReadsBack) {
  const auto value = nlohmann::ordered_json::parse(
      R"({"z": "true", "a": [1, "2", "x y"], "m": {"n": "", "list": [{"k": 1, "l": [[1, 2]]}, {"k": "- "}]}, "e": [], "d": 2e-05, "key: odd": "\u0007"})");
  const std::string text = emit_yaml(value);
  const ConfigNode root = parse(text);
  EXPECT_EQ(root.find("z")->text, "true");
  EXPECT_TRUE(root.find("z")->quoted);
  EXPECT_EQ(root.find("a")->items[2].text, "x y");
  EXPECT_EQ(root.find("m")->find("list")->items[0].find("l")->items[0].items[1].text, "2");
  EXPECT_EQ(root.find("m")->find("list")->items[1].find("k")->text, "- ");
  EXPECT_EQ(root.find("key: odd")->text, "\a");
  EXPECT_EQ(root.find("e")->items.size(), 0U);
}

}  // namespace
}  // namespace broadsheet
