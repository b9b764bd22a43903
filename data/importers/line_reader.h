// Lines of a byte source, in bounded memory.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "data/importers/byte_source.h"
#include "data/importers/encoding.h"

namespace broadsheet {

// A longer line (or CSV record) is set aside, so that one missing newline cannot take all memory.
inline constexpr size_t kMaxLineBytes = size_t{16} << 20;

struct Line {
  std::string text;          // without the '\n'; a '\r' before it is still there
  int64_t number = 0;        // from 1
  int64_t byte = 0;          // of its first byte, in the decompressed file
  bool too_long = false;     // text is empty then
  bool undecodable = false;  // no text in the encoding that it should have
};

// Bytes [begin, end) of a file. The lines whose first byte is in it belong to it.
struct ByteRange {
  int64_t begin = 0, end = INT64_MAX;
};

class LineReader {
 public:
  // Lines come in UTF-8, whatever `encoding` (SourceConfig) they have. Skips a UTF-8 byte order mark. Throws
  // UserError("corpus.encoding") for UTF-16 and UTF-32 ones and for a file most of which is in another encoding, and
  // UserError("corpus.format") for Parquet, HDF5, spreadsheets and other files that are no text.
  // A range that does not begin with the file is for uncompressed ones; its lines are counted from its beginning.
  explicit LineReader(const std::string& path, const std::string& encoding = "utf-8", const ByteRange& range = {});
  // Of something else than a file; `name` is what messages call it.
  LineReader(std::unique_ptr<ByteSource> source, const std::string& name, const std::string& encoding);
  // False at the end. A last line without '\n' counts as a line, an empty one does not.
  bool next(Line& line);
  int64_t consumed() const { return source_->consumed(); }
  int64_t lines() const { return number_; }

 private:
  void check_head(const std::string& path);
  void check_encoding(const std::string& path) const;
  void find_first_line(int64_t begin);
  bool fill();

  std::unique_ptr<ByteSource> source_;
  std::string buffer_;
  size_t begin_ = 0, end_ = 0;  // unread part of buffer_
  int64_t number_ = 0, byte_ = 0, limit_ = INT64_MAX;
  LineDecoder decoder_;
};

}  // namespace broadsheet
