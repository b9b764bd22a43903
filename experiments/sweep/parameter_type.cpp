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

constexpr size_t kMostNames = 8;  // in a dotted key; the longest of ours has three
constexpr size_t kMostParameters = 1000, kMostValues = 1000;
constexpr double kLargestInteger = 0x1p53;

// One parameter as the file has it.
struct ParameterFile {
  std::string distribution;
  std::optional<double> min, max, mu, sigma, q;
  std::vector<json> values;
  std::optional<json> value;
  std::string tied_to;
  std::vector<std::string> when;
};

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

bool describes_parameter(const std::string& key, const ConfigNode& node) {
  static const std::vector<KeyDoc> docs = [] {
    std::vector<KeyDoc> list;
    parameter_section().describe("", list);
    return list;
  }();
  if (!node.is_map() || node.entries.empty()) return true;
  if (std::any_of(docs.begin(), docs.end(), [&](const KeyDoc& doc) { return node.find(doc.key) != nullptr; }))
    return true;
  // freeze may be a parameter, or have some.
  const RunKeys& keys = RunKeys::table();
  const bool section = std::any_of(node.entries.begin(), node.entries.end(), [&](const ConfigNode::Entry& entry) {
    return keys.has_value(join_key(key, entry.key));
  });
  return !section && keys.has_value(key);
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
    for (const std::string& text : file_.when) {
      if (auto condition = expression("when", text)) parameter.when.push_back(std::move(*condition));
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

// Relative paths belong to the sweep file's folder.
void resolve_paths(ParameterFile& file, const std::string& key, ConfigReader& reader) {
  const auto resolve = [&](json& value, const std::string& full) {
    const ConfigNode* node = reader.given(full);
    const bool path = value.is_string() && node != nullptr && !starts_with(value.get<std::string>(), "~");
    if (path) value = reader.resolve(value.get<std::string>(), *node);
  };
  for (size_t i = 0; i < file.values.size(); ++i) resolve(file.values[i], cat(key, ".values[", i, "]"));
  if (file.value) resolve(*file.value, key + ".value");
}

bool read_parameter(const ConfigNode::Entry& entry, const std::string& name, const std::string& key,
                    ConfigReader& reader, SearchParameter& parameter) {
  if (const auto refused = RunKeys::table().refusal(name)) {
    reader.fault_at(entry.place, key, refused->code, refused->what, refused->remedy);
    return false;
  }
  const ConfigNode& node = entry.value;
  if (!node.is_map()) {
    const std::string remedy = node.is_scalar() ? cat("write {value: ", describe(node), "} for a fixed value")
                               : node.is_list() ? "write {values: [...]}"
                                                : "write {values: [...]}, or a distribution with its bounds";
    return fault_wanted(node, key, reader, "a map that describes the parameter", remedy);
  }
  if (foreign_distribution(node, key, reader)) return false;
  ParameterFile file;
  if (!parameter_section().read(node, key, reader, file)) return false;
  if (RunKeys::table().is_path(name)) resolve_paths(file, key, reader);
  parameter.name = name;
  return ParameterReader(file, key, reader).read(parameter);
}

bool read_parameters(const ConfigNode& map, const std::string& prefix, const std::string& key, ConfigReader& reader,
                     std::vector<SearchParameter>& parameters) {
  bool good = true;
  for (const ConfigNode::Entry& entry : map.entries) {
    const std::string name = join_key(prefix, entry.key), full = join_key(key, entry.key);
    reader.note(full, entry.value);
    if (!describes_parameter(name, entry.value)) {
      good = read_parameters(entry.value, name, full, reader, parameters) && good;
      continue;
    }
    SearchParameter parameter;
    if (read_parameter(entry, name, full, reader, parameter)) {
      parameters.push_back(std::move(parameter));
    } else {
      good = false;
    }
  }
  return good;
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

// Puts `entry` where its dotted key says.
void place(ConfigNode& parameters, const std::string& key, const ConfigNode::Entry& entry, Faults& faults) {
  std::vector<std::string> names = split(key, '.');
  const bool strange = names.size() > kMostNames || std::find(names.begin(), names.end(), "") != names.end();
  if (strange) names = {key};  // no key of ours; the reader says so
  ConfigNode* target = &parameters;
  std::string above;
  for (size_t i = 0; i + 1 < names.size(); ++i) {
    above = join_key(above, names[i]);
    ConfigNode* child = target->find(names[i]);
    if (child != nullptr && describes_parameter(above, *child)) {
      faults.add({"config.duplicate_key", entry.place, join_key("parameters", key),
                  cat("lies in ", above, ", which is a parameter itself"), "keep one of the two"});
      return;
    }
    if (child == nullptr) {
      ConfigNode map;
      map.kind = ConfigNode::Kind::kMap;
      map.place = entry.place;
      target->entries.push_back({names[i], entry.place, std::move(map)});
      child = &target->entries.back().value;
    }
    target = child;
  }
  if (target->find(names.back()) != nullptr) {
    faults.add({"config.duplicate_key", entry.place, join_key("parameters", key),
                "given twice, or as a section and a parameter", "keep one of the two"});
    return;
  }
  target->entries.push_back({names.back(), entry.place, entry.value});
}

void nest(ConfigNode& parameters, const std::string& prefix, const ConfigNode& map, size_t& count, Faults& faults) {
  for (const ConfigNode::Entry& entry : map.entries) {
    const std::string key = join_key(prefix, entry.key);
    if (!describes_parameter(key, entry.value)) {
      nest(parameters, key, entry.value, count, faults);
      continue;
    }
    if (count < kMostParameters) place(parameters, key, entry, faults);
    if (++count == kMostParameters) {
      faults.add({"sweep.parameters", entry.place, "parameters", cat("found ", kMostParameters, " parameters or more"),
                  "search the few that matter"});
    }
  }
}

}  // namespace

void nest_parameters(ConfigNode& root, Faults& faults) {
  ConfigNode* given = root.find("parameters");
  if (given == nullptr || !given->is_map()) return;
  ConfigNode parameters;
  parameters.kind = ConfigNode::Kind::kMap;
  parameters.place = given->place;
  size_t count = 0;
  nest(parameters, "", *given, count, faults);
  *given = std::move(parameters);
}

ConfigType<std::vector<SearchParameter>> parameters_type() {
  ConfigType<std::vector<SearchParameter>> type;
  type.words = "a map from keys of the run file, each value a map";
  const OrderedJson one = parameter_section().schema();
  OrderedJson schema = one;
  for (int level = 0; level < 3; ++level) {  // train: {learning_rate: {...}} as well as train.learning_rate: {...}
    const OrderedJson map = {{"type", "object"}, {"additionalProperties", schema}, {"minProperties", 1}};
    schema = level < 2 ? OrderedJson{{"anyOf", OrderedJson::array({one, map})}} : map;
  }
  type.schema = schema;
  type.read = [words = type.words](const ConfigNode& node, const std::string& key, ConfigReader& reader,
                                   std::vector<SearchParameter>& parameters) {
    if (!node.is_map() || node.entries.empty()) {
      return fault_wanted(node, key, reader, words, "write train.learning_rate: {values: [1e-5, 1e-4]}, for instance");
    }
    return read_parameters(node, "", key, reader, parameters);
  };
  type.write = [](const std::vector<SearchParameter>& parameters) {
    OrderedJson map;
    for (const SearchParameter& parameter : parameters) {
      map[parameter.name] = parameter_section().write(to_file(parameter));
    }
    return map;
  };
  type.children = [](const std::string& prefix, std::vector<KeyDoc>& docs) {
    parameter_section().describe(join_key(prefix, "*"), docs);
  };
  return type;
}

}  // namespace broadsheet
