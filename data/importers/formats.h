// One function per format; importer.cpp chooses. Private to data/importers.
#pragma once

#include <memory>
#include <string>

#include "data/importers/importer.h"
#include "data/importers/line_reader.h"

namespace broadsheet {

std::unique_ptr<Importer> open_jsonl(const std::string& path, int32_t file_number, const ByteRange& range);
std::unique_ptr<Importer> open_delimited(const std::string& path, const SourceConfig& source, char separator,
                                         bool quoting, int32_t file_number, const ByteRange& range);
std::unique_ptr<Importer> open_plain_text(const std::string& path, int32_t file_number, const ByteRange& range);

// Starts `record` at `line`. False when the line as such is unusable (too long, not UTF-8, NUL): it is rejected then.
bool begin_record(Record& record, const Line& line, int32_t file_number);
// Turns `record` into a rejection, keeping its place.
void reject(Record& record, std::string code, std::string detail = "");
// Drops one '\r' at the end.
void strip_carriage_return(std::string& text);

}  // namespace broadsheet
