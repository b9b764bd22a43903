#include "experiments/sweep/parameter_file.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/text.h"
#include "experiments/search/distribution.h"
#include "experiments/sweep/foreign_distribution.h"
#include "experiments/sweep/sweep_keys.h"

namespace broadsheet {
namespace {

using nlohmann::json;
using Kind = Distribution::Kind;

constexpr size_t kMostValues = 1000;
constexpr double kLargestInteger = 0x1p53;

ConfigType<json> any_value() {
  ConfigType<json> type{"a value of the key", OrderedJson::object(), {}, {}, {}};
  type.read = [words = type.words](const ConfigNode& node, const std::string& key, ConfigReader& reader, json& value) {
    if (node.kind == ConfigNode::Kind::kNull) {
      return fault_wanted(node, key, reader, words, "write a value; to leave the key alone give the parameter a when");
    }
    const size_t before = reader.faults().all().size();
    json found = to_raw_json(node, key, reader);
    if (reader.faults().all().size() != before) return false;
    value = std::move(found);
    return true;
  };
  type.write = [](const json& value) { return OrderedJson::parse(value.dump()); };
  return type;
}

// One parameter, from its map to the distribution.
class ParameterReader {
 public:
  ParameterReader(const ParameterFile& file, const std::string& key, ConfigReader& reader)
      : file_(file), key_(key), reader_(reader) {}

  // False: a fault was recorded.
  bool read(SearchParameter& parameter) {
    const size_t before = reader_.faults().all().size();
    parameter.distribution = distribution();
    for (size_t i = 0; i < file_.when.size(); ++i) {
      const std::string item = cat("when[", i, "]");
      const bool list = reader_.given(join_key(key_, item)) != nullptr;
      if (auto condition = expression(list ? item : "when", file_.when[i])) {
        parameter.when.push_back(std::move(*condition));
      }
    }
    return reader_.faults().all().size() == before;
  }

 private:
  void fault(const std::string& name, const std::string& what, const std::string& remedy) {
    reader_.fault(name.empty() ? key_ : join_key(key_, name), "sweep.distribution", what, remedy);
  }

  Distribution distribution() {
    std::vector<std::string> forms;
    if (!file_.distribution.empty()) forms.push_back("distribution");
    if (!file_.values.empty()) forms.push_back("values");
    if (file_.value) forms.push_back("value");
    if (!file_.tied_to.empty()) forms.push_back("tied_to");
    if (forms.size() == 1) {
      if (forms[0] != "distribution") refuse({"min", "max", "mu", "sigma", "q"}, cat(forms[0], " needs none"));
      return forms[0] == "distribution" ? drawn() : forms[0] == "tied_to" ? tied() : listed();
    }
    if (forms.size() > 1) {
      fault(forms[1], cat("found both ", forms[0], " and ", forms[1]), "keep one of them");
    } else if (file_.min || file_.max) {
      fault("", "found bounds without a distribution",
            "add distribution: uniform, int_uniform or log_uniform_values (evenly over the orders of magnitude)");
    } else {
      fault("", "found neither distribution nor values", "write values: [...], or a distribution with its bounds");
    }
    return {};
  }

  Distribution listed() {
    Distribution d;
    d.kind = file_.value ? Kind::kFixed : Kind::kValues;
    d.values = file_.value ? std::vector<json>{*file_.value} : file_.values;
    if (d.values.size() > kMostValues) {
      fault("values", cat("found ", d.values.size(), " values, wanted at most ", kMostValues),
            "write a distribution with bounds");
      return d;
    }
    std::set<std::string> before;
    for (size_t i = 0; i < d.values.size(); ++i) {
      if (before.insert(canonical({{"", d.values[i]}})).second) continue;
      fault(cat("values[", i, "]"), "this value is listed twice", "remove one of the two");
    }
    return d;
  }

  Distribution tied() {
    Distribution d;
    d.kind = Kind::kTied;
    d.tied = expression("tied_to", file_.tied_to);
    return d;
  }

  Distribution drawn() {
    Distribution d;
    const std::string& name = file_.distribution;
    d.kind = ends_with(name, "log_normal")           ? Kind::kLogNormal
             : ends_with(name, "normal")             ? Kind::kNormal
             : ends_with(name, "log_uniform_values") ? Kind::kLogUniform
                                                     : Kind::kUniform;
    const bool normal = d.kind == Kind::kNormal || d.kind == Kind::kLogNormal, steps = starts_with(name, "q_");
    std::vector<std::string> wanted =
        normal ? std::vector<std::string>{"mu", "sigma"} : std::vector<std::string>{"min", "max"};
    if (steps) wanted.push_back("q");
    refuse(normal ? std::vector<std::string>{"min", "max"} : std::vector<std::string>{"mu", "sigma"},
           cat(name, " has ", join(wanted, ", ")));
    if (!steps) refuse({"q"}, cat("only q_... distributions have it: q_", name == "int_uniform" ? "uniform" : name));
    bool complete = true;
    for (const std::string& one : wanted) {
      if (member(one)) continue;
      complete = false;
      fault(one, cat("missing, ", name, " needs it"), cat("add ", one, ": ..."));
    }
    if (!complete) return d;
    d.min = file_.min.value_or(0);
    d.max = file_.max.value_or(1);
    d.mu = file_.mu.value_or(0);
    d.sigma = file_.sigma.value_or(1);
    d.q = file_.q.value_or(0);
    d.integer = name == "int_uniform" || (steps && d.q == std::floor(d.q));
    if (!normal) check_bounds(d);
    return d;
  }

