// CLUENER's own JSON lines (Xu et al. 2020): {"text": "...", "label": {TYPE: {NAME: [[first, last], ...]}}}, places in
// characters, the last one included. The columns are those of a JSON object, and of the names "characters" and "tags",
// two lists of equal length: B-TYPE begins a name, I-TYPE goes on with it, O is none.
#include <nlohmann/json.hpp>

#include "core/text.h"
#include "data/importers/formats.h"
#include "data/tokenizers/unicode.h"

namespace broadsheet {
namespace {

constexpr int kDeepest = 8;  // of a well-formed line: 4

std::vector<std::string> characters_in(std::string_view text) {
  std::vector<std::string> characters;
  for (size_t position = 0; position < text.size();) {
    const size_t begin = position;
    next_code_point(text, position);
    characters.emplace_back(text.substr(begin, position - begin));
  }
  return characters;
}

// Why `name` does not lie at `place`; empty: it has its tags now.
std::string tag_name(const std::string& type, const std::string& name, const nlohmann::json& place,
                     const std::vector<std::string>& characters, std::vector<std::string>& tags) {
  const bool pair =
      place.is_array() && place.size() == 2 && place[0].is_number_unsigned() && place[1].is_number_unsigned();
  if (!pair) return cat("label: ", printable(name), ": wanted [first, last], found ", printable(place.dump()));
  const auto first = place[0].get<uint64_t>(), last = place[1].get<uint64_t>();
  if (first > last || last >= characters.size())
    return cat("label: ", printable(name), ": ", first, " to ", last, " of ", characters.size(), " characters");
  std::string found;
  for (uint64_t at = first; at <= last; ++at) found += characters[at];
  if (found != name) return cat("label: wanted ", printable(name), " at ", first, ", found ", printable(found));
  for (uint64_t at = first; at <= last; ++at) {
    if (tags[at] != "O") return "";  // inside another name: one tag for each character
  }
  for (uint64_t at = first; at <= last; ++at) tags[at] = cat(at == first ? "B-" : "I-", type);
  return "";
}

std::string tag_all(const nlohmann::json& label, const std::vector<std::string>& characters,
                    std::vector<std::string>& tags) {
  if (!label.is_object()) return "label: wanted an object";
  for (const auto& [type, names] : label.items()) {
    if (!names.is_object()) return cat("label: ", printable(type), ": wanted an object");
    for (const auto& [name, places] : names.items()) {
      for (const nlohmann::json& place : places) {
        std::string fault = tag_name(type, name, place, characters, tags);
        if (!fault.empty()) return fault;
      }
    }
  }
  return "";
}

void read_names(const std::string& line, Record& record) {
  bool deep = false;
  const auto watch = [&](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    deep = deep || depth > kDeepest;
    return depth <= kDeepest;
  };
  const nlohmann::json object = nlohmann::json::parse(line, watch, /*allow_exceptions=*/false);
  if (deep) return reject(record, "too_deep", cat("nested more than ", kDeepest, " levels"));
  if (object.is_discarded()) return reject(record, "bad_json");
  if (!object.is_object()) return reject(record, "not_an_object");
  Document& document = record.document;
  for (const auto& [key, value] : object.items()) {
    if (value.is_string()) {
      document.values[key] = value.get<std::string>();
    } else if (value.is_primitive() && !value.is_null()) {
      document.values[key] = value.dump();
    }
  }
  const auto text = document.values.find("text");
  if (text == document.values.end()) return reject(record, "no_text", "a line of names needs text");
  if (text->second.find('\0') != std::string::npos) return reject(record, "nul_byte", "in a value");
  const std::vector<std::string> characters = characters_in(text->second);
  std::vector<std::string> tags(characters.size(), "O");
  const auto label = object.find("label");
  const std::string fault = label == object.end() ? "no label" : tag_all(*label, characters, tags);
  if (!fault.empty()) return reject(record, "bad_names", fault);
  document.lists["characters"] = characters;
  document.lists["tags"] = std::move(tags);
  for (const char* list : {"characters", "tags"}) document.nested.insert(list);
}

class NameSpansImporter : public LineImporter {
 public:
  using LineImporter::LineImporter;

 protected:
  void read(Line& line, Record& record) override { read_names(line.text, record); }
};

}  // namespace

std::unique_ptr<Importer> open_name_spans(LineReader reader, int32_t file_number) {
  return std::make_unique<NameSpansImporter>(std::move(reader), file_number);
}

}  // namespace broadsheet
