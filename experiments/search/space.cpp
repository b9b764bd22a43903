#include "experiments/search/space.h"

#include <algorithm>
#include <cmath>

#include "core/errors.h"
#include "core/text.h"
#include "experiments/search/distribution.h"

namespace broadsheet {
namespace {

using nlohmann::json;

std::vector<const Expression*> conditions_of(const SearchParameter& parameter) {
  std::vector<const Expression*> list;
  for (const Expression& condition : parameter.when) list.push_back(&condition);
  if (parameter.distribution.tied) list.push_back(&*parameter.distribution.tied);
  return list;
}

// `name` itself, or what it lies in: freeze of freeze.layers.
bool is_at_or_above(const std::string& parameter, const std::string& name) {
  return name == parameter || starts_with(name, parameter + ".");
}

// For each parameter, which others its conditions look at.
std::vector<std::vector<size_t>> dependencies_of(const std::vector<SearchParameter>& parameters) {
  std::vector<std::vector<size_t>> dependencies(parameters.size());
  for (size_t i = 0; i < parameters.size(); ++i) {
    for (const Expression* condition : conditions_of(parameters[i])) {
      for (const std::string& name : condition->names()) {
        for (size_t k = 0; k < parameters.size(); ++k) {
          if (is_at_or_above(parameters[k].name, name)) dependencies[i].push_back(k);
        }
      }
    }
  }
  return dependencies;
}

[[noreturn]] void throw_cycle(const std::vector<SearchParameter>& parameters,
                              const std::vector<std::vector<size_t>>& dependencies, const std::vector<bool>& placed) {
  size_t at = 0;
  while (placed[at]) ++at;
  // Whoever was not placed waits for another that was not: following them must come back.
  std::vector<size_t> way;
  while (std::find(way.begin(), way.end(), at) == way.end()) {
    way.push_back(at);
    at = *std::find_if(dependencies[at].begin(), dependencies[at].end(), [&](size_t one) { return !placed[one]; });
  }
  std::vector<std::string> names;
  for (auto one = std::find(way.begin(), way.end(), at); one != way.end(); ++one) {
    names.push_back(parameters[*one].name);
  }
  names.push_back(parameters[at].name);
  throw UserError("sweep.cycle", cat("conditions depend on each other in a circle: ", join(names, " -> ")),
                  "remove one of them");
}

// Whole numbers as integers: 1.0 and 1 become one text.
json plain(const json& value) {
  if (value.is_structured()) {
    json copy = value;
    for (json& one : copy) one = plain(one);
    return copy;
  }
  constexpr double kExact = 0x1p53;
  if (!value.is_number_float()) return value;
  const auto number = value.get<double>();
  const bool whole = std::abs(number) <= kExact && number == std::floor(number);
  return whole ? json(static_cast<int64_t>(number)) : value;
}

}  // namespace

SearchSpace::SearchSpace(std::vector<SearchParameter> parameters, std::vector<Expression> constraints, Base base)
    : constraints_(std::move(constraints)), base_(std::move(base)) {
  const auto dependencies = dependencies_of(parameters);
  std::vector<bool> placed(parameters.size(), false);
  const auto ready = [&](size_t i) {
    return !placed[i] &&
           std::all_of(dependencies[i].begin(), dependencies[i].end(), [&](size_t one) { return placed[one]; });
  };
  // In the order of the file as far as that is possible.
  while (parameters_.size() < parameters.size()) {
    size_t next = 0;
    while (next < parameters.size() && !ready(next)) ++next;
    if (next == parameters.size()) throw_cycle(parameters, dependencies, placed);
    placed[next] = true;
    parameters_.push_back(parameters[next]);
  }
}

bool SearchSpace::is_searched(size_t index) const {
  const Distribution::Kind kind = parameters_.at(index).distribution.kind;
  return kind != Distribution::Kind::kFixed && kind != Distribution::Kind::kTied;
}

json SearchSpace::value_at(size_t index, double unit) const {
  BROADSHEET_ASSERT(parameters_.at(index).distribution.kind != Distribution::Kind::kTied);
  return value_of(parameters_[index].distribution, unit);
}

double SearchSpace::unit_of(size_t index, const json& value) const {
  return broadsheet::unit_of(parameters_.at(index).distribution, value);
}

int64_t SearchSpace::cardinality(size_t index) const {
  return cardinality_of(parameters_.at(index).distribution);
}

Expression::Lookup SearchSpace::lookup(const Assignment& assignment) const {
  return [this, &assignment](const std::string& name) -> json {
    const auto found = assignment.find(name);
    if (found != assignment.end()) return found->second;
    // A map's own keys: freeze.layers, where freeze is {layers: 4}.
    for (size_t dot = name.rfind('.'); dot != std::string::npos && dot > 0; dot = name.rfind('.', dot - 1)) {
      const auto above = assignment.find(name.substr(0, dot));
      if (above == assignment.end()) continue;
      json value = above->second;
      for (const std::string& key : split(name.substr(dot + 1), '.')) {
        value = value.is_object() && value.contains(key) ? json(value[key]) : json();
      }
      return value;
    }
    return base_ ? base_(name) : json();
  };
}

bool SearchSpace::active(size_t index, const Assignment& so_far) const {
  const std::vector<Expression>& conditions = parameters_.at(index).when;
  const Expression::Lookup look = lookup(so_far);
  return std::all_of(conditions.begin(), conditions.end(), [&](const Expression& one) { return one.holds(look); });
}

Assignment SearchSpace::fill(const std::function<json(size_t index)>& searched) const {
  Assignment assignment;
  for (size_t i = 0; i < size(); ++i) {
    if (!active(i, assignment)) continue;
    const Distribution& distribution = parameters_[i].distribution;
    json value = distribution.kind == Distribution::Kind::kTied ? distribution.tied->evaluate(lookup(assignment))
                 : is_searched(i)                               ? searched(i)
                                                                : value_at(i, 0);
    if (!value.is_null()) assignment[parameters_[i].name] = std::move(value);
  }
  return assignment;
}

Assignment SearchSpace::at(const UnitPoint& units) const {
  BROADSHEET_ASSERT(units.size() == size());
  return fill([&](size_t i) { return value_at(i, units[i] < 0 ? 0.5 : units[i]); });
}

UnitPoint SearchSpace::units_of(const Assignment& assignment) const {
  UnitPoint units(size(), kInactive);
  for (size_t i = 0; i < size(); ++i) {
    const auto found = assignment.find(parameters_[i].name);
    if (found != assignment.end() && is_searched(i)) units[i] = unit_of(i, found->second);
  }
  return units;
}

Assignment SearchSpace::complete(const Assignment& given) const {
  return fill([&](size_t i) {
    const auto found = given.find(parameters_[i].name);
    if (found != given.end()) return found->second;
    throw UserError("sweep.point", cat("the point has no value for ", parameters_[i].name), "give one");
  });
}

bool SearchSpace::allowed(const Assignment& assignment) const {
  const Expression::Lookup look = lookup(assignment);
  return std::all_of(constraints_.begin(), constraints_.end(), [&](const Expression& one) { return one.holds(look); });
}

std::string canonical(const Assignment& assignment) {
  return plain(json(assignment)).dump();
}

}  // namespace broadsheet
