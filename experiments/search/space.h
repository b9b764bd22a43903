// The space that a sweep searches: parameters with their distributions, conditions between them, constraints over them.
// Values are JSON, because a parameter may be anything that the run file's key may be: a number, a text, a list, a map.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "experiments/search/expression.h"

namespace broadsheet {

// Names are W&B's. With `q` a value is rounded to a multiple of q (inside the bounds); q_... distributions need it.
// int_uniform gives integers, bounds included.
struct Distribution {
  enum class Kind { kValues, kUniform, kLogUniform, kNormal, kLogNormal, kFixed, kTied };
  Kind kind = Kind::kValues;
  std::vector<nlohmann::json> values;  // kValues: all of them, kFixed: one
  double min = 0, max = 1;             // kUniform, kLogUniform (> 0)
  double mu = 0, sigma = 1;            // kNormal; kLogNormal: of the logarithm
  double q = 0;                        // 0: continuous
  bool integer = false;
  std::optional<Expression> tied;  // kTied: its value, from the other parameters
};

// As sweep files have it: "log_uniform_values", "values", "value", "tied_to".
std::string distribution_name(const Distribution& distribution);

struct SearchParameter {
  std::string name;  // a key of the run file: "train.learning_rate"
  Distribution distribution;
  std::vector<Expression> when;  // it has a value only where all of them hold; otherwise the run file's own stands
};

// The values of the parameters that are active, by name.
using Assignment = std::map<std::string, nlohmann::json>;

// A parameter's value as a number between 0 and 1 of its distribution (its cumulative share; of values: the middle of
// its slot), where samplers think; negative: not active. In the order of SearchSpace::parameters().
using UnitPoint = std::vector<double>;
inline constexpr double kInactive = -1;

class SearchSpace {
 public:
  // The run file's own value of a key that is no parameter, or of one that is not active.
  using Base = std::function<nlohmann::json(const std::string& key)>;

  SearchSpace() = default;
  // UserError("sweep.cycle") when conditions depend on each other in a circle.
  SearchSpace(std::vector<SearchParameter> parameters, std::vector<Expression> constraints, Base base);

  // In an order in which each depends on earlier ones only. Fixed and tied ones are among them, and take no number.
  const std::vector<SearchParameter>& parameters() const { return parameters_; }
  size_t size() const { return parameters_.size(); }
  bool is_searched(size_t index) const;  // not fixed, not tied

  // Value of parameter `index` at `unit` in [0, 1): the inverse of the cumulative distribution.
  nlohmann::json value_at(size_t index, double unit) const;
  // Where a value lies; of a value that the distribution cannot give (points: and other sweeps may have any): the
  // nearest, for numbers; kInactive for others.
  double unit_of(size_t index, const nlohmann::json& value) const;
  // > 0: so many different values (values:, integers, multiples of q); 0: a continuum.
  int64_t cardinality(size_t index) const;

  // Whether parameter `index` is active, given the values of those before it in `so_far`.
  bool active(size_t index, const Assignment& so_far) const;
  // Every parameter at its number; entries of inactive, fixed and tied ones are not looked at. An active one whose
  // number is negative gets the middle. A tied one whose expression has no value gets none.
  Assignment at(const UnitPoint& units) const;
  // The same for who decides as it goes: `searched` is asked for the values of the active searched parameters, in
  // order.
  Assignment fill(const std::function<nlohmann::json(size_t index)>& searched) const;
  UnitPoint units_of(const Assignment& assignment) const;
  // Fills in fixed and tied parameters and drops inactive ones; for `points:`. UserError("sweep.point") when an active
  // one has no value.
  Assignment complete(const Assignment& given) const;
  // Whether all constraints (`where:`) hold.
  bool allowed(const Assignment& assignment) const;
  const Base& base() const { return base_; }
  bool has_constraints() const { return !constraints_.empty(); }

 private:
  Expression::Lookup lookup(const Assignment& assignment) const;
  std::vector<SearchParameter> parameters_;
  std::vector<Expression> constraints_;
  Base base_;
};

// The same text for equal assignments, whatever their numbers' spelling (1, 1.0): their key in maps.
std::string canonical(const Assignment& assignment);

}  // namespace broadsheet
