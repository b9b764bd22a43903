// A file of lines as pieces of work: each can be read by itself, and knows the numbers of its lines.
#pragma once

#include <cstdint>
#include <istream>
#include <string>
#include <vector>

namespace broadsheet {

struct LinePiece {
  int64_t begin = 0, end = 0;  // bytes; a line's newline belongs to its piece
  int64_t first_line = 1;
};

// Cut behind the first newline after every `bytes` bytes; an empty file has no piece. A function of the file's bytes
// and `bytes` alone. RunError("io.*") when it cannot be read.
std::vector<LinePiece> cut_lines(const std::string& path, int64_t bytes);

// 64 KiB to 8 MiB: about a thousand pieces of a file of `size` bytes.
int64_t line_piece_size(int64_t size);

// The lines of a stream, up to so many of its bytes. Memory is bounded by the longest line that is read.
class LineStream {
 public:
  static constexpr size_t kLongestLine = size_t{16} << 20;  // bytes; a longer one is passed over

  LineStream(std::istream& input, int64_t first_line, int64_t bytes = INT64_MAX)
      : input_(input), number_(first_line - 1), left_(bytes) {}
  // False at the end. The line has no newline; it is empty when it is too long.
  bool next(std::string& line);
  bool too_long() const { return too_long_; }  // the line that next() gave last
  int64_t number() const { return number_; }   // its number

 private:
  std::istream& input_;
  int64_t number_, left_;
  bool too_long_ = false;
};

}  // namespace broadsheet
