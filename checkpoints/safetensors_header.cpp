#include "checkpoints/safetensors_header.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <set>

#include "checkpoints/json_file.h"
#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

using nlohmann::json;

constexpr size_t kMaxDimensions = 64;
constexpr int kMaxDepth = 127;  // of the reference implementation's JSON reader

std::optional<DType> dtype_named(std::string_view name) {
  for (int i = 0; i < kDTypeCount; ++i) {
    if (name == dtype_name(static_cast<DType>(i))) return static_cast<DType>(i);
  }
  return std::nullopt;
}

// The header has one shape only, so it is read by a small state machine and never becomes a tree: memory stays in
// proportion to the header, however it nests.
class HeaderReader : public nlohmann::json_sax<json> {
 public:
  bool start_object(size_t) override {
    if (unknown_) return enter();
    if (depth_ == 0 && !inside_list_) {
      depth_ = 1;
      return true;
    }
    if (depth_ != 1 || inside_list_) return fail("safetensors.header", "an object where a value was wanted");
    depth_ = 2;
    if (name_ == "__metadata__") {
      inside_metadata_ = true;
    } else {
      entry_ = HeaderEntry{};
      entry_.name = name_;
      seen_.clear();
      offsets_.clear();
    }
    return true;
  }

  bool end_object() override {
    --depth_;
    if (depth_ >= 2) return true;
    if (depth_ == 0) return true;
    if (inside_metadata_) {
      inside_metadata_ = false;
      return true;
    }
    unknown_ = false;
    for (const char* field : {"dtype", "shape", "data_offsets"}) {
      if (seen_.count(field) == 0) return fail("safetensors.field", cat("\"", field, "\" is missing"));
    }
    if (offsets_.size() != 2) {
      return fail("safetensors.offsets", cat("data_offsets has ", offsets_.size(), " numbers, wanted 2"));
    }
    entry_.begin = offsets_[0];
    entry_.end = offsets_[1];
    header_.entries.push_back(std::move(entry_));
    return true;
  }

  bool key(string_t& name) override {
    if (depth_ == 1) {
      name_ = name;
      return names_.insert(name).second || fail("safetensors.duplicate", "stands twice in the header");
    }
    if (depth_ > 2) return true;
    if (inside_metadata_) {
      field_ = name;
      if (header_.metadata.count(name) != 0) {
        return fail("safetensors.duplicate", cat("the key \"", printable(name), "\" stands twice"));
      }
      return true;
    }
    field_ = name;
    unknown_ = field_ != "dtype" && field_ != "shape" && field_ != "data_offsets";
    return seen_.insert(name).second || fail("safetensors.duplicate", cat("\"", printable(name), "\" stands twice"));
  }

  bool start_array(size_t) override {
    if (unknown_) return enter();
    if (depth_ != 2 || inside_metadata_ || inside_list_ || field_ == "dtype") {
      return fail("safetensors.header", "a list where a value was wanted");
    }
    inside_list_ = true;
    return true;
  }
  bool end_array() override {
    if (unknown_) --depth_;
    inside_list_ = false;
    return true;
  }

  bool string(string_t& value) override {
    if (unknown_) return true;
    if (depth_ == 2 && inside_metadata_) {
      header_.metadata.emplace(field_, std::move(value));
      return true;
    }
    if (depth_ != 2 || inside_list_ || field_ != "dtype") return wrong_kind("a text");
    const std::optional<DType> dtype = dtype_named(value);
    if (!dtype) return fail("safetensors.dtype", cat("dtype \"", printable(value), "\" is none of the format's"));
    entry_.dtype = *dtype;
    return true;
  }

  bool number_unsigned(number_unsigned_t value) override {
    if (unknown_) return true;
    if (!inside_list_) return wrong_kind("a number");
    if (field_ == "data_offsets") {
      if (offsets_.size() == 2) return fail("safetensors.offsets", "data_offsets has more than 2 numbers");
      offsets_.push_back(value);
      return true;
    }
    if (entry_.shape.size() == kMaxDimensions) {
      return fail("safetensors.shape", cat("more than ", kMaxDimensions, " dimensions"));
    }
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return fail("safetensors.shape", cat("dimension ", value, " is too large"));
    }
    entry_.shape.push_back(static_cast<int64_t>(value));
    return true;
  }

  bool number_integer(number_integer_t value) override { return wrong_kind(cat("the number ", value)); }
  bool number_float(number_float_t, const string_t& text) override {
    return wrong_kind(cat("the number ", printable(text)));
  }
  bool null() override { return wrong_kind("null"); }
  bool boolean(bool) override { return wrong_kind("a truth value"); }
  bool binary(binary_t&) override { return wrong_kind("bytes"); }
  bool parse_error(size_t position, const std::string&, const json::exception&) override {
    name_.clear();
    return fail("safetensors.header", cat("the header is no valid JSON at its byte ", position));
  }

  SafetensorsHeader take() { return std::move(header_); }
  const std::string& code() const { return code_; }
  std::string fault() const { return name_.empty() ? fault_ : cat("tensor \"", printable(name_), "\": ", fault_); }

 private:
  // Fields that the format does not name are passed over, as the reference implementation does.
  bool enter() {
    return ++depth_ <= kMaxDepth || fail("safetensors.header", cat("nested deeper than ", kMaxDepth, " levels"));
  }
  bool fail(const char* code, std::string what) {
    code_ = code;
    fault_ = std::move(what);
    return false;
  }
  bool wrong_kind(const std::string& found) {
    if (unknown_) return true;
    if (depth_ == 0) return fail("safetensors.header", cat("the header is ", found, ", wanted an object"));
    const char* wanted = "an object of dtype, shape and data_offsets";
    if (depth_ == 1 && name_ == "__metadata__") wanted = "an object of texts";
    if (depth_ == 2) wanted = inside_metadata_ ? "a text" : field_ == "dtype" ? "a text" : "a list of sizes";
    return fail("safetensors.field",
                cat(depth_ == 2 ? printable(field_) + " is or holds " : "", found, ", wanted ", wanted));
  }

  SafetensorsHeader header_;
  HeaderEntry entry_;
  std::vector<uint64_t> offsets_;
  std::string name_, field_, code_, fault_;
  std::set<std::string> names_, seen_;
  int depth_ = 0;
  bool inside_metadata_ = false, inside_list_ = false, unknown_ = false;
};

