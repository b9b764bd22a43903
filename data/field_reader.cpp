#include "data/field_reader.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <stdexcept>

#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

// std::regex recurses once per character: a longer value could exhaust the stack.
constexpr size_t kMaxPatternBytes = 2048;

bool is_name(const std::string& name) {
  const auto good = [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-'; };
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), good);
}

void order_bins(FieldReader::Field& field, Faults& faults) {
  std::vector<std::pair<std::pair<double, double>, std::string>> bins;
  for (const auto& [name, range] : field.config.bins) bins.emplace_back(range, name);
  std::sort(bins.begin(), bins.end());
  const std::string key = cat("fields.", field.name, ".bins");
  for (size_t i = 0; i < bins.size(); ++i) {
    const auto [low, high] = bins[i].first;
    if (!(low < high))
      faults.add({"corpus.bins",
                  {},
                  key,
                  cat("bin '", bins[i].second, "' is [", low, ", ", high, "]"),
                  "low must be below high"});
    if (i > 0 && low < bins[i - 1].first.second)
      faults.add({"corpus.bins",
                  {},
                  key,
                  cat("bins '", bins[i - 1].second, "' and '", bins[i].second, "' overlap"),
                  "a number must belong to one bin"});
    field.classes.push_back(bins[i].second);
    field.bin_edges.push_back(low);
    field.bin_edges.push_back(high);
  }
}

FieldReader::Field make_field(const std::string& name, const FieldConfig& config, Faults& faults) {
  FieldReader::Field field{name, config, {}, {}, {}, {}, {}};
  const std::string key = cat("fields.", name);
  if (!is_name(name))
    faults.add(
        {"corpus.field_name", {}, key, cat("'", name, "' is not a field's name"), "use letters, digits, _ and -"});
  if (!config.text_template.empty()) {
    try {
      field.form.emplace(config.text_template);
    } catch (const std::invalid_argument& error) {
      faults.add({"corpus.template",
                  {},
                  key + ".template",
                  cat("'", config.text_template, "' cannot be read: ", error.what()),
                  "write columns in braces"});
    }
  } else if (field.config.from.empty()) {
    field.config.from = name;
  }
  field.columns = field.form ? field.form->columns() : std::vector<std::string>{field.config.from};
  if (!config.pattern.empty()) {
    try {
      field.pattern.emplace(config.pattern, std::regex::ECMAScript | std::regex::optimize);
    } catch (const std::regex_error& error) {
      faults.add({"corpus.pattern",
                  {},
                  key + ".pattern",
                  cat("'", config.pattern, "' is not a regular expression (", error.what(), ")"),
                  "see ECMAScript regular expressions"});
    }
  }
  if (has_classes(config.kind)) {
    field.classes = config.values;
    if (!config.bins.empty()) {
      field.classes.clear();
      order_bins(field, faults);
    }
  }
  return field;
}

void check_split_fields(const FieldReader& reader, const SplitConfig& split, Faults& faults) {
  const auto want = [&](FieldKind kind) {
    const int index = reader.index_of(split.field);
    if (index < 0 || reader.fields()[static_cast<size_t>(index)].config.kind != kind)
      faults.add({"corpus.split",
                  {},
                  "split.field",
                  cat("'", split.field, "' is not a field of kind ", kind_name(kind)),
                  cat("declare one in fields:, or use another split.by")});
  };
  if (split.by == "group")
    want(FieldKind::kGroup);
  else if (split.by == "field")
    want(FieldKind::kSplit);
  else if (split.by == "time")
    want(FieldKind::kTime);
  else if (split.by == "stratified")
    want(FieldKind::kLabel);
  else if (split.by != "hash")
    faults.add({"corpus.split",
                {},
                "split.by",
                cat("'", split.by, "' is unknown"),
                "use hash, group, field, time or stratified"});
  if (!(split.validation >= 0 && split.test >= 0 && split.validation + split.test < 1))
    faults.add({"corpus.split",
                {},
                "split",
                cat("validation ", split.validation, " and test ", split.test, " leave nothing to train on"),
                "their sum must be below 1"});
}

