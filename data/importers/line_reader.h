// Lines of a byte source, in bounded memory.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "data/importers/byte_source.h"

namespace broadsheet {

// A longer line (or CSV record) is set aside, so that one missing newline cannot take all memory.
inline constexpr size_t kMaxLineBytes = size_t{16} << 20;

struct Line {
  std::string text;       // without the '\n'; a '\r' before it is still there
  int64_t number = 0;     // from 1
  int64_t byte = 0;       // of its first byte, in the decompressed file
  bool too_long = false;  // text is empty then
};

class LineReader {
 public:
  // Skips a UTF-8 byte order mark. Throws UserError("corpus.encoding") for UTF-16 and UTF-32 ones, and
  // UserError("corpus.format") for Parquet, HDF5, spreadsheets and other files that are no text.
  explicit LineReader(const std::string& path);
  // False at the end. A last line without '\n' counts as a line, an empty one does not.
  bool next(Line& line);
  int64_t consumed() const { return source_->consumed(); }

 private:
  bool fill();

  std::unique_ptr<ByteSource> source_;
  std::string buffer_;
  size_t begin_ = 0, end_ = 0;  // unread part of buffer_
  int64_t number_ = 0, byte_ = 0;
};

}  // namespace broadsheet
