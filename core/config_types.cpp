#include "core/config_types.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "core/text.h"

namespace broadsheet {
namespace {

constexpr size_t kLongestNumber = 64;

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

struct Sign {
  bool negative = false;
  std::string_view rest;
};
Sign split_sign(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) return {text[0] == '-', text.substr(1)};
  return {false, text};
}

// The parts of a decimal number; nullopt when `text` is none.
struct Decimal {
  bool negative = false;
  std::string_view whole, fraction, exponent;
};
std::optional<Decimal> split_decimal(std::string_view text) {
  if (text.size() > kLongestNumber) return std::nullopt;
  Decimal decimal;
  const Sign sign = split_sign(text);
  decimal.negative = sign.negative;
  std::string_view rest = sign.rest;
  if (const size_t e = rest.find_first_of("eE"); e != std::string_view::npos) {
    decimal.exponent = rest.substr(e + 1);
    rest = rest.substr(0, e);
    if (!all_digits(split_sign(decimal.exponent).rest)) return std::nullopt;
  }
  const size_t dot = rest.find('.');
  decimal.whole = rest.substr(0, dot);
  if (dot != std::string_view::npos) decimal.fraction = rest.substr(dot + 1);
  const bool whole = all_digits(decimal.whole), fraction = all_digits(decimal.fraction);
  if ((!whole && !decimal.whole.empty()) || (!fraction && !decimal.fraction.empty())) return std::nullopt;
  if (!whole && !fraction) return std::nullopt;
  return decimal;
}

bool has_leading_zero(std::string_view digits) {
  return digits.size() > 1 && digits[0] == '0';
}

// What a person meant who wrote something that is nearly a number; empty: no idea.
std::string number_remedy(const std::string& text) {
  const std::string_view digits = split_sign(text).rest;
  if (digits.size() > 2 && digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X' || digits[1] == 'o')) {
    uint64_t value = 0;
    const int base = digits[1] == 'o' ? 8 : 16;
    const auto end = std::from_chars(digits.data() + 2, digits.data() + digits.size(), value, base);
    if (end.ec == std::errc() && end.ptr == digits.data() + digits.size()) return cat("write it in decimal: ", value);
  }
  if (all_digits(digits) && has_leading_zero(digits)) {
    const size_t first = std::min(digits.find_first_not_of('0'), digits.size() - 1);
    return cat("leading zeros mean octal to some readers and nothing to others; write ", digits.substr(first));
  }
  std::string plain;
  for (const char c : text) {
    if (c != '_' && c != ',' && c != ' ') plain += c;
  }
  if (plain != text && split_decimal(plain)) return cat("write it without separators: ", plain);
  if (ends_with(text, "%") && split_decimal(text.substr(0, text.size() - 1))) {
    double value = 0;
    const std::string share = text.substr(0, text.size() - 1);
    const auto end = std::from_chars(share.data(), share.data() + share.size(), value);
    if (end.ec == std::errc()) return cat("write the share: ", shortest(value / 100));
  }
  return "";
}

// The text of an unquoted scalar (or of one from the environment); nullopt: a fault was recorded.
std::optional<std::string> plain_scalar(const ConfigNode& node, const std::string& key, ConfigReader& reader,
                                        const std::string& wanted, const std::string& example) {
  if (!node.is_scalar()) {
    const std::string remedy =
        node.kind == ConfigNode::Kind::kNull ? "write a value or remove the key" : "write " + example;
    fault_wanted(node, key, reader, wanted, remedy);
    return std::nullopt;
  }
  const bool from_environment = node.text.find("${env:") != std::string::npos;
  std::optional<std::string> text = reader.expand(key, node);
  if (text && node.quoted && !from_environment) {
    fault_wanted(node, key, reader, wanted, "write it without quotes");
    return std::nullopt;
  }
  return text;
}

std::string range_words(Range range) {
  const std::string low = range.low_open ? "above " : "of at least ";
  const std::string high = range.high_open ? "below " : "at most ";
  if (std::isinf(range.low) && std::isinf(range.high)) return "a number";
  if (std::isinf(range.high)) return cat("a number ", low, shortest(range.low));
  if (std::isinf(range.low)) return cat("a number ", high, shortest(range.high));
  return cat("a number ", low, shortest(range.low), " and ", high, shortest(range.high));
}

bool read_integer(const ConfigNode& node, const std::string& key, ConfigReader& reader, int64_t low, int64_t high,
                  const std::string& words, int64_t& value) {
  const auto found =
      plain_scalar(node, key, reader, words, "an integer, for example " + cat(std::max<int64_t>(low, 1)));
  if (!found) return false;
  const std::string_view digits = split_sign(*found).rest;
  int64_t number = 0;
  if (all_digits(digits) && !has_leading_zero(digits)) {
    const char* begin = found->data() + ((*found)[0] == '+' ? 1 : 0);
    const auto end = std::from_chars(begin, found->data() + found->size(), number);
    if (end.ec == std::errc() && number >= low && number <= high) {
      value = number;
      return true;
    }
    const bool small = (*found)[0] == '-' || (end.ec == std::errc() && number < low);
    reader.fault(key, "config.range", cat("found ", describe(node), ", wanted ", words),
                 small ? cat("the smallest value is ", low) : cat("the largest value is ", high));
    return false;
  }
  std::string remedy = number_remedy(*found);
  if (remedy.empty() && split_decimal(*found)) {
    const double real = std::strtod(found->c_str(), nullptr);  // only to suggest; the program never sets a locale
    if (std::abs(real) < 1e15 && real == std::floor(real)) remedy = cat("write ", static_cast<int64_t>(real));
  }
  return fault_wanted(node, key, reader, words, remedy.empty() ? "write a whole number in digits" : remedy);
}

}  // namespace