std::string normal_split(std::string_view text) {
  std::string name(trim(text));
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  if (name == "train" || name == "training") return "train";
  for (const char* other : {"validation", "valid", "val", "dev"})
    if (name == other) return "validation";
  if (name == "test" || name == "testing") return "test";
  return "";
}

// The values of a list that is written as one text: between `separator`s or, when that is empty, white space.
std::vector<std::string> cut_list(std::string_view text, std::string_view separator) {
  constexpr std::string_view kSpaces = " \t\r\n";
  std::vector<std::string> items;
  while (true) {
    const size_t end = separator.empty() ? text.find_first_of(kSpaces) : text.find(separator);
    items.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return items;
    text.remove_prefix(end + (separator.empty() ? 1 : separator.size()));
  }
}

bool read_digits(std::string_view& text, size_t count, int& value) {
  if (text.size() < count) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + count, value);
  if (error != std::errc() || end != text.data() + count || text[0] == '-') return false;
  text.remove_prefix(count);
  return true;
}

bool skip(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text[0]) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

// "[:SS[.fff]][Z|+hh[:]mm]" after hours and minutes; seconds, or nothing.
std::optional<double> parse_clock(std::string_view text) {
  int hour = 0, minute = 0, second = 0;
  double fraction = 0;
  if (!read_digits(text, 2, hour) || !skip(text, ":") || !read_digits(text, 2, minute)) return std::nullopt;
  if (skip(text, ":")) {
    if (!read_digits(text, 2, second)) return std::nullopt;
    if (skip(text, ".,")) {
      double scale = 0.1;
      for (; !text.empty() && std::isdigit(static_cast<unsigned char>(text[0])); text.remove_prefix(1), scale /= 10)
        fraction += scale * (text[0] - '0');
    }
  }
  if (hour > 23 || minute > 59 || second > 60) return std::nullopt;
  double seconds = hour * 3600 + minute * 60 + second + fraction;
  if (skip(text, "Zz") || text.empty()) return text.empty() ? std::optional(seconds) : std::nullopt;
  const char sign = text[0];
  int zone_hour = 0, zone_minute = 0;
  if (!skip(text, "+-") || !read_digits(text, 2, zone_hour)) return std::nullopt;
  skip(text, ":");
  if (!text.empty() && !read_digits(text, 2, zone_minute)) return std::nullopt;
  if (!text.empty() || zone_hour > 14 || zone_minute > 59) return std::nullopt;
  const double offset = zone_hour * 3600 + zone_minute * 60;
  return sign == '+' ? seconds - offset : seconds + offset;
}

}  // namespace

bool is_string_kind(FieldKind kind) {
  return kind == FieldKind::kId || kind == FieldKind::kGroup || kind == FieldKind::kCategory ||
         kind == FieldKind::kSplit;
}

bool is_list_kind(FieldKind kind) {
  return kind == FieldKind::kLabels || kind == FieldKind::kTags || kind == FieldKind::kList;
}

bool has_offsets(FieldKind kind) {
  return kind == FieldKind::kText || is_string_kind(kind) || is_list_kind(kind);
}

bool has_classes(FieldKind kind) {
  return kind == FieldKind::kLabel || kind == FieldKind::kLabels || kind == FieldKind::kTags;
}

bool is_number_kind(FieldKind kind) {
  return kind == FieldKind::kScore || kind == FieldKind::kNumber || kind == FieldKind::kTime;
}

const char* kind_name(FieldKind kind) {
  constexpr std::array<const char*, 12> kNames = {"id",     "text",     "label", "labels", "tags",  "score",
                                                  "number", "category", "group", "time",   "split", "list"};
  return kNames[static_cast<size_t>(kind)];
}

std::optional<double> parse_number(std::string_view text) {
  text = trim(text);
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(number)) return std::nullopt;
  return number;
}