[[noreturn]] void refuse_header(const std::string& path, const char* code, std::string what) {
  throw UserError(Fault{code, {path}, "", std::move(what), "the file is damaged or not safetensors: fetch it again"});
}

std::string range_text(const HeaderEntry& entry) {
  return cat("tensor \"", printable(entry.name), "\" at bytes ", entry.begin, " to ", entry.end);
}

// Everything 64-bit and checked: a product that wraps must not look like a fitting length.
void check_entry(const HeaderEntry& entry, uint64_t data_size, const std::string& path) {
  if (entry.begin > entry.end)
    refuse_header(path, "safetensors.offsets", range_text(entry) + ": the end is before the start");
  if (entry.end > data_size) {
    refuse_header(path, "safetensors.offsets",
                  cat(range_text(entry), ": the file has only ", data_size, " bytes of data"));
  }
  // In the order of the shape, as the reference implementation: [0, 2^40, 2^40] is empty, [2^40, 2^40, 0] overflows.
  uint64_t bits = 1;
  bool overflows = false;
  for (const int64_t dimension : entry.shape) {
    overflows = overflows || __builtin_mul_overflow(bits, static_cast<uint64_t>(dimension), &bits);
  }
  if (overflows || __builtin_mul_overflow(bits, item_bits(entry.dtype), &bits)) {
    refuse_header(path, "safetensors.shape", range_text(entry) + ": the product of its shape overflows 64 bits");
  }
  if (bits % 8 != 0) refuse_header(path, "safetensors.shape", range_text(entry) + ": its last item ends inside a byte");
  const uint64_t bytes = bits / 8;
  if (bytes != entry.end - entry.begin) {
    refuse_header(
        path, "safetensors.shape",
        cat(range_text(entry), ": shape and dtype make ", bytes, " bytes, the range has ", entry.end - entry.begin));
  }
}

void check_coverage(const std::vector<HeaderEntry>& entries, uint64_t data_size, const std::string& path) {
  std::vector<size_t> order(entries.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::pair(entries[a].begin, entries[a].end) < std::pair(entries[b].begin, entries[b].end);
  });
  uint64_t covered = 0;
  for (const size_t i : order) {
    const HeaderEntry& entry = entries[i];
    if (entry.begin < covered)
      refuse_header(path, "safetensors.overlap", range_text(entry) + " overlaps another tensor");
    if (entry.begin > covered) {
      refuse_header(path, "safetensors.hole",
                    cat("bytes ", covered, " to ", entry.begin, " before ", range_text(entry), " belong to no tensor"));
    }
    covered = entry.end;
  }
  if (covered != data_size) {
    refuse_header(path, "safetensors.trailing",
                  cat(data_size - covered, " bytes after the last tensor belong to none"));
  }
}

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view text, uint64_t data_size, const std::string& path) {
  if (text.empty() || text.front() != '{')
    refuse_header(path, "safetensors.header", "the header does not begin with \"{\"");
  // The JSON reader takes a NUL for the end, which would hide what follows it.
  if (text.find('\0') != std::string_view::npos)
    refuse_header(path, "safetensors.header", "the header holds a NUL byte");
  HeaderReader reader;
  if (!json::sax_parse(text.begin(), text.end(), &reader)) {
    refuse_header(path, reader.code().empty() ? "safetensors.header" : reader.code().c_str(), reader.fault());
  }
  SafetensorsHeader header = reader.take();
  for (const HeaderEntry& entry : header.entries) check_entry(entry, data_size, path);
  check_coverage(header.entries, data_size, path);
  return header;
}

std::string pickle_kind(std::string_view start) {
  // A safetensors header of 640 bytes begins like a pickle; the "{" after the eight bytes of its size tells them apart.
  if (start.size() > 8 && start[8] == '{' && start.substr(4, 4) == std::string_view("\0\0\0\0", 4)) return "";
  if (starts_with(start, "PK\x03\x04") || starts_with(start, "PK\x05\x06")) {
    return "a zip archive with a pickle, as torch.save writes it";
  }
  if (start.size() >= 2 && start[0] == '\x80' && start[1] >= 2 && start[1] <= 5) return "a raw pickle";
  return "";
}

}  // namespace broadsheet
