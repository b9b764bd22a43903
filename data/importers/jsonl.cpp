#include <nlohmann/json.hpp>

#include "core/text.h"
#include "data/importers/flat_object.h"
#include "data/importers/formats.h"

namespace broadsheet {
namespace {

constexpr int kMostLevels = 100;

// Collects the scalar values of the outermost object without building a tree, so that depth and size cost nothing.
class ObjectReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit ObjectReader(Record& record) : record_(record) {}

  bool null() override { return scalar(nullptr); }
  bool boolean(bool value) override {
    const std::string text = value ? "true" : "false";
    return scalar(&text);
  }
  bool number_integer(number_integer_t value) override {
    const std::string text = std::to_string(value);
    return scalar(&text);
  }
  bool number_unsigned(number_unsigned_t value) override {
    const std::string text = std::to_string(value);
    return scalar(&text);
  }
  bool number_float(number_float_t, const string_t& text) override { return scalar(&text); }
  bool string(string_t& text) override {
    if ((depth_ == 1 || list_ != nullptr) && text.find('\0') != std::string::npos)
      return fail("nul_byte", "in a value");
    return scalar(&text);
  }
  bool binary(binary_t&) override { return false; }
  bool start_object(size_t) override { return begin(true); }
  bool start_array(size_t) override { return begin(false); }
  bool end_object() override { return end(); }
  bool end_array() override { return end(); }
  bool key(string_t& name) override {
    if (depth_ != 1) return true;
    key_ = name;
    if (key_.find('\0') != std::string::npos) return fail("nul_byte", "in a key");
    if (!keys_.insert(key_).second) return fail("duplicate_key", "");
    return true;
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception&) override {
    return fail("bad_json", cat("at byte ", position, " of the line"));
  }

 private:
  bool fail(const char* code, std::string detail) {
    if (!record_.rejected) reject(record_, code, std::move(detail));
    return false;
  }
  bool scalar(const std::string* text) {
    if (depth_ == 0) return fail("not_an_object", "");
    if (depth_ == 1 && text) record_.document.values[key_] = *text;
    if (list_ != nullptr && text) list_->push_back(*text);
    return true;
  }
  bool begin(bool object) {
    if (depth_ == 0 && !object) return fail("not_an_object", "");
    if (depth_ == 1) record_.document.nested.insert(key_);
    if (list_ != nullptr) {  // of values alone it is not
      record_.document.lists.erase(key_);
      list_ = nullptr;
    } else if (depth_ == 1 && !object) {
      list_ = &record_.document.lists[key_];
    }
    if (++depth_ > kMostLevels) return fail("too_deep", cat("nested more than ", kMostLevels, " levels"));
    return true;
  }
  bool end() {
    --depth_;
    list_ = nullptr;
    return true;
  }

  Record& record_;
  std::string key_;
  std::set<std::string> keys_;
  int depth_ = 0;
  std::vector<std::string>* list_ = nullptr;  // that is being read
};

class JsonlImporter : public LineImporter {
 public:
  using LineImporter::LineImporter;

 protected:
  void read(Line& line, Record& record) override {
    if (flat_.read(line.text, record.document)) return;
    ObjectReader handler(record);
    const bool whole = nlohmann::json::sax_parse(line.text, &handler);
    if (!whole && !record.rejected) reject(record, "bad_json");
  }

 private:
  FlatObjectReader flat_;
};

}  // namespace

std::unique_ptr<Importer> open_jsonl(LineReader reader, int32_t file_number) {
  return std::make_unique<JsonlImporter>(std::move(reader), file_number);
}

}  // namespace broadsheet
