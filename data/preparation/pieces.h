// The sources, cut into pieces of work. What is made of a piece depends on its bytes alone, so that any process can
// read any piece at any time.
#pragma once

#include <cstdint>
#include <vector>

#include "data/importers/line_reader.h"
#include "data/sources.h"

namespace broadsheet {

struct Piece {
  int32_t file = 0;  // number in the list of source files
  ByteRange range;   // of the file; a compressed file and a CSV are one piece
  int64_t bytes = 0;
};

// Small enough that the last pieces leave no process idle for long, large enough that there are not too many of them:
// 1 to 32 MiB. A function of the sources alone.
int64_t piece_size(const std::vector<SourceFile>& files);

// In the order of the sources. `piece_bytes` decides nothing about the corpus, only about the work.
std::vector<Piece> cut_sources(const std::vector<SourceFile>& files, int64_t piece_bytes);

}  // namespace broadsheet
