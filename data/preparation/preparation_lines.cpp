// The lines that go because too many documents have them.
#include "core/checksum.h"
#include "data/preparation/line_search.h"
#include "data/preparation/preparation.h"
#include "data/preparation/scratch.h"

namespace broadsheet {

// Adds the names of the files of pieces whose lines are known: of an earlier start, and whole.
void Preparation::list_line_runs(std::set<std::string>& whole) const {
  for (size_t i = 0; i < pieces_.size(); ++i) {
    const PieceFiles files = line_files(i);
    if (!exists(files.record())) continue;
    std::set<std::string> own = {files.record()};
    try {
      const LineRecord record = LineRecord::from(read_json(files.record()));
      bool good = true;
      for (size_t k = 0; k < record.checksums.size(); ++k) {
        own.insert(line_run(files, k));
        good = good && xxh3_file(line_run(files, k)) == record.checksums[k];
      }
      if (!good) continue;
    } catch (const std::exception&) {
      continue;
    }
    for (const std::string& file : own) whole.insert(file.substr(folder_.size() + 1));
  }
}

void Preparation::search_lines(WorkBoard& board) {
  if (config_.clean.repeated_lines == 0) return;
  WorkBoard::Stage lines;
  lines.name = "lines";
  lines.tasks = static_cast<int64_t>(pieces_.size());
  lines.doing = "reading lines";
  lines.unit = "bytes";
  lines.is_done = [&](int64_t piece) { return exists(line_files(static_cast<size_t>(piece)).record()); };
  lines.size = [&](int64_t piece) { return pieces_[static_cast<size_t>(piece)].bytes; };
  lines.work = [&](int64_t piece) {
    const PieceFiles files = line_files(static_cast<size_t>(piece));
    const LineRecord record = find_lines(config_, fields_, files_, pieces_[static_cast<size_t>(piece)], files);
    write_scratch(files.record(), tag_, record.json().dump());
  };
  board.share(lines);

  std::vector<std::string> runs, results;
  int64_t entries = 0;
  for (size_t i = 0; i < pieces_.size(); ++i) {
    const LineRecord record = LineRecord::from(read_json(line_files(i).record()));
    for (size_t k = 0; k < record.checksums.size(); ++k) runs.push_back(line_run(line_files(i), k));
    entries += record.lines;
  }
  WorkBoard::Stage repeated;
  repeated.name = "repeated";
  repeated.tasks = line_parts(entries);
  repeated.doing = "looking for repeated lines";
  repeated.unit = "parts";
  for (int64_t part = 0; part < repeated.tasks; ++part) results.push_back(path(cat("repeated-", part)));
  repeated.is_done = [&](int64_t part) { return exists(results[static_cast<size_t>(part)]); };
  repeated.size = [](int64_t) { return 1; };
  repeated.work = [&](int64_t part) {
    const std::vector<uint64_t> found = find_repeated_lines(runs, part, repeated.tasks, config_.clean.repeated_lines);
    write_scratch(results[static_cast<size_t>(part)], tag_,
                  {reinterpret_cast<const char*>(found.data()), found.size() * sizeof(uint64_t)});
  };
  board.share(repeated);
  repeated_.emplace(results);
}

}  // namespace broadsheet
