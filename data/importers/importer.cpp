#include "data/importers/importer.h"

#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <utility>

#include "core/errors.h"
#include "core/text.h"
#include "data/importers/formats.h"
#include "data/standard_input.h"

namespace broadsheet {
namespace {

constexpr const char* kFormats = "jsonl, csv, tsv, text, document, html, mind_news, mind_behaviors, cluener";

bool is_mind(const std::string& format) {
  return format == "mind_news" || format == "mind_behaviors";
}

class PlainTextImporter : public LineImporter {
 public:
  PlainTextImporter(LineReader reader, int32_t file_number)
      : LineImporter(std::move(reader), file_number, {"text", "line"}) {}

 protected:
  bool is_blank(Line& line) const override {
    strip_carriage_return(line.text);
    return line.text.empty();
  }
  void read(Line& line, Record& record) override {
    record.document.values["line"] = std::to_string(line.number);
    record.document.values["text"] = std::move(line.text);
  }
};

bool is_table(const std::string& format) {
  return format == "csv" || format == "tsv" || is_mind(format);
}

[[noreturn]] void unknown_format(const std::string& format, const std::string& name) {
  throw UserError(
      "corpus.format",
      format.empty() ? cat(name, ": the name does not tell the format") : cat("format '", format, "' is unknown"),
      cat("set format: to one of ", kFormats));
}

// The path itself, or the files below the folder: those of the format or, without one, those whose names tell theirs.
std::vector<std::string> files_of(const std::string& path, const std::string& format) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::is_directory(path, error)) return {path};
  std::vector<std::string> files;
  try {
    for (auto entry = fs::recursive_directory_iterator(path); entry != fs::recursive_directory_iterator(); ++entry) {
      const std::string name = entry->path().filename();
      if (is_aside(name)) {
        if (entry->is_directory()) entry.disable_recursion_pending();
        continue;
      }
      if (!entry->is_regular_file()) continue;
      if (is_wanted(name, format)) files.push_back(entry->path());
    }
  } catch (const fs::filesystem_error& fault) {
    throw UserError("corpus.no_file", cat(fault.path1().string(), ": ", fault.code().message()),
                    "make the folder readable, or name the files");
  }
  if (files.empty())
    throw UserError(
        "corpus.no_file",
        cat(path, ": the folder has no file ", format.empty() ? "whose name tells a format" : "of " + format),
        cat("set format: to one of ", kFormats, ", or name the files"));
  std::sort(files.begin(), files.end());
  return files;
}

struct GlobResult {
  glob_t matches{};
  ~GlobResult() { globfree(&matches); }
};

[[noreturn]] void cannot_find(const std::string& pattern, int reason) {
  if (reason == EACCES)
    throw UserError("corpus.no_file", cat(pattern, ": cannot be read: ", std::strerror(reason)),
                    "let the user that prepares read it and enter its folder");
  const bool is_pattern = pattern.find_first_of("*?[") != std::string::npos;
  throw UserError("corpus.no_file", cat(pattern, is_pattern ? ": matches no file" : ": no such file"),
                  "check sources: files: (paths are relative to the configuration file)");
}

// A name that is there stands for itself, whatever it is made of ("news[1].csv").
std::vector<std::string> matches_of(const std::string& pattern) {
  struct stat status {};
  if (::stat(pattern.c_str(), &status) == 0) return {pattern};
  const int reason = errno;
  GlobResult result;
  const int code = glob(pattern.c_str(), GLOB_ERR, nullptr, &result.matches);
  if (code == GLOB_ABORTED) cannot_find(pattern, errno);
  if (code != 0 || result.matches.gl_pathc == 0) cannot_find(pattern, reason);
  std::vector<std::string> matches(result.matches.gl_pathv, result.matches.gl_pathv + result.matches.gl_pathc);
  std::sort(matches.begin(), matches.end());
  return matches;
}

}  // namespace

bool LineImporter::next(Record& record) {
  while (reader_.next(line_)) {
    if (!line_.too_long && is_blank(line_)) continue;
    if (begin_record(record, line_, file_)) read(line_, record);
    return true;
  }
  return false;
}

bool LineImporter::is_blank(Line& line) const {
  return trim(line.text).empty();
}

bool begin_record(Record& record, const Line& line, int32_t file_number) {
  record.rejected = false;
  record.document.values.clear();
  record.document.nested.clear();
  record.document.lists.clear();
  record.document.place = {.file = file_number, .line = line.number, .byte = line.byte};
  const char* fault = fault_of(line);
  if (fault != nullptr) reject(record, fault, line.too_long ? cat("more than ", kMaxLineBytes, " bytes") : "");
  return fault == nullptr;
}

const char* fault_of(const Line& line) {
  if (line.too_long) return "line_too_long";
  if (line.undecodable) return "invalid_encoding";
  if (line.text.find('\0') != std::string::npos) return "nul_byte";
  return is_utf8(line.text) ? nullptr : "invalid_utf8";
}

void reject(Record& record, std::string code, std::string detail) {
  record.rejected = true;
  record.rejection = {std::move(code), std::move(detail)};
}

void strip_carriage_return(std::string& text) {
  if (!text.empty() && text.back() == '\r') text.pop_back();
}