std::optional<double> parse_time(std::string_view text) {
  text = trim(text);
  const std::string_view whole = text;
  int year = 0, month = 0, day = 0;
  bool date = false;
  if (read_digits(text, 4, year)) {
    const bool separated = skip(text, "-/");
    date = read_digits(text, 2, month) && (!separated || skip(text, "-/")) && read_digits(text, 2, day) &&
           (separated || text.empty());
  }
  if (!date) return parse_number(whole);
  const std::chrono::year_month_day civil{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                          std::chrono::day(static_cast<unsigned>(day))};
  if (!civil.ok()) return std::nullopt;
  const double midnight = 86400.0 * static_cast<double>(std::chrono::sys_days(civil).time_since_epoch().count());
  if (text.empty()) return midnight;
  if (!skip(text, "Tt ")) return std::nullopt;
  const std::optional<double> clock = parse_clock(text);
  return clock ? std::optional(midnight + *clock) : std::nullopt;
}

FieldReader::FieldReader(const CorpusConfig& config) {
  Faults faults;
  for (const auto& [name, field] : config.fields) fields_.push_back(make_field(name, field, faults));
  const auto is_text = [](const Field& field) { return field.config.kind == FieldKind::kText; };
  if (std::none_of(fields_.begin(), fields_.end(), is_text))
    faults.add(
        {"corpus.no_text", {}, "fields", "no field of kind text", "declare one: text: {from: COLUMN, kind: text}"});
  check_split_fields(*this, config.split, faults);
  faults.throw_if_any();
}

int FieldReader::index_of(const std::string& name) const {
  for (size_t i = 0; i < fields_.size(); ++i)
    if (fields_[i].name == name) return static_cast<int>(i);
  return -1;
}

// None: a column is missing, and the field is optional. Of a template's columns any may be missing then.
std::optional<Rejection> FieldReader::find_text(const Field& field, const Document& document,
                                                std::optional<std::string>& text) const {
  std::vector<std::string_view> values;
  bool some = false;
  for (const std::string& column : field.columns) {
    if (document.nested.count(column) > 0)
      return Rejection{"wrong_type", cat("field ", field.name, " is an object or a list, wanted one value")};
    const auto found = document.values.find(column);
    if (found == document.values.end() && !field.config.optional)
      return Rejection{"missing_field", cat("field ", field.name, " has no value (from: ", column, ")")};
    values.push_back(found == document.values.end() ? std::string_view() : std::string_view(found->second));
    some = some || found != document.values.end();
  }
  if (!field.form && some) text = values[0];
  // Without a value in any column there is nothing but what stands between them.
  const auto is_blank = [](std::string_view value) { return trim(value).empty(); };
  if (field.form && some && std::all_of(values.begin(), values.end(), is_blank))
    text = "";
  else if (field.form && some)
    text = trim(field.form->fill(values));
  return std::nullopt;
}

std::optional<Rejection> FieldReader::read(const Document& document, Row& row) const {
  row.assign(fields_.size(), Value());
  for (size_t i = 0; i < fields_.size(); ++i) {
    const Field& field = fields_[i];
    if (is_list_kind(field.config.kind)) {
      if (auto rejection = read_list(field, document, row[i])) return rejection;
      continue;
    }
    std::optional<std::string> text;
    if (auto rejection = find_text(field, document, text)) return rejection;
    const bool is_text = field.config.kind == FieldKind::kText;
    if (!text || (!is_text && trim(*text).empty())) {
      if (field.config.optional) continue;
      return Rejection{"missing_field",
                       cat("field ", field.name, " has no value (from: ", join(field.columns, ", "), ")")};
    }
    if (auto rejection = read_field(field, *text, row[i])) return rejection;
  }
  return std::nullopt;
}

