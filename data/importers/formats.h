// One function per format; importer.cpp chooses. Private to data/importers.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "data/importers/importer.h"
#include "data/importers/line_reader.h"

namespace broadsheet {

// A record from each line that is not blank.
class LineImporter : public Importer {
 public:
  LineImporter(LineReader reader, int32_t file_number, std::vector<std::string> columns = {})
      : reader_(std::move(reader)), file_(file_number), columns_(std::move(columns)) {}

  bool next(Record& record) override;
  const std::vector<std::string>& columns() const override { return columns_; }
  int64_t consumed() const override { return reader_.consumed(); }
  int64_t lines() const override { return reader_.lines(); }

 protected:
  // May change the line. Not asked of one that is too long.
  virtual bool is_blank(Line& line) const;
  // Of a line that is text; rejects the record where it cannot be read.
  virtual void read(Line& line, Record& record) = 0;

 private:
  LineReader reader_;
  Line line_;
  int32_t file_;
  std::vector<std::string> columns_;
};

// `name` is what messages call the file or the member of an archive.
std::unique_ptr<Importer> open_jsonl(LineReader reader, int32_t file_number);
// `columns`: when they are known and no header is to be read.
std::unique_ptr<Importer> open_delimited(LineReader reader, const std::string& name, const SourceConfig& source,
                                         std::vector<std::string> columns, int32_t file_number);
// Of format: cluener.
std::unique_ptr<Importer> open_name_spans(LineReader reader, int32_t file_number);
std::unique_ptr<Importer> open_plain_text(LineReader reader, int32_t file_number);
// The whole of it is one document.
std::unique_ptr<Importer> open_document(std::unique_ptr<ByteSource> bytes, const std::string& name,
                                        const std::string& encoding, int32_t file_number);
std::unique_ptr<Importer> open_html(std::unique_ptr<ByteSource> bytes, const std::string& name,
                                    const SourceConfig& source, int32_t file_number);
// The members of a tar archive, each by its own importer.
std::unique_ptr<Importer> open_archive(const std::string& path, const SourceConfig& source, int32_t file_number);

// The source's, or else the one that the name tells.
std::string chosen_format(const std::string& name, const SourceConfig& source);
// What lies beside the data: "." and "_" begin the names that tools give to their own.
bool is_aside(const std::string& name);
// Whether a file of a folder, or a member of an archive, is read: its name tells no format, or `format` (SourceConfig);
// without that, any.
bool is_wanted(const std::string& name, const std::string& format);
// By the format's name. Of a member or a whole file.
std::unique_ptr<Importer> open_format(const std::string& format, std::unique_ptr<ByteSource> bytes,
                                      const std::string& name, const SourceConfig& source, int32_t file_number);

// Starts `record` at `line`. False when the line as such is unusable (too long, no text in its encoding, NUL): it is
// rejected then.
bool begin_record(Record& record, const Line& line, int32_t file_number);
// Why a line is unusable; null: it is not.
const char* fault_of(const Line& line);
// Turns `record` into a rejection, keeping its place.
void reject(Record& record, std::string code, std::string detail = "");
// Drops one '\r' at the end.
void strip_carriage_return(std::string& text);

}  // namespace broadsheet
