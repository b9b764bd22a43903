// The conditions of a sweep file: "adapter.kind == lora and train.learning_rate > 1e-4". A small language over values
// by name, without side effects, loops or functions: whoever may write a sweep file can do no harm with it.
//
//   or | and | not | == != < <= > >= in, not in | + - | * / % | -x | (e) | [a, b] | number | true | false | 'text' |
//   word
//
// A word that is a known name stands for its value, any other for itself as a text (lora). At most 1,000 characters
// and 32 levels deep. Comparing texts by order, or adding a text to a number, is a fault; so is dividing by zero.
// Integers stay integers where the result is one (6 / 2 is 3); % has the sign of the divisor. A name without a value
// makes what is calculated with it null, every comparison with it false, and counts as false for and, or and not.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace broadsheet {

class Expression {
 public:
  // The value of a known name; null: it has none at present. Called for names that `known` accepted.
  using Lookup = std::function<nlohmann::json(const std::string& name)>;
  // Whether a word is a name. Words with a dot that are none are faults: somebody has mistyped a name.
  using Known = std::function<bool(const std::string& name)>;

  // UserError("sweep.expression"); its message says what was found at which column of the text. `names`: what may have
  // been meant by a dotted word that is no name, for that message only.
  static Expression parse(std::string_view text, const Known& known, const std::vector<std::string>& names = {});

  const std::string& text() const;
  const std::set<std::string>& names() const;  // that its value depends on
  // UserError("sweep.expression") when types do not fit. Comparing with null is false, != true. 1 == 1.0.
  nlohmann::json evaluate(const Lookup& lookup) const;
  // The same for conditions: the value must be true or false.
  bool holds(const Lookup& lookup) const;

  struct Node;

 private:
  explicit Expression(std::shared_ptr<const Node> root);
  std::shared_ptr<const Node> root_;  // immutable, so copies may share it
};

}  // namespace broadsheet
