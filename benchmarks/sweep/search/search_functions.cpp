// Our samplers on published test functions: one JSON line a trial. See README.md.
//
//   search_functions FUNCTION METHOD SEEDS TRIALS      {"function", "method", "seed", "trial", "value", "best"}
//   search_functions overhead METHOD TRIALS            {"method", "trials", "milliseconds"}: one suggest + observe
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <limits>
#include <vector>

#include "core/errors.h"
#include "core/text.h"
#include "experiments/search/sampler.h"

namespace broadsheet {
namespace {

using Numbers = std::vector<double>;
constexpr double kPi = 3.14159265358979323846;

struct Function {
  std::vector<SearchParameter> parameters;
  std::function<double(const Assignment&)> value;
};

SearchParameter uniform(const std::string& name, double min, double max, const std::string& when = "") {
  SearchParameter parameter;
  parameter.name = name;
  parameter.distribution.kind = Distribution::Kind::kUniform;
  parameter.distribution.min = min;
  parameter.distribution.max = max;
  if (!when.empty())
    parameter.when.push_back(Expression::parse(when, [](const std::string& word) { return word[0] == 'c'; }));
  return parameter;
}

SearchParameter values(const std::string& name, const std::vector<nlohmann::json>& of, const std::string& when = "") {
  SearchParameter parameter = uniform(name, 0, 1, when);
  parameter.distribution.kind = Distribution::Kind::kValues;
  parameter.distribution.values = of;
  return parameter;
}

// A function of numbers x0, x1, ... over one range.
Function box(size_t dimensions, double min, double max, const std::function<double(const Numbers&)>& value) {
  Function function;
  for (size_t i = 0; i < dimensions; ++i) function.parameters.push_back(uniform(cat("x", i), min, max));
  function.value = [dimensions, value](const Assignment& assignment) {
    Numbers x;
    for (size_t i = 0; i < dimensions; ++i) x.push_back(assignment.at(cat("x", i)).get<double>());
    return value(x);
  };
  return function;
}

double branin(const Numbers& x) {
  const double a = x[1] - 5.1 / (4 * kPi * kPi) * x[0] * x[0] + 5 / kPi * x[0] - 6;
  return a * a + 10 * (1 - 1 / (8 * kPi)) * std::cos(x[0]) + 10;
}

double hartmann6(const Numbers& x) {
  constexpr double kAlpha[4] = {1.0, 1.2, 3.0, 3.2};
  constexpr double kA[4][6] = {
      {10, 3, 17, 3.5, 1.7, 8}, {0.05, 10, 17, 0.1, 8, 14}, {3, 3.5, 1.7, 10, 17, 8}, {17, 8, 0.05, 10, 0.1, 14}};
  constexpr double kP[4][6] = {{1312, 1696, 5569, 124, 8283, 5886},
                               {2329, 4135, 8307, 3736, 1004, 9991},
                               {2348, 1451, 3522, 2883, 3047, 6650},
                               {4047, 8828, 8732, 5743, 1091, 381}};
  double sum = 0;
  for (size_t i = 0; i < 4; ++i) {
    double inner = 0;
    for (size_t j = 0; j < 6; ++j) inner += kA[i][j] * std::pow(x[j] - 1e-4 * kP[i][j], 2);
    sum -= kAlpha[i] * std::exp(-inner);
  }
  return sum;
}

double rosenbrock(const Numbers& x) {
  double sum = 0;
  for (size_t i = 0; i + 1 < x.size(); ++i) sum += 100 * std::pow(x[i + 1] - x[i] * x[i], 2) + std::pow(1 - x[i], 2);
  return sum;
}

double ackley(const Numbers& x) {
  double squares = 0, cosines = 0;
  for (const double one : x) {
    squares += one * one;
    cosines += std::cos(2 * kPi * one);
  }
  const auto n = static_cast<double>(x.size());
  return -20 * std::exp(-0.2 * std::sqrt(squares / n)) - std::exp(cosines / n) + 20 + std::exp(1.0);
}

double rastrigin(const Numbers& x) {
  double sum = 10 * static_cast<double>(x.size());
  for (const double one : x) sum += one * one - 10 * std::cos(2 * kPi * one);
  return sum;
}

double levy(const Numbers& x) {
  Numbers w;
  for (const double one : x) w.push_back(1 + (one - 1) / 4);
  double sum = std::pow(std::sin(kPi * w[0]), 2);
  for (size_t i = 0; i + 1 < w.size(); ++i) {
    sum += std::pow(w[i] - 1, 2) * (1 + 10 * std::pow(std::sin(kPi * w[i] + 1), 2));
  }
  return sum + std::pow(w.back() - 1, 2) * (1 + std::pow(std::sin(2 * kPi * w.back()), 2));
}

double styblinski_tang(const Numbers& x) {
  double sum = 0;
  for (const double one : x) sum += (std::pow(one, 4) - 16 * one * one + 5 * one) / 2;
  return sum;
}

double camel(double x, double y) {
  return (4 - 2.1 * x * x + std::pow(x, 4) / 3) * x * x + x * y + (-4 + 4 * y * y) * y * y;
}

double beale(double x, double y) {
  return std::pow(1.5 - x + x * y, 2) + std::pow(2.25 - x + x * y * y, 2) + std::pow(2.625 - x + x * y * y * y, 2);
}

// Ru et al. 2020, "Bayesian optimisation over multiple continuous and categorical inputs", Func-2C.
Function func2c() {
  Function function = box(2, -2, 2, rosenbrock);
  function.parameters.push_back(values("first", {"rosenbrock", "camel", "beale"}));
  function.parameters.push_back(values("second", {"rosenbrock", "camel", "beale1", "beale2", "beale3"}));
  function.value = [](const Assignment& assignment) {
    const double x = assignment.at("x0").get<double>(), y = assignment.at("x1").get<double>();
    const auto part = [&](const std::string& name) {
      if (name == "rosenbrock") return rosenbrock({x, y}) / 300;
      return name == "camel" ? camel(x, y) / 10 : beale(x, y) / 50;
    };
    return part(assignment.at("first").get<std::string>()) + part(assignment.at("second").get<std::string>());
  };
  return function;
}

// Jenatton et al. 2017, "Bayesian optimization with tree-structured dependencies", section 4.1.
Function jenatton() {
  Function function;
  const auto add = [&](SearchParameter parameter) { function.parameters.push_back(std::move(parameter)); };
  add(values("c1", {0, 1}));
  add(values("c2", {0, 1}, "c1 == 0"));
  add(values("c3", {0, 1}, "c1 == 1"));
  add(uniform("x4", -1, 1, "c1 == 0 and c2 == 0"));
  add(uniform("x5", -1, 1, "c1 == 0 and c2 == 1"));
  add(uniform("x6", -1, 1, "c1 == 1 and c3 == 0"));
  add(uniform("x7", -1, 1, "c1 == 1 and c3 == 1"));
  add(uniform("r8", 0, 1, "c1 == 0"));
  add(uniform("r9", 0, 1, "c1 == 1"));
  function.value = [](const Assignment& assignment) {
    double sum = assignment.count("r8") ? assignment.at("r8").get<double>() : assignment.at("r9").get<double>();
    constexpr double kFloor[4] = {0.1, 0.2, 0.3, 0.4};
    for (size_t i = 0; i < 4; ++i) {
      const auto found = assignment.find(cat("x", i + 4));
      if (found != assignment.end()) sum += std::pow(found->second.get<double>(), 2) + kFloor[i];
    }
    return sum;
  };
  return function;
}

// Rosenbrock's valley over integers and logarithms: a mixed space without conditions.
Function mixed() {
  Function function;
  SearchParameter rate = uniform("rate", 1e-5, 1e-1);
  rate.distribution.kind = Distribution::Kind::kLogUniform;
  SearchParameter layers = uniform("layers", 1, 12);
  layers.distribution.integer = true;
  SearchParameter batch = values("batch", {8, 16, 32, 64, 128, 256});
  SearchParameter decay = uniform("decay", 0, 0.3);
  decay.distribution.q = 0.01;
  function.parameters = {rate, layers, batch, decay, values("optimizer", {"sgd", "adam", "lion"})};
  function.value = [](const Assignment& assignment) {
    const std::string optimizer = assignment.at("optimizer").get<std::string>();
    const double scale = optimizer == "sgd" ? 1.5 : optimizer == "adam" ? 0.0 : -0.5;
    const double batch_bits = std::log2(assignment.at("batch").get<double>());
    // The best rate grows with the batch and falls with depth, as it does in training.
    const double best = -4 + scale + 0.25 * (batch_bits - 3) - 0.04 * assignment.at("layers").get<double>();
    const double off = std::log10(assignment.at("rate").get<double>()) - best;
    return off * off + 0.01 * std::pow(assignment.at("layers").get<double>() - 9, 2) +
           20 * std::pow(assignment.at("decay").get<double>() - 0.1, 2) + 0.02 * std::pow(batch_bits - 5, 2) +
           (optimizer == "adam"   ? 0
            : optimizer == "lion" ? 0.05
                                  : 0.2);
  };
  return function;
}

Function function_of(const std::string& name) {
  if (name == "branin") {
    Function function = box(2, 0, 15, branin);
    function.parameters[0] = uniform("x0", -5, 10);
    return function;
  }
  if (name == "hartmann6") return box(6, 0, 1, hartmann6);
  if (name == "rosenbrock5") return box(5, -5, 10, rosenbrock);
  if (name == "ackley5") return box(5, -32.768, 32.768, ackley);
  if (name == "rastrigin5") return box(5, -5.12, 5.12, rastrigin);
  if (name == "levy5") return box(5, -10, 10, levy);
  if (name == "styblinski_tang5") return box(5, -5, 5, styblinski_tang);
  if (name == "func2c") return func2c();
  if (name == "jenatton") return jenatton();
  if (name == "mixed") return mixed();
  throw UserError("benchmark.function", cat("no function '", name, "'"), "see function_of()");
}

void play(const std::string& name, const std::string& method, uint64_t seeds, size_t trials) {
  const Function function = function_of(name);
  const SearchSpace space(function.parameters, {}, nullptr);
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    const auto sampler = make_sampler(space, {method, seed});
    double best = std::numeric_limits<double>::infinity();
    for (size_t trial = 0; trial < trials; ++trial) {
      const std::optional<Assignment> assignment = sampler->suggest(static_cast<int64_t>(trial));
      if (!assignment) break;
      const double value = function.value(*assignment);
      best = std::min(best, value);
      sampler->observe(trial, *assignment, {Observation::State::kComplete, value, 1});
      std::cout << nlohmann::json{{"function", name},         {"method", method}, {"seed", seed},
                                  {"trial", trial},           {"value", value},   {"best", best},
                                  {"parameters", *assignment}}
                << "\n";
    }
  }
}

// Time of one suggestion and its observations (pending, then done) once `trials` are known.
void overhead(const std::string& method, size_t trials) {
  const Function function = function_of("rosenbrock5");
  const SearchSpace space(function.parameters, {}, nullptr);
  const auto sampler = make_sampler(space, {method, 1});
  const auto draws = make_sampler(space, {"random", 2});
  for (size_t trial = 0; trial < trials; ++trial) {
    const Assignment assignment = draws->suggest(static_cast<int64_t>(trial)).value();
    sampler->observe(trial, assignment, {Observation::State::kComplete, function.value(assignment), 1});
  }
  std::vector<double> times;
  for (size_t trial = trials; trial < trials + 50; ++trial) {
    const auto begin = std::chrono::steady_clock::now();
    const Assignment assignment = sampler->suggest(static_cast<int64_t>(trial)).value();
    sampler->observe(trial, assignment, {});
    sampler->observe(trial, assignment, {Observation::State::kComplete, function.value(assignment), 1});
    times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
  }
  std::sort(times.begin(), times.end());
  std::cout << nlohmann::json{{"method", method}, {"trials", trials}, {"milliseconds", times[times.size() / 2]}}
            << "\n";
}

}  // namespace
}  // namespace broadsheet

int main(int count, char** arguments) {
  const std::vector<std::string> words(arguments + 1, arguments + count);
  try {
    if (words.size() == 3 && words[0] == "overhead") {
      broadsheet::overhead(words[1], std::stoull(words[2]));
    } else if (words.size() == 4) {
      broadsheet::play(words[0], words[1], std::stoull(words[2]), std::stoull(words[3]));
    } else {
      std::cerr << "search_functions FUNCTION METHOD SEEDS TRIALS | search_functions overhead METHOD TRIALS\n";
      return 2;
    }
  } catch (const broadsheet::Error& error) {
    std::cerr << error.what() << "\n";
    return 2;
  }
  return 0;
}
