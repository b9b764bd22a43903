// An expression as a tree: what expression.cpp parses and expression_value.cpp evaluates.
#pragma once

#include "experiments/search/expression.h"

namespace broadsheet {

struct Expression::Node {
  enum class Kind {
    kValue,
    kName,
    kList,
    kOr,
    kAnd,
    kNot,
    kEqual,
    kUnequal,
    kLess,
    kLessEqual,
    kGreater,
    kGreaterEqual,
    kIn,
    kNotIn,
    kAdd,
    kSubtract,
    kMultiply,
    kDivide,
    kRemainder,
    kNegate,
  };
  Kind kind = Kind::kValue;
  int column = 0;        // of its operator or first character, from 1, in characters
  nlohmann::json value;  // kValue; kName: the name
  std::vector<std::shared_ptr<const Node>> parts;
  // Of the root only.
  std::string text;
  std::set<std::string> names;
};

[[noreturn]] void throw_expression(std::string_view text, int column, const std::string& what,
                                   const std::string& remedy);

}  // namespace broadsheet
