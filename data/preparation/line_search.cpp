#include "data/preparation/line_search.h"

#include <algorithm>
#include <memory>
#include <span>

#include "core/checksum.h"
#include "core/text.h"
#include "data/cleaning/repeated_lines.h"
#include "data/cleaning/text_cleaning.h"
#include "data/importers/importer.h"
#include "data/mapped_file.h"
#include "data/preparation/columns.h"
#include "data/preparation/scratch.h"
#include "data/row_filter.h"

namespace broadsheet {
namespace {

std::string_view bytes_of(const std::vector<LineEntry>& entries) {
  return {reinterpret_cast<const char*>(entries.data()), entries.size() * sizeof(LineEntry)};
}

void sort_and_unite(std::vector<LineEntry>& entries) {
  std::sort(entries.begin(), entries.end());
  entries.erase(std::unique(entries.begin(), entries.end()), entries.end());
}

// Those of the part: neighbours, as the run is sorted and a part is a range of hashes.
std::span<const LineEntry> part_of(std::span<const LineEntry> run, uint64_t part, uint64_t parts) {
  const auto begin = std::partition_point(run.begin(), run.end(),
                                          [&](const LineEntry& entry) { return line_part(entry.line, parts) < part; });
  const auto end = std::partition_point(begin, run.end(),
                                        [&](const LineEntry& entry) { return line_part(entry.line, parts) == part; });
  return {begin, end};
}

}  // namespace

int64_t line_parts(int64_t lines) {
  return std::max<int64_t>(1, (lines + kLinesPerPart - 1) / kLinesPerPart);
}

std::string line_run(const PieceFiles& files, size_t number) {
  return cat(files.base, ".", number, ".run");
}

nlohmann::json LineRecord::json() const {
  return {{"lines", lines}, {"checksums", checksums}};
}

LineRecord LineRecord::from(const nlohmann::json& json) {
  return {json.at("lines").get<int64_t>(), json.at("checksums").get<std::vector<std::string>>()};
}

LineRuns::LineRuns(const PieceFiles& files, int64_t documents, size_t entries_per_run)
    : files_(files), documents_(static_cast<size_t>(documents)), entries_per_run_(entries_per_run) {}

void LineRuns::add(const std::vector<std::string_view>& texts) {
  const uint64_t document = hash_of_lines(texts);
  for (const uint64_t line : line_hashes(texts)) entries_.push_back({line, document});
  if (entries_.size() >= entries_per_run_) write_run();
}

LineRecord LineRuns::finish() {
  if (!entries_.empty()) write_run();
  return record_;
}

void LineRuns::write_run() {
  sort_and_unite(entries_);
  size_t kept = 0, of_line = 0;
  for (size_t i = 0; i < entries_.size(); ++i) {
    of_line = i > 0 && entries_[i].line == entries_[kept - 1].line ? of_line + 1 : 1;
    if (of_line <= documents_) entries_[kept++] = entries_[i];
  }
  entries_.resize(kept);
  write_scratch(line_run(files_, record_.checksums.size()), files_.tag, bytes_of(entries_));
  record_.checksums.push_back(xxh3_hex(bytes_of(entries_)));
  record_.lines += static_cast<int64_t>(kept);
  entries_.clear();
}

LineRecord find_lines(const CorpusConfig& config, const FieldReader& fields, const std::vector<SourceFile>& files,
                      const Piece& piece, const PieceFiles& line_files) {
  const SourceFile& file = files[static_cast<size_t>(piece.file)];
  const auto importer = open_importer(file.path, *file.source, piece.file, piece.range);
  check_columns(config, fields, importer->columns(), file);
  LineRuns runs(line_files, config.clean.repeated_lines);
  Record record;
  Row row;
  std::vector<const char*> steps;
  while (importer->next(record)) {
    if (record.rejected || passed_over_by(file.source->filter, record.document)) continue;
    if (fields.read(record.document, row)) continue;
    std::vector<std::string_view> texts;
    for (size_t i = 0; i < row.size(); ++i) {
      if (fields.fields()[i].config.kind != FieldKind::kText) continue;
      clean_before_lines(row[i].text, config.clean, steps);
      texts.push_back(row[i].text);
    }
    runs.add(texts);
  }
  return runs.finish();
}

std::vector<uint64_t> find_repeated_lines(const std::vector<std::string>& runs, int64_t part, int64_t parts,
                                          int64_t documents) {
  std::vector<LineEntry> entries;
  for (const std::string& path : runs) {
    const MappedFile file(path);
    const std::string_view bytes = file.bytes();
    const std::span run(reinterpret_cast<const LineEntry*>(bytes.data()), bytes.size() / sizeof(LineEntry));
    const auto some = part_of(run, static_cast<uint64_t>(part), static_cast<uint64_t>(parts));
    entries.insert(entries.end(), some.begin(), some.end());
  }
  sort_and_unite(entries);
  std::vector<uint64_t> repeated;
  for (size_t begin = 0, end = 0; begin < entries.size(); begin = end) {
    while (end < entries.size() && entries[end].line == entries[begin].line) ++end;
    if (end - begin >= static_cast<size_t>(documents)) repeated.push_back(entries[begin].line);
  }
  return repeated;
}

}  // namespace broadsheet
