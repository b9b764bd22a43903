#include "launcher/line_pieces.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

constexpr int64_t kPieces = 1024;
constexpr int64_t kLeastPiece = 64 << 10, kMostPiece = 8 << 20;
constexpr size_t kBlock = size_t{1} << 20;

}  // namespace

int64_t line_piece_size(int64_t size) {
  return std::clamp(size / kPieces, kLeastPiece, kMostPiece);
}

std::vector<LinePiece> cut_lines(const std::string& path, int64_t bytes) {
  std::ifstream file(path, std::ios::binary);
  std::vector<LinePiece> pieces;
  std::string block(kBlock, '\0');
  int64_t offset = 0, begin = 0, first_line = 1, line = 1;
  const auto cut = [&](int64_t end) {
    pieces.push_back({begin, end, first_line});
    begin = end;
    first_line = line;
  };
  while (file) {
    file.read(block.data(), static_cast<std::streamsize>(block.size()));
    const auto got = static_cast<size_t>(file.gcount());
    const char *at = block.data(), *const end = at + got;
    while ((at = static_cast<const char*>(std::memchr(at, '\n', static_cast<size_t>(end - at)))) != nullptr) {
      ++at;
      ++line;
      const int64_t here = offset + (at - block.data());
      if (here - begin >= bytes) cut(here);
    }
    offset += static_cast<int64_t>(got);
  }
  if (!file.eof())
    throw RunError("io.read", cat(path, ": cannot be read (", std::strerror(errno), ")"), "see the system's log");
  if (offset > begin) cut(offset);
  return pieces;
}

bool LineStream::next(std::string& line) {
  line.clear();
  too_long_ = false;
  bool any = false;
  for (std::streambuf* buffer = input_.rdbuf(); left_ > 0; --left_) {
    const int next = buffer->sbumpc();
    if (next == std::char_traits<char>::eof()) break;
    any = true;
    if (next == '\n') {
      --left_;
      break;
    }
    if (line.size() == kLongestLine) too_long_ = true;
    if (!too_long_) line += static_cast<char>(next);
  }
  if (too_long_) line.clear();
  number_ += any ? 1 : 0;
  return any;
}

}  // namespace broadsheet
