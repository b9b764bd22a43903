#include "checkpoints/json_file.h"

#include <set>
#include <vector>

#include "core/durable.h"
#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

using nlohmann::json;

// Runs ahead of the DOM parser: nothing is built before depth and keys are known to be harmless.
class Guard : public nlohmann::json_sax<json> {
 public:
  explicit Guard(int max_depth) : max_depth_(max_depth) {}
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(size_t) override {
    keys_.emplace_back();
    return enter();
  }
  bool end_object() override {
    keys_.pop_back();
    --depth_;
    return true;
  }
  bool start_array(size_t) override { return enter(); }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool key(string_t& name) override {
    if (keys_.back().insert(name).second) return true;
    fault_ = cat("the key \"", printable(name), "\" stands twice in one object");
    return false;
  }
  bool parse_error(size_t position, const std::string&, const json::exception&) override {
    fault_ = cat("no valid JSON at byte ", position);
    return false;
  }
  const std::string& fault() const { return fault_; }

 private:
  bool enter() {
    if (++depth_ <= max_depth_) return true;
    fault_ = cat("nested deeper than ", max_depth_, " levels");
    return false;
  }
  int max_depth_, depth_ = 0;
  std::vector<std::set<std::string>> keys_;
  std::string fault_;
};

[[noreturn]] void refuse_json(const std::string& path, const std::string& code, std::string what) {
  throw UserError(Fault{code, {path}, "", std::move(what), "replace the file by a good copy"});
}

}  // namespace

json parse_json_object(std::string_view text, const std::string& path, const std::string& code, int max_depth) {
  // The parser takes a NUL for the end, which would hide what follows it.
  if (text.find('\0') != std::string_view::npos) refuse_json(path, code, "holds a NUL byte");
  Guard guard(max_depth);
  if (!json::sax_parse(text.begin(), text.end(), &guard)) refuse_json(path, code, guard.fault());
  json value = json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!value.is_object()) refuse_json(path, code, cat("holds a JSON ", value.type_name(), ", wanted an object"));
  return value;
}

json read_json_object(const std::string& path, const std::string& code, uint64_t max_bytes, int max_depth) {
  std::string text;
  try {
    text = read_file(path, max_bytes);
  } catch (const RunError& error) {
    throw UserError(code, error.faults().front().what, "check the path and the file's permissions");
  }
  return parse_json_object(text, path, code, max_depth);
}

bool is_plain_file_name(std::string_view name) {
  if (name.empty() || name.size() > 255 || name == "." || name == "..") return false;
  for (const char byte : name) {
    const auto value = static_cast<unsigned char>(byte);
    if (byte == '/' || value < 0x20 || value == 0x7F) return false;
  }
  return is_utf8(name);
}

std::string shell_quoted(std::string_view text) {
  std::string out = "'";
  for (const char byte : text) {
    if (byte == '\'') {
      out += "'\\''";
    } else {
      out += byte;
    }
  }
  return out + "'";
}

}  // namespace broadsheet
