// FieldReader: Document -> Row, the values of the declared fields, converted and checked.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <regex>
#include <string>
#include <vector>

#include "data/corpus_config.h"
#include "data/document.h"
#include "data/field_template.h"

namespace broadsheet {

// The class of a missing label, and of a label whose classes are not known yet.
inline constexpr int32_t kNoClass = -1;

struct Value {
  std::string text;  // text, id, group, category, split; label: the name of the class, or empty
  double number = std::numeric_limits<double>::quiet_NaN();  // score, number, time (seconds since 1970, UTC)
  int32_t label = kNoClass;
  std::vector<std::string> items;  // list; labels, tags: the names of the classes
  std::vector<int32_t> labels;     // labels, tags with declared classes: those of the items
};
using Row = std::vector<Value>;  // one per field, in the order of FieldReader::fields()

class FieldReader {
 public:
  struct Field {
    std::string name;
    FieldConfig config;
    std::vector<std::string> classes;  // label with declared classes
    std::vector<double> bin_edges;     // label with bins: low, high, low, high, ... by class
    std::optional<std::regex> pattern;
    std::optional<FieldTemplate> form;  // instead of `from`
    std::vector<std::string> columns;   // that its value is made of
  };

  // Throws UserError with every fault: no text field, kinds not in this version, broken patterns, overlapping bins,
  // a split field that does not exist.
  explicit FieldReader(const CorpusConfig& config);

  const std::vector<Field>& fields() const { return fields_; }
  // The position of a field, or -1.
  int index_of(const std::string& name) const;

  // Fills `row`, or returns why the document is set aside.
  std::optional<Rejection> read(const Document& document, Row& row) const;

 private:
  std::optional<Rejection> find_text(const Field& field, const Document& document,
                                     std::optional<std::string>& text) const;
  static std::optional<Rejection> read_list(const Field& field, const Document& document, Value& value);
  std::optional<Rejection> read_field(const Field& field, const std::string& text, Value& value) const;

  std::vector<Field> fields_;
};

// Seconds since 1970-01-01 UTC of "2020-01-31", "2020-01-31T12:30:00+01:00", "20200131" or a number of seconds.
std::optional<double> parse_time(std::string_view text);
// A finite decimal number and nothing else.
std::optional<double> parse_number(std::string_view text);

// True for the kinds whose values are bytes in the shard: id, group, category, split.
bool is_string_kind(FieldKind kind);
// True for the kinds of which a document may have any number of values: labels, tags, list.
bool is_list_kind(FieldKind kind);
// True for the kinds whose values have a length of their own: text, strings and lists.
bool has_offsets(FieldKind kind);
// True for the kinds whose values are ids of classes: label, labels, tags.
bool has_classes(FieldKind kind);
// True for score, number, time.
bool is_number_kind(FieldKind kind);
const char* kind_name(FieldKind kind);

}  // namespace broadsheet
