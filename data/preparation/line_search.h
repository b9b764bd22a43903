// Lines that are in many documents, over all pieces: each piece leaves sorted runs of its lines, and what is repeated
// is then found in parts of bounded memory.
//
// Note [A document counts once]
// A line counts once for each document that has it, and documents with the same texts count as one: with a page that
// was fetched three times, nothing of it is boilerplate yet.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "data/field_reader.h"
#include "data/preparation/piece_reader.h"
#include "data/preparation/pieces.h"
#include "data/sources.h"

namespace broadsheet {

struct LineEntry {
  uint64_t line = 0, document = 0;  // hashes
  auto operator<=>(const LineEntry&) const = default;
};

// How many of them a process holds at once while it reads, and about how many a part has: 64 and 128 MiB.
inline constexpr size_t kLinesPerRun = 4 << 20;
inline constexpr int64_t kLinesPerPart = 8 << 20;
int64_t line_parts(int64_t lines);

// What a piece has left: its file is written last.
struct LineRecord {
  int64_t lines = 0;                   // entries of all runs
  std::vector<std::string> checksums;  // of each run

  nlohmann::json json() const;
  static LineRecord from(const nlohmann::json& json);  // throws nlohmann's exceptions
};
// Of the run `number` of a piece's files.
std::string line_run(const PieceFiles& files, size_t number);

// Writes entries as runs: ascending, each once, and of one line no more than `documents`, which are enough to know that
// it goes.
class LineRuns {
 public:
  LineRuns(const PieceFiles& files, int64_t documents, size_t entries_per_run = kLinesPerRun);
  void add(const std::vector<std::string_view>& texts);
  LineRecord finish();

 private:
  void write_run();

  PieceFiles files_;
  size_t documents_, entries_per_run_;
  std::vector<LineEntry> entries_;
  LineRecord record_;
};

// The lines of the documents that a piece has. What is passed over or set aside for its fields counts for nothing.
LineRecord find_lines(const CorpusConfig& config, const FieldReader& fields, const std::vector<SourceFile>& files,
                      const Piece& piece, const PieceFiles& line_files);

// Hashes of the lines in part `part` that are in `documents` documents or more, ascending.
std::vector<uint64_t> find_repeated_lines(const std::vector<std::string>& runs, int64_t part, int64_t parts,
                                          int64_t documents);

}  // namespace broadsheet