// A JSON array, or a text that is cut where `separator` says. An empty list is a value like any other.
std::optional<Rejection> FieldReader::read_list(const Field& field, const Document& document, Value& value) {
  const std::string& column = field.config.from;
  if (const auto list = document.lists.find(column); list != document.lists.end()) {
    value.items = list->second;
  } else if (document.nested.count(column) > 0) {
    return Rejection{"wrong_type",
                     cat("field ", field.name, " is an object or a list of them, wanted a list of values")};
  } else if (const auto text = document.values.find(column); text != document.values.end()) {
    value.items = cut_list(text->second, field.config.separator);
  } else if (!field.config.optional) {
    return Rejection{"missing_field", cat("field ", field.name, " has no value (from: ", column, ")")};
  }
  for (std::string& item : value.items) item = std::string(trim(item));
  std::erase(value.items, "");
  if (field.config.kind == FieldKind::kLabels) {  // a set
    std::sort(value.items.begin(), value.items.end());
    value.items.erase(std::unique(value.items.begin(), value.items.end()), value.items.end());
  }
  if (field.classes.empty()) return std::nullopt;
  for (const std::string& item : value.items) {
    const auto found = std::find(field.classes.begin(), field.classes.end(), item);
    if (found == field.classes.end())
      return Rejection{"unknown_label", cat("field ", field.name, ": none of its ", field.classes.size(), " classes")};
    value.labels.push_back(static_cast<int32_t>(found - field.classes.begin()));
  }
  if (field.config.kind == FieldKind::kLabels) std::sort(value.labels.begin(), value.labels.end());
  return std::nullopt;
}

std::optional<Rejection> FieldReader::read_field(const Field& field, const std::string& text, Value& value) const {
  const std::string place = cat("field ", field.name);
  std::string_view trimmed = trim(text);
  std::string captured;
  if (field.pattern) {
    std::smatch match;
    if (trimmed.size() > kMaxPatternBytes) return Rejection{"too_long_for_pattern", place};
    captured = std::string(trimmed);
    const std::string subject = captured;
    if (!std::regex_search(subject, match, *field.pattern))
      return Rejection{"no_match", cat(place, ": its pattern matches nothing")};
    captured = match.size() > 1 ? match[1].str() : match[0].str();
    if (captured.empty()) return Rejection{"no_match", cat(place, ": its pattern matches an empty text")};
    trimmed = captured;
  }
  switch (field.config.kind) {
    case FieldKind::kText:
      if (trimmed.empty() && !field.config.optional) return Rejection{"empty_text", place};
      value.text = field.pattern ? captured : text;
      break;
    case FieldKind::kLabel: {
      if (!field.bin_edges.empty()) {
        const std::optional<double> number = parse_number(trimmed);
        if (!number) return Rejection{"not_a_number", place};
        for (size_t bin = 0; bin < field.classes.size() && value.label == kNoClass; ++bin) {
          const double low = field.bin_edges[2 * bin], high = field.bin_edges[2 * bin + 1];
          const bool last = bin + 1 == field.classes.size();
          if (*number >= low && (*number < high || (last && *number == high))) value.label = static_cast<int32_t>(bin);
        }
        if (value.label == kNoClass) return Rejection{"outside_bins", place};
        value.text = field.classes[static_cast<size_t>(value.label)];
        break;
      }
      value.text = std::string(trimmed);
      if (field.classes.empty()) break;  // classes are those found
      const auto found = std::find(field.classes.begin(), field.classes.end(), value.text);
      if (found == field.classes.end())
        return Rejection{"unknown_label", cat(place, ": none of its ", field.classes.size(), " classes")};
      value.label = static_cast<int32_t>(found - field.classes.begin());
      break;
    }
    case FieldKind::kSplit:
      value.text = normal_split(trimmed);
      if (value.text.empty()) return Rejection{"unknown_split", cat(place, ": wanted train, validation or test")};
      break;
    case FieldKind::kScore:
    case FieldKind::kNumber:
    case FieldKind::kTime: {
      const std::optional<double> number =
          field.config.kind == FieldKind::kTime ? parse_time(trimmed) : parse_number(trimmed);
      if (!number) return Rejection{field.config.kind == FieldKind::kTime ? "not_a_time" : "not_a_number", place};
      value.number = *number;
      break;
    }
    default:
      value.text = std::string(trimmed);
  }
  return std::nullopt;
}

}  // namespace broadsheet