std::unique_ptr<Importer> open_plain_text(LineReader reader, int32_t file_number) {
  return std::make_unique<PlainTextImporter>(std::move(reader), file_number);
}

std::string format_of(const std::string& path) {
  std::string name = path.substr(path.find_last_of('/') + 1);
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  for (const char* compressed : {".gz", ".bz2", ".xz", ".zst"})
    if (ends_with(name, compressed)) name.resize(name.find_last_of('.'));
  static constexpr std::pair<const char*, const char*> kEndings[] = {
      {".jsonl", "jsonl"}, {".ndjson", "jsonl"}, {".tsv", "tsv"},  {".tab", "tsv"},   {".csv", "csv"},
      {".txt", "text"},    {".text", "text"},    {".cor", "text"}, {".html", "html"}, {".htm", "html"}};
  for (const auto& [ending, format] : kEndings)
    if (ends_with(name, ending)) return format;
  return "";
}

bool may_be_archive(const std::string& path) {
  static constexpr const char* kEndings[] = {".tar",    ".tar.gz", ".tgz",     ".tar.bz2", ".tbz2",
                                             ".tar.xz", ".txz",    ".tar.zst", ".tzst"};
  return std::any_of(std::begin(kEndings), std::end(kEndings), [&](const char* end) { return ends_with(path, end); });
}

// The tables of the MIND data set (Wu et al. 2020) have no header.
static SourceConfig mind_source(const SourceConfig& source) {
  SourceConfig table = source;
  table.columns = source.format == "mind_news"
                      ? std::vector<std::string>{"news_id",  "category", "subcategory",    "title",
                                                 "abstract", "url",      "title_entities", "abstract_entities"}
                      : std::vector<std::string>{"impression_id", "user_id", "time", "history", "impressions"};
  table.header = false;
  table.format = "tsv";
  return table;
}

std::string chosen_format(const std::string& name, const SourceConfig& source) {
  return source.format.empty() ? format_of(name) : source.format;
}

bool is_aside(const std::string& name) {
  return name.empty() || name[0] == '.' || name[0] == '_';
}

bool is_wanted(const std::string& name, const std::string& format) {
  const std::string told = may_be_archive(name) ? "" : format_of(name);
  if (format.empty()) return !told.empty() || may_be_archive(name);
  return told.empty() || told == format || (format == "document" && told == "text") ||
         (is_mind(format) && told == "tsv") || (format == "cluener" && told == "jsonl");
}

bool can_be_cut(const std::string& path, const SourceConfig& source) {
  const std::string format = chosen_format(path, source);
  const bool by_line =
      format == "jsonl" || format == "text" || format == "tsv" || format == "cluener" || is_mind(format);
  return by_line && !is_compressed(path) && !is_archive(path);  // a quoted value of CSV may hold lines
}

std::unique_ptr<Importer> open_format(const std::string& format, std::unique_ptr<ByteSource> bytes,
                                      const std::string& name, const SourceConfig& source, int32_t file_number) {
  if (format == "html") return open_html(std::move(bytes), name, source, file_number);
  if (format == "document") return open_document(std::move(bytes), name, source.encoding, file_number);
  LineReader reader(std::move(bytes), name, source.encoding);
  if (format == "jsonl") return open_jsonl(std::move(reader), file_number);
  if (format == "cluener") return open_name_spans(std::move(reader), file_number);
  if (format == "text") return open_plain_text(std::move(reader), file_number);
  if (is_mind(format)) return open_delimited(std::move(reader), name, mind_source(source), {}, file_number);
  if (is_table(format)) return open_delimited(std::move(reader), name, source, {}, file_number);
  unknown_format(format, name);
}

std::unique_ptr<Importer> open_importer(const std::string& path, const SourceConfig& source, int32_t file_number,
                                        const ByteRange& range) {
  if (is_archive(path)) return open_archive(path, source, file_number);
  const std::string format = chosen_format(path, source);
  if (range.begin == 0 && range.end == INT64_MAX)
    return open_format(format, open_byte_source(path), path, source, file_number);
  LineReader reader(path, source.encoding, range);
  if (format == "jsonl") return open_jsonl(std::move(reader), file_number);
  if (format == "cluener") return open_name_spans(std::move(reader), file_number);
  if (format == "text") return open_plain_text(std::move(reader), file_number);
  if (!is_table(format)) unknown_format(format, path);
  const SourceConfig table = is_mind(format) ? mind_source(source) : source;
  std::vector<std::string> columns = table.columns;
  if (table.header && range.begin > 0) columns = open_importer(path, source, file_number)->columns();
  return open_delimited(std::move(reader), path, table, std::move(columns), file_number);
}

std::vector<std::string> expand_files(const std::vector<std::string>& patterns, const std::string& format) {
  std::vector<std::string> files;
  std::set<std::string> seen;
  for (const std::string& pattern : patterns) {
    if (is_standard_input(pattern)) {
      files.push_back(pattern);
      continue;
    }
    for (const std::string& match : matches_of(pattern))
      for (std::string& file : files_of(match, format))
        if (seen.insert(file).second) files.push_back(std::move(file));
  }
  return files;
}

}  // namespace broadsheet
