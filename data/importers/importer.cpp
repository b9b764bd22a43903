#include "data/importers/importer.h"

#include <glob.h>

#include <algorithm>
#include <set>

#include "core/errors.h"
#include "core/text.h"
#include "data/importers/formats.h"

namespace broadsheet {
namespace {

class PlainTextImporter : public Importer {
 public:
  PlainTextImporter(const std::string& path, int32_t file_number, const ByteRange& range)
      : reader_(path, range), file_(file_number) {}

  bool next(Record& record) override {
    while (reader_.next(line_)) {
      strip_carriage_return(line_.text);
      if (line_.text.empty() && !line_.too_long) continue;
      if (begin_record(record, line_, file_)) {
        record.document.values["line"] = std::to_string(line_.number);
        record.document.values["text"] = std::move(line_.text);
      }
      return true;
    }
    return false;
  }
  const std::vector<std::string>& columns() const override { return columns_; }
  int64_t consumed() const override { return reader_.consumed(); }
  int64_t lines() const override { return reader_.lines(); }

 private:
  LineReader reader_;
  Line line_;
  int32_t file_;
  std::vector<std::string> columns_ = {"text", "line"};
};

struct GlobResult {
  glob_t matches{};
  ~GlobResult() { globfree(&matches); }
};

}  // namespace

bool begin_record(Record& record, const Line& line, int32_t file_number) {
  record.rejected = false;
  record.document.values.clear();
  record.document.nested.clear();
  record.document.place = {.file = file_number, .line = line.number, .byte = line.byte};
  if (line.too_long) {
    reject(record, "line_too_long", cat("more than ", kMaxLineBytes, " bytes"));
  } else if (line.text.find('\0') != std::string::npos) {
    reject(record, "nul_byte");
  } else if (!is_utf8(line.text)) {
    reject(record, "invalid_utf8");
  }
  return !record.rejected;
}

void reject(Record& record, std::string code, std::string detail) {
  record.rejected = true;
  record.rejection = {std::move(code), std::move(detail)};
}

void strip_carriage_return(std::string& text) {
  if (!text.empty() && text.back() == '\r') text.pop_back();
}

std::unique_ptr<Importer> open_plain_text(const std::string& path, int32_t file_number, const ByteRange& range) {
  return std::make_unique<PlainTextImporter>(path, file_number, range);
}

std::string format_of(const std::string& path) {
  std::string name = path.substr(path.find_last_of('/') + 1);
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  for (const char* compressed : {".gz", ".bz2"})
    if (ends_with(name, compressed)) name.resize(name.find_last_of('.'));
  for (const char* ending : {".jsonl", ".ndjson"})
    if (ends_with(name, ending)) return "jsonl";
  for (const char* ending : {".tsv", ".tab"})
    if (ends_with(name, ending)) return "tsv";
  if (ends_with(name, ".csv")) return "csv";
  if (ends_with(name, ".txt") || ends_with(name, ".text") || ends_with(name, ".cor")) return "text";
  return "";
}

bool can_be_cut(const std::string& path, const SourceConfig& source) {
  const std::string format = source.format.empty() ? format_of(path) : source.format;
  return format != "csv" && !is_compressed(path);  // a quoted value may hold lines
}

std::unique_ptr<Importer> open_importer(const std::string& path, const SourceConfig& source, int32_t file_number,
                                        const ByteRange& range) {
  const std::string format = source.format.empty() ? format_of(path) : source.format;
  if (format == "jsonl") return open_jsonl(path, file_number, range);
  if (format == "csv") return open_delimited(path, source, ',', true, file_number, range);
  if (format == "tsv") return open_delimited(path, source, '\t', false, file_number, range);
  if (format == "text") return open_plain_text(path, file_number, range);
  throw UserError(
      "corpus.format",
      format.empty() ? cat(path, ": the name does not tell the format") : cat("format '", format, "' is unknown"),
      "set format: jsonl, csv, tsv or text");
}

std::vector<std::string> expand_files(const std::vector<std::string>& patterns) {
  std::vector<std::string> files;
  std::set<std::string> seen;
  for (const std::string& pattern : patterns) {
    GlobResult result;
    const int code = glob(pattern.c_str(), GLOB_ERR, nullptr, &result.matches);
    if (code != 0 || result.matches.gl_pathc == 0)
      throw UserError("corpus.no_file", cat(pattern, ": no such file"),
                      "check sources: files: (paths are relative to the configuration file)");
    std::vector<std::string> matches(result.matches.gl_pathv, result.matches.gl_pathv + result.matches.gl_pathc);
    std::sort(matches.begin(), matches.end());
    for (std::string& match : matches)
      if (seen.insert(match).second) files.push_back(std::move(match));
  }
  return files;
}

}  // namespace broadsheet