  void check_bounds(const Distribution& d) {
    if (d.kind == Kind::kLogUniform && d.min <= 0) {
      fault("min", cat("found ", shortest(d.min), ", wanted a number above 0"), "there is no order of magnitude of it");
    } else if (d.min >= d.max) {
      const bool same = d.min == d.max;
      fault("max", cat("found ", shortest(d.max), ", wanted more than min: ", shortest(d.min)),
            same ? cat("write value: ", shortest(d.min)) : "exchange the two");
    } else if (std::max(std::abs(d.min), std::abs(d.max)) > kLargestInteger && step_of(d) > 0) {
      fault("max", "the bounds are too large to count the steps between them", "choose narrower ones");
    } else if (file_.distribution == "int_uniform") {
      if (d.min != std::floor(d.min)) whole("min", d.min);
      if (d.max != std::floor(d.max)) whole("max", d.max);
    } else if (step_of(d) > 0 && steps_of(d).first > steps_of(d).last) {
      fault("q", cat("no multiple of ", shortest(d.q), " lies between the bounds"), "choose a smaller step");
    }
  }
  void whole(const std::string& name, double found) {
    fault(name, cat("found ", shortest(found), ", wanted a whole number"), "write one, or another distribution");
  }

  const std::optional<double>* number_of(const std::string& name) const {
    const std::vector<std::pair<std::string, const std::optional<double>*>> members = {
        {"min", &file_.min}, {"max", &file_.max}, {"mu", &file_.mu}, {"sigma", &file_.sigma}, {"q", &file_.q}};
    const auto found = std::find_if(members.begin(), members.end(), [&](const auto& one) { return one.first == name; });
    return found->second;
  }
  bool member(const std::string& name) const { return number_of(name)->has_value(); }
  void refuse(const std::vector<std::string>& names, const std::string& why) {
    for (const std::string& name : names) {
      if (member(name)) fault(name, "does not belong here: " + why, "remove it");
    }
  }

  std::optional<Expression> expression(const std::string& name, const std::string& text) {
    const RunKeys& keys = RunKeys::table();
    try {
      return Expression::parse(
          text, [&](const std::string& word) { return keys.has_value(word); }, keys.names());
    } catch (const UserError& error) {
      const Fault& found = error.faults().front();
      reader_.fault(join_key(key_, name), found.code, found.what, found.remedy);
      return std::nullopt;
    }
  }

  const ParameterFile& file_;
  std::string key_;
  ConfigReader& reader_;
};

}  // namespace

const Section<ParameterFile>& parameter_section() {
  const auto bound = [] { return optional_of(number({-1e300, 1e300, false, false})); };
  static const auto section =
      Section<ParameterFile>()
          .key(
              "distribution", &ParameterFile::distribution, one_of({distribution_names(), {}, {}}),
              "How a number is drawn. log_...: evenly over its orders of magnitude; int_uniform: whole numbers; q_...: "
              "multiples of q.")
          .key("min", &ParameterFile::min, bound(), "Lower bound, itself included.")
          .key("max", &ParameterFile::max, bound(), "Upper bound.")
          .key("mu", &ParameterFile::mu, bound(), "normal: mean; log_normal: of the logarithm.")
          .key("sigma", &ParameterFile::sigma, optional_of(number({0, 1e300, true, false})),
               "normal: standard deviation; log_normal: of the logarithm.")
          .key("q", &ParameterFile::q, optional_of(number({0, 1e300, true, false})), "q_...: the step.")
          .key("values", &ParameterFile::values, list_of(any_value()), "Instead of a distribution: all that are tried.")
          .key("value", &ParameterFile::value, optional_of(any_value()), "Instead of a distribution: the only one.")
          .key("tied_to", &ParameterFile::tied_to, text(),
               "Instead of a distribution: an expression of other parameters and keys of the run file.")
          .key("when", &ParameterFile::when, list_of(text(), /*one_is_enough=*/true),
               "Conditions, all of which must hold; elsewhere the run file's own value stands.");
  return section;
}

bool to_parameter(const ParameterFile& file, const std::string& key, ConfigReader& reader, SearchParameter& parameter) {
  return ParameterReader(file, key, reader).read(parameter);
}

ParameterFile to_file(const SearchParameter& parameter) {
  const Distribution& d = parameter.distribution;
  ParameterFile file;
  if (d.kind == Kind::kValues) {
    file.values = d.values;
  } else if (d.kind == Kind::kFixed) {
    file.value = d.values.at(0);
  } else if (d.kind == Kind::kTied) {
    file.tied_to = d.tied->text();
  } else {
    file.distribution = distribution_name(d);
    const bool normal = d.kind == Kind::kNormal || d.kind == Kind::kLogNormal;
    (normal ? file.mu : file.min) = normal ? d.mu : d.min;
    (normal ? file.sigma : file.max) = normal ? d.sigma : d.max;
    if (d.q > 0) file.q = d.q;
  }
  for (const Expression& condition : parameter.when) file.when.push_back(condition.text());
  return file;
}

}  // namespace broadsheet