bool fault_wanted(const ConfigNode& node, const std::string& key, ConfigReader& reader, const std::string& wanted,
                  const std::string& remedy) {
  reader.fault_at(node.place, key, "config.type", cat("found ", describe(node), ", wanted ", wanted), remedy);
  return false;
}

OrderedJson or_environment(OrderedJson schema) {
  const OrderedJson environment = {{"type", "string"}, {"pattern", "\\$\\{env:[^}]+\\}"}};
  return OrderedJson{{"anyOf", OrderedJson::array({std::move(schema), environment})}};
}

ConfigType<bool> boolean() {
  ConfigType<bool> type{"true or false", or_environment({{"type", "boolean"}}), {}, {}, {}};
  type.read = [](const ConfigNode& node, const std::string& key, ConfigReader& reader, bool& value) {
    const auto found = plain_scalar(node, key, reader, "true or false", "true or false");
    if (!found) return false;
    if (*found == "true" || *found == "false") {
      value = *found == "true";
      return true;
    }
    std::string small = *found;
    std::transform(small.begin(), small.end(), small.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
    const bool yes = small == "true" || small == "yes" || small == "on" || small == "1" || small == "y";
    const bool no = small == "false" || small == "no" || small == "off" || small == "0" || small == "n";
    return fault_wanted(node, key, reader, "true or false",
                        yes  ? "write true"
                        : no ? "write false"
                             : "write one of the two");
  };
  type.write = [](const bool& value) { return OrderedJson(value); };
  return type;
}

ConfigType<int64_t> integer(int64_t low, int64_t high) {
  const bool bounded = high != std::numeric_limits<int64_t>::max();
  ConfigType<int64_t> type;
  type.words = bounded ? cat("an integer from ", low, " to ", high) : cat("an integer of at least ", low);
  OrderedJson schema = {{"type", "integer"}, {"minimum", low}};
  if (bounded) schema["maximum"] = high;
  type.schema = or_environment(schema);
  type.read = [low, high, words = type.words](const ConfigNode& node, const std::string& key, ConfigReader& reader,
                                              int64_t& value) {
    return read_integer(node, key, reader, low, high, words, value);
  };
  type.write = [](const int64_t& value) { return OrderedJson(value); };
  return type;
}

ConfigType<int> fixed_integer(int wanted) {
  ConfigType<int> type{cat(wanted), {{"const", wanted}}, {}, {}, {}};
  type.read = [wanted](const ConfigNode& node, const std::string& key, ConfigReader& reader, int& value) {
    if (!node.is_scalar() || node.quoted || node.text != std::to_string(wanted)) {
      return fault_wanted(node, key, reader, cat(wanted),
                          cat("this program reads version ", wanted, " of the files; write ", wanted));
    }
    value = wanted;
    return true;
  };
  type.write = [](const int& value) { return OrderedJson(value); };
  return type;
}

ConfigType<uint64_t> natural() {
  ConfigType<uint64_t> type{
      "an integer of at least 0", or_environment({{"type", "integer"}, {"minimum", 0}}), {}, {}, {}};
  type.read = [](const ConfigNode& node, const std::string& key, ConfigReader& reader, uint64_t& value) {
    // The upper half of uint64_t does not pass through int64_t.
    if (node.is_scalar() && !node.quoted && all_digits(node.text) && !has_leading_zero(node.text)) {
      uint64_t number = 0;
      const auto end = std::from_chars(node.text.data(), node.text.data() + node.text.size(), number);
      if (end.ec == std::errc()) {
        value = number;
        return true;
      }
      reader.fault(key, "config.range", cat("found ", describe(node), ", wanted an integer of at least 0"),
                   cat("the largest value is ", std::numeric_limits<uint64_t>::max()));
      return false;
    }
    int64_t number = 0;
    if (!read_integer(node, key, reader, 0, std::numeric_limits<int64_t>::max(), "an integer of at least 0", number))
      return false;
    value = static_cast<uint64_t>(number);
    return true;
  };
  type.write = [](const uint64_t& value) { return OrderedJson(value); };
  return type;
}

ConfigType<int64_t> auto_or(int64_t low) {
  ConfigType<int64_t> type;
  type.words = cat("auto, or an integer of at least ", low);
  type.schema = or_environment({{"anyOf", {{{"const", "auto"}}, {{"type", "integer"}, {"minimum", low}}}}});
  type.read = [low, words = type.words](const ConfigNode& node, const std::string& key, ConfigReader& reader,
                                        int64_t& value) {
    if (node.is_scalar() && node.text == "auto") {
      value = 0;
      return true;
    }
    return read_integer(node, key, reader, low, std::numeric_limits<int64_t>::max(), words, value);
  };
  type.write = [](const int64_t& value) { return value == 0 ? OrderedJson("auto") : OrderedJson(value); };
  return type;
}

bool read_number(const ConfigNode& node, const std::string& key, ConfigReader& reader, double& value) {
  const auto found = plain_scalar(node, key, reader, "a number", "a number, for example 0.1");
  if (!found) return false;
  const std::optional<Decimal> decimal = split_decimal(*found);
  if (!decimal || has_leading_zero(decimal->whole)) {
    const std::string remedy = number_remedy(*found);
    return fault_wanted(node, key, reader, "a number",
                        remedy.empty() ? "write it in digits, for example 0.1 or 5e-5" : remedy);
  }
  const char* begin = found->data() + ((*found)[0] == '+' ? 1 : 0);
  double number = 0;
  const auto end = std::from_chars(begin, found->data() + found->size(), number);
  if (end.ec != std::errc() || !std::isfinite(number)) {
    return fault_wanted(node, key, reader, "a number that fits a double",
                        "write a magnitude between 1e-300 and 1e300, or 0");
  }
  value = number;
  return true;
}

ConfigType<double> number(Range range) {
  ConfigType<double> type;
  type.words = range_words(range);
  OrderedJson schema = {{"type", "number"}};
  if (!std::isinf(range.low)) schema[range.low_open ? "exclusiveMinimum" : "minimum"] = range.low;
  if (!std::isinf(range.high)) schema[range.high_open ? "exclusiveMaximum" : "maximum"] = range.high;
  type.schema = or_environment(schema);
  type.read = [range, words = type.words](const ConfigNode& node, const std::string& key, ConfigReader& reader,
                                          double& value) {
    double found = 0;
    if (!read_number(node, key, reader, found)) return false;
    const bool low = range.low_open ? found > range.low : found >= range.low;
    const bool high = range.high_open ? found < range.high : found <= range.high;
    if (!low || !high) {
      reader.fault(key, "config.range", cat("found ", describe(node), ", wanted ", words),
                   "choose a value in that range");
      return false;
    }
    value = found;
    return true;
  };
  type.write = [](const double& value) {
    // Whole numbers read better without ".0".
    const bool whole = std::abs(value) < 1e15 && value == std::floor(value);
    return whole ? OrderedJson(static_cast<int64_t>(value)) : OrderedJson(value);
  };
  return type;
}

ConfigType<std::pair<double, double>> interval() {
  ConfigType<std::pair<double, double>> type;
  type.words = "two numbers [low, high]";
  type.schema = {{"type", "array"}, {"items", {{"type", "number"}}}, {"minItems", 2}, {"maxItems", 2}};
  type.read = [](const ConfigNode& node, const std::string& key, ConfigReader& reader,
                 std::pair<double, double>& value) {
    if (!node.is_list() || node.items.size() != 2) {
      return fault_wanted(node, key, reader, "two numbers [low, high]", "write for example [-0.5, 0.5]");
    }
    double low = 0, high = 0;
    const bool first = read_number(node.items[0], key, reader, low);
    if (!first || !read_number(node.items[1], key, reader, high)) return false;
    if (!(low < high)) {
      reader.fault(
          key, "config.range", cat("found [", shortest(low), ", ", shortest(high), "], wanted low below high"),
          low > high ? cat("write [", shortest(high), ", ", shortest(low), "]") : "an empty interval holds nothing");
      return false;
    }
    value = {low, high};
    return true;
  };
  type.write = [](const std::pair<double, double>& value) { return OrderedJson::array({value.first, value.second}); };
  return type;
}

nlohmann::json to_raw_json(const ConfigNode& node, const std::string& key, ConfigReader& reader) {
  if (node.is_map()) {
    nlohmann::json map = nlohmann::json::object();
    for (const auto& entry : node.entries) map[entry.key] = to_raw_json(entry.value, join_key(key, entry.key), reader);
    return map;
  }
  if (node.is_list()) {
    nlohmann::json list = nlohmann::json::array();
    for (size_t i = 0; i < node.items.size(); ++i)
      list.push_back(to_raw_json(node.items[i], cat(key, "[", i, "]"), reader));
    return list;
  }
  if (node.kind == ConfigNode::Kind::kNull) return nullptr;
  const std::optional<std::string> found = reader.expand(key, node);
  if (!found) return nullptr;
  if (node.quoted) return *found;
  if (*found == "true" || *found == "false") return *found == "true";
  const auto decimal = split_decimal(*found);
  if (!decimal) return *found;
  if (has_leading_zero(decimal->whole)) {
    fault_wanted(node, key, reader, "a number without leading zeros", number_remedy(*found));
    return nullptr;
  }
  const char* begin = found->data() + ((*found)[0] == '+' ? 1 : 0);
  int64_t whole = 0;
  const auto end = std::from_chars(begin, found->data() + found->size(), whole);
  if (end.ec == std::errc() && end.ptr == found->data() + found->size()) return whole;
  double number = 0;
  if (!read_number(node, key, reader, number)) return nullptr;
  return number;
}

ConfigType<nlohmann::json> raw_map(std::string words) {
  ConfigType<nlohmann::json> type{std::move(words), {{"type", "object"}}, {}, {}, {}};
  type.read = [wanted = type.words](const ConfigNode& node, const std::string& key, ConfigReader& reader,
                                    nlohmann::json& value) {
    if (!node.is_map()) return fault_wanted(node, key, reader, wanted, "write {key: value}");
    const size_t before = reader.faults().all().size();
    nlohmann::json found = to_raw_json(node, key, reader);
    if (reader.faults().all().size() != before) return false;
    value = std::move(found);
    return true;
  };
  type.write = [](const nlohmann::json& value) {
    return value.is_null() || value.empty() ? OrderedJson() : OrderedJson::parse(value.dump());
  };
  return type;
}

}  // namespace broadsheet
