#include "data/importers/flat_object.h"

#include <simdjson.h>

#include <algorithm>
#include <string_view>
#include <vector>

namespace broadsheet {

struct FlatObjectReader::Parser {
  simdjson::dom::parser parser;
  std::vector<std::string_view> keys;  // of the line, in the parser's memory

  bool read_object(std::string& line, Document& document);
  bool read_field(std::string_view key, const simdjson::dom::element& value, Document& document);
};

namespace {

constexpr size_t kMostKeys = 64;  // beyond, comparing each with all others would show

bool has_nul(std::string_view text) {
  return text.find('\0') != std::string_view::npos;
}

}  // namespace

bool FlatObjectReader::Parser::read_field(std::string_view key, const simdjson::dom::element& value,
                                          Document& document) {
  using Type = simdjson::dom::element_type;
  if (has_nul(key) || keys.size() == kMostKeys || std::find(keys.begin(), keys.end(), key) != keys.end()) return false;
  keys.push_back(key);
  std::string text;
  switch (value.type()) {
    case Type::STRING:
      text = value.get_string().value_unsafe();
      if (has_nul(text)) return false;
      break;
    case Type::INT64:
      text = std::to_string(value.get_int64().value_unsafe());
      break;
    case Type::UINT64:
      text = std::to_string(value.get_uint64().value_unsafe());
      break;
    case Type::BOOL:
      text = value.get_bool().value_unsafe() ? "true" : "false";
      break;
    case Type::NULL_VALUE:
      return true;
    default:  // what is nested; and fractions, which are kept as they are written
      return false;
  }
  document.values.emplace(key, std::move(text));
  return true;
}

bool FlatObjectReader::Parser::read_object(std::string& line, Document& document) {
  keys.clear();
  line.reserve(line.size() + simdjson::SIMDJSON_PADDING);
  simdjson::dom::object object;
  if (parser.parse(line.data(), line.size(), /*realloc_if_needed=*/false).get(object) != simdjson::SUCCESS)
    return false;
  return std::all_of(object.begin(), object.end(),
                     [&](const auto& field) { return read_field(field.key, field.value, document); });
}

FlatObjectReader::FlatObjectReader() : parser_(std::make_unique<Parser>()) {}
FlatObjectReader::~FlatObjectReader() = default;
FlatObjectReader::FlatObjectReader(FlatObjectReader&&) noexcept = default;
FlatObjectReader& FlatObjectReader::operator=(FlatObjectReader&&) noexcept = default;

bool FlatObjectReader::read(std::string& line, Document& document) {
  if (parser_->read_object(line, document)) return true;
  document.values.clear();
  return false;
}

}  // namespace broadsheet
