#include <cmath>

#include "core/text.h"
#include "experiments/search/expression_node.h"

namespace broadsheet {
namespace {

using nlohmann::json;
using Node = Expression::Node;
using NodeKind = Node::Kind;

std::string describe_value(const json& value) {
  if (value.is_string()) return cat("the text '", printable(value.get<std::string>(), 40), "'");
  if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
  if (value.is_number()) return cat("the number ", value.dump());
  return value.is_array() ? "a list" : value.is_object() ? "a map" : "nothing";
}

// Whole numbers up to 2^63 as such, all others as doubles: one form for what JSON has three of.
json normal(const json& value) {
  constexpr uint64_t kHighest = 0x7FFFFFFFFFFFFFFF;
  if (!value.is_number_unsigned()) return value;
  const auto number = value.get<uint64_t>();
  return number <= kHighest ? json(static_cast<int64_t>(number)) : json(static_cast<double>(number));
}

class Evaluator {
 public:
  Evaluator(const std::string& text, const Expression::Lookup& lookup) : text_(text), lookup_(lookup) {}

  json value(const Node& node) const {
    switch (node.kind) {
      case NodeKind::kValue:
        return node.value;
      case NodeKind::kName:
        return normal(lookup_(node.value.get_ref<const std::string&>()));
      case NodeKind::kList: {
        json list = json::array();
        for (const auto& part : node.parts) list.push_back(value(*part));
        return list;
      }
      case NodeKind::kOr:
        return truth(*node.parts[0], "or") || truth(*node.parts[1], "or");
      case NodeKind::kAnd:
        return truth(*node.parts[0], "and") && truth(*node.parts[1], "and");
      case NodeKind::kNot:
        return !truth(*node.parts[0], "not");
      case NodeKind::kNegate:
        return calculate(node, 0, value(*node.parts[0]));
      default:
        break;
    }
    const json left = value(*node.parts[0]), right = value(*node.parts[1]);
    return node.kind >= NodeKind::kAdd ? calculate(node, left, right) : json(compare(node, left, right));
  }

 private:
  bool truth(const Node& node, const char* where) const {
    const json found = value(node);
    if (found.is_null()) return false;
    if (found.is_boolean()) return found.get<bool>();
    throw_expression(text_, node.column, cat("found ", describe_value(found), " for ", where, ", wanted a condition"),
                     "compare it with something");
  }

  bool compare(const Node& node, const json& left, const json& right) const {
    const bool null = left.is_null() || right.is_null();
    if (node.kind == NodeKind::kUnequal) return null || left != right;
    if (node.kind == NodeKind::kNotIn) return null || !is_in(node, left, right);
    if (null) return false;
    if (node.kind == NodeKind::kEqual) return left == right;
    if (node.kind == NodeKind::kIn) return is_in(node, left, right);
    for (const json* side : {&left, &right}) {
      if (side->is_number()) continue;
      throw_expression(text_, node.column,
                       cat("found ", describe_value(*side), " in a comparison by order, wanted numbers"),
                       "compare with == or !=");
    }
    const bool reversed = node.kind == NodeKind::kGreater || node.kind == NodeKind::kGreaterEqual;
    const json& low = reversed ? right : left;
    const json& high = reversed ? left : right;
    return node.kind == NodeKind::kLess || node.kind == NodeKind::kGreater ? low < high : low <= high;
  }

  bool is_in(const Node& node, const json& left, const json& right) const {
    if (!right.is_array()) {
      throw_expression(text_, node.column, cat("found ", describe_value(right), " after in, wanted a list"),
                       "write a in [b, c]");
    }
    for (const json& item : right) {
      if (item == left) return true;
    }
    return false;
  }

  json calculate(const Node& node, const json& left, const json& right) const {
    for (const json* side : {&left, &right}) {
      if (side->is_null()) return nullptr;
    }
    for (const json* side : {&left, &right}) {
      if (side->is_number()) continue;
      throw_expression(text_, node.column, cat("found ", describe_value(*side), " in a calculation, wanted numbers"),
                       "calculate with numbers only");
    }
    const bool divides = node.kind == NodeKind::kDivide || node.kind == NodeKind::kRemainder;
    if (divides && right.get<double>() == 0) {
      throw_expression(text_, node.column, "a division by zero", "let a condition keep the divisor away from 0");
    }
    if (left.is_number_integer() && right.is_number_integer()) {
      const json exact = calculate_exactly(node.kind, left.get<int64_t>(), right.get<int64_t>());
      if (!exact.is_null()) return exact;
    }
    const double result = calculate_reals(node.kind, left.get<double>(), right.get<double>());
    if (!std::isfinite(result)) {
      throw_expression(text_, node.column, "the result is too large for a number", "calculate with smaller numbers");
    }
    return result;
  }

  // Null: the result is no integer, or none of 64 bits.
  static json calculate_exactly(NodeKind kind, int64_t left, int64_t right) {
    int64_t result = 0;
    bool wrapped = false;
    switch (kind) {
      case NodeKind::kAdd:
        wrapped = __builtin_add_overflow(left, right, &result);
        break;
      case NodeKind::kMultiply:
        wrapped = __builtin_mul_overflow(left, right, &result);
        break;
      case NodeKind::kDivide:
        if (right == -1) return calculate_exactly(NodeKind::kSubtract, 0, left);
        if (left % right != 0) return nullptr;
        result = left / right;
        break;
      case NodeKind::kRemainder:
        if (right == -1) return int64_t{0};
        result = left % right;
        if (result != 0 && (result < 0) != (right < 0)) result += right;
        break;
      default:
        wrapped = __builtin_sub_overflow(left, right, &result);
    }
    return wrapped ? json() : json(result);
  }
  static double calculate_reals(NodeKind kind, double left, double right) {
    switch (kind) {
      case NodeKind::kAdd:
        return left + right;
      case NodeKind::kMultiply:
        return left * right;
      case NodeKind::kDivide:
        return left / right;
      case NodeKind::kRemainder:
        return left - right * std::floor(left / right);
      default:
        return left - right;
    }
  }

  const std::string& text_;
  const Expression::Lookup& lookup_;
};

}  // namespace

json Expression::evaluate(const Lookup& lookup) const {
  return Evaluator(root_->text, lookup).value(*root_);
}

bool Expression::holds(const Lookup& lookup) const {
  const json found = evaluate(lookup);
  if (found.is_null()) return false;
  if (found.is_boolean()) return found.get<bool>();
  throw_expression(root_->text, root_->column, cat("found ", describe_value(found), ", wanted a condition"),
                   "compare it with something");
}

}  // namespace broadsheet
