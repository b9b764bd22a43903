#include "experiments/init_look.h"

#include <algorithm>

#include "core/errors.h"
#include "core/text.h"
#include "data/importers/importer.h"
#include "data/importers/line_reader.h"

namespace broadsheet {
namespace {

constexpr size_t kSniffLines = 100;

std::vector<std::string> first_lines(const std::string& path, const std::string& encoding) {
  LineReader reader(path, encoding);
  std::vector<std::string> lines;
  Line line;
  while (lines.size() < kSniffLines && reader.next(line))
    if (!line.too_long && !trim(line.text).empty()) lines.push_back(line.text);
  if (lines.empty()) throw UserError("init.empty", cat(path, ": holds no lines"), "name another file");
  return lines;
}

// True when every line has the same number of `separator`s, at least one.
bool all_have(const std::vector<std::string>& lines, char separator) {
  const auto wanted = std::count(lines.front().begin(), lines.front().end(), separator);
  return wanted > 0 && std::all_of(lines.begin(), lines.end(), [&](const std::string& line) {
           return std::count(line.begin(), line.end(), separator) == wanted;
         });
}

void check_encoding(const std::string& path, const std::vector<std::string>& lines) {
  const auto bad = std::count_if(lines.begin(), lines.end(), [](const std::string& line) { return !is_utf8(line); });
  if (static_cast<size_t>(bad) * 20 > lines.size())
    throw UserError("init.encoding", cat(path, ": ", bad, " of the first ", lines.size(), " lines are not UTF-8"),
                    "convert it: iconv -f WINDOWS-1252 -t UTF-8 IN > OUT (or from whatever encoding it has)");
}

std::string sniff_format(const std::string& path, const std::vector<std::string>& lines) {
  const std::string by_name = format_of(path);
  if (by_name == "jsonl" || by_name == "tsv") return by_name;
  if (trim(lines.front()).front() == '{' && by_name != "csv") return "jsonl";
  if (all_have(lines, '\t')) return "tsv";  // whatever the name says
  if (by_name == "csv" && lines.front().find(',') == std::string::npos && all_have(lines, ';'))
    throw UserError("init.delimiter", cat(path, ": values are separated by ';', wanted ','"),
                    "export it with commas or tabs");
  if (!by_name.empty()) return by_name;
  return all_have(lines, ',') ? "csv" : "text";
}

bool contains(const std::vector<std::string>& list, const std::string& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

// Decides whether the first line names the columns, and opens the file accordingly.
std::unique_ptr<Importer> open_table(const std::string& path, const std::vector<std::string>& asked,
                                     SourceConfig& source) {
  source.header = true;
  std::vector<std::string> names;
  bool header_usable = true;
  try {
    names = open_importer(path, source, 0)->columns();
  } catch (const UserError& error) {
    if (error.faults().front().code != "corpus.header") throw;
    header_usable = false;  // a record whose values repeat, perhaps
    source.header = false;
    LineReader reader(path, source.encoding);
    Line line;
    reader.next(line);
    names = split(line.text, source.format == "tsv" ? '\t' : ',');
  }
  const auto named = [&](const std::string& column) { return contains(names, column); };
  if (header_usable && std::all_of(asked.begin(), asked.end(), named)) return open_importer(path, source, 0);
  std::vector<std::string> numbered;
  for (size_t i = 0; i < names.size(); ++i) numbered.push_back(cat("column_", i + 1));
  if (std::all_of(asked.begin(), asked.end(), [&](const std::string& column) { return contains(numbered, column); })) {
    source.header = false;
    source.columns = numbered;
    return open_importer(path, source, 0);
  }
  for (const std::string& column : asked)
    if (!named(column)) {
      const std::string near = nearest(column, names);
      throw UserError("init.no_column",
                      cat(path, ": has no column '", column, "'; its first line is: ", join(names, ", ")),
                      near.empty() ? "name one of them; if that line is no header, use column_1, column_2, …"
                                   : cat("did you mean '", near, "'?"));
    }
  throw UserError("init.no_column", cat(path, ": its first line names a column twice"),
                  "give each column a name of its own");
}

void check_keys(const std::string& path, const DataLook& look, const std::vector<std::string>& asked) {
  for (const std::string& key : asked)
    if (!look.has(key)) {
      const std::string near = nearest(key, look.columns);
      throw UserError("init.no_column",
                      cat(path, ": has no '", key, "' in its first lines; it has ", join(look.columns, ", ")),
                      near.empty() ? "name one of them" : cat("did you mean '", near, "'?"));
    }
}

}  // namespace

bool DataLook::has(const std::string& column) const {
  return contains(columns, column);
}

std::vector<std::string> DataLook::values(const std::string& column) const {
  std::vector<std::string> found;
  for (const Document& document : documents)
    if (const auto value = document.values.find(column); value != document.values.end()) found.push_back(value->second);
  return found;
}

DataLook look_at(const std::string& path, const std::vector<std::string>& asked) {
  DataLook look;
  look.encoding = encoding_of(path);
  const std::vector<std::string> lines = first_lines(path, look.encoding);
  check_encoding(path, lines);
  look.format = sniff_format(path, lines);
  SourceConfig source;
  source.format = look.format;
  source.encoding = look.encoding;
  const bool table = look.format == "csv" || look.format == "tsv";
  const std::unique_ptr<Importer> importer = table ? open_table(path, asked, source) : open_importer(path, source, 0);
  look.header = source.header;
  look.columns = importer->columns();
  Record record;
  look.whole_file = true;
  while (importer->next(record)) {
    if (static_cast<int64_t>(look.documents.size()) + look.rejected >= kLookRecords) {
      look.whole_file = false;
      break;
    }
    if (record.rejected) {
      if (look.rejected++ == 0)
        look.first_reject = cat("line ", record.document.place.line, ": ", record.rejection.reason());
      continue;
    }
    if (look.format == "jsonl")
      for (const auto& [key, value] : record.document.values)
        if (!look.has(key)) look.columns.push_back(key);
    look.documents.push_back(std::move(record.document));
  }
  if (look.documents.empty())
    throw UserError("init.unreadable",
                    cat(path, ": read as ", look.format, ", no line is usable (", look.first_reject, ")"),
                    "check the format, or rename the file to .csv, .tsv, .jsonl or .txt");
  check_keys(path, look, asked);
  return look;
}

}  // namespace broadsheet
