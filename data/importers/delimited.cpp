// CSV and TSV.
#include <algorithm>
#include <deque>
#include <set>

#include "core/errors.h"
#include "core/text.h"
#include "data/importers/formats.h"

namespace broadsheet {
namespace {

// After so many records whose quote never closed, a quote has to close on its own line: keeps the reader linear.
constexpr int kMaxRunaways = 100;

enum class Parse { kWhole, kOpenQuote, kBadQuote };

// Splits one record at `separator`. A quote opens only at a value's beginning (elsewhere it is a character), as most
// writers and readers have it.
class RecordParser {
 public:
  explicit RecordParser(char separator) : separator_(separator) {}
  std::vector<std::string> values;

  void restart() {
    values.clear();
    value_.clear();
    quoted_ = closed_ = false;
    fresh_ = true;
  }
  // Feeds one line (without its '\n'); kOpenQuote: the record goes on with the next one.
  Parse feed(std::string_view line) {
    if (quoted_) value_ += '\n';
    for (size_t i = 0; i < line.size(); ++i) {
      const char c = line[i];
      if (quoted_) {
        if (c != '"') {
          value_ += c;
        } else if (i + 1 < line.size() && line[i + 1] == '"') {
          value_ += '"';
          ++i;
        } else {
          quoted_ = false;
          closed_ = true;
        }
      } else if (c == separator_) {
        finish_value();
      } else if (c == '\r' && i + 1 == line.size()) {
        continue;
      } else if (closed_) {
        return Parse::kBadQuote;
      } else if (c == '"' && fresh_) {
        quoted_ = true;
        fresh_ = false;
      } else {
        value_ += c;
        fresh_ = false;
      }
    }
    if (quoted_) return Parse::kOpenQuote;
    finish_value();
    return Parse::kWhole;
  }

 private:
  void finish_value() {
    values.push_back(std::move(value_));
    value_.clear();
    closed_ = false;
    fresh_ = true;
  }

  char separator_;
  std::string value_;
  bool quoted_ = false, closed_ = false, fresh_ = true;
};

class DelimitedImporter : public Importer {
 public:
  DelimitedImporter(LineReader reader, const std::string& name, const SourceConfig& source,
                    std::vector<std::string> columns, char separator, bool quoting, int32_t file)
      : name_(name),
        reader_(std::move(reader)),
        parser_(separator),
        separator_(separator),
        quoting_(quoting),
        file_(file),
        columns_(std::move(columns)) {
    if (columns_.empty() && source.header) {
      read_header();
    } else if (columns_.empty()) {
      columns_ = source.columns;
      if (columns_.empty())
        throw UserError("corpus.header", cat(name, ": header: false, but no columns are named"),
                        "name them in columns:");
    }
    std::set<std::string> seen;
    for (const std::string& column : columns_)
      if (!seen.insert(column).second)
        throw UserError("corpus.header", cat(name, ": the column '", column, "' is named twice"),
                        "give each column a name of its own, or set header: false and columns:");
  }

  bool next(Record& record) override {
    Line line;
    while (next_line(line)) {
      if (!line.too_long && (line.text.empty() || line.text == "\r")) continue;
      if (!begin_record(record, line, file_)) return true;
      read_values(record, line);
      if (record.rejected) return true;
      if (parser_.values.size() != columns_.size()) {
        reject(record, "wrong_width", cat(parser_.values.size(), " values for ", columns_.size(), " columns"));
        return true;
      }
      for (size_t i = 0; i < columns_.size(); ++i) record.document.values[columns_[i]] = std::move(parser_.values[i]);
      return true;
    }
    return false;
  }
  const std::vector<std::string>& columns() const override { return columns_; }
  int64_t consumed() const override { return reader_.consumed(); }
  int64_t lines() const override { return reader_.lines(); }

 private:
  bool next_line(Line& line) {
    if (pending_.empty()) return reader_.next(line);
    line = std::move(pending_.front());
    pending_.pop_front();
    return true;
  }

  void read_header() {
    Record record;
    Line line;
    if (!next_line(line)) throw UserError("corpus.header", cat(name_, ": is empty"), "a header line was expected");
    if (begin_record(record, line, file_)) read_values(record, line);
    if (record.rejected)
      throw UserError("corpus.header", cat(name_, ":1: the header line is unusable (", record.rejection.reason(), ")"),
                      "the file must be UTF-8 text; without a header set header: false and columns:");
    columns_ = parser_.values;
    for (std::string& column : columns_) column = std::string(trim(column));
  }

  void read_values(Record& record, Line& first) {
    parser_.restart();
    if (!quoting_) {
      strip_carriage_return(first.text);
      parser_.values = split(first.text, separator_);
      return;
    }
    Parse state = parser_.feed(first.text);
    std::deque<Line> more;
    size_t bytes = first.text.size();
    const char* fault = nullptr;
    while (state == Parse::kOpenQuote && !fault) {
      Line line;
      if (runaways_ >= kMaxRunaways || bytes > kMaxLineBytes || !next_line(line)) {
        fault = "unclosed_quote";
        ++runaways_;
        break;
      }
      bytes += line.text.size() + 1;
      fault = fault_of(line);
      if (!fault) state = parser_.feed(line.text);
      more.push_back(std::move(line));
    }
    if (state == Parse::kBadQuote && !fault) fault = "bad_quote";
    if (!fault) return;
    reject(record, fault);
    // Only the first line is lost: reading goes on with the second, so one stray quote cannot swallow a file.
    pending_.insert(pending_.begin(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }

  std::string name_;
  LineReader reader_;
  std::deque<Line> pending_;
  RecordParser parser_;
  char separator_;
  bool quoting_;
  int32_t file_;
  int runaways_ = 0;
  std::vector<std::string> columns_;
};

}  // namespace

std::unique_ptr<Importer> open_delimited(LineReader reader, const std::string& name, const SourceConfig& source,
                                         std::vector<std::string> columns, int32_t file_number) {
  const bool csv = chosen_format(name, source) == "csv";
  return std::make_unique<DelimitedImporter>(std::move(reader), name, source, std::move(columns), csv ? ',' : '\t', csv,
                                             file_number);
}

}  // namespace broadsheet
