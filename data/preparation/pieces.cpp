#include "data/preparation/pieces.h"

#include <algorithm>

#include "data/importers/importer.h"

namespace broadsheet {
namespace {

constexpr int64_t kPieces = 64;  // of sources of middling size
constexpr int64_t kLeastPiece = 1 << 20, kMostPiece = 32 << 20;

}  // namespace

int64_t piece_size(const std::vector<SourceFile>& files) {
  int64_t bytes = 0;
  for (const SourceFile& file : files) bytes += file.size;
  return std::clamp(bytes / kPieces, kLeastPiece, kMostPiece);
}

std::vector<Piece> cut_sources(const std::vector<SourceFile>& files, int64_t piece_bytes) {
  std::vector<Piece> pieces;
  for (size_t i = 0; i < files.size(); ++i) {
    const SourceFile& file = files[i];
    const int64_t step = can_be_cut(file.path, *file.source) ? piece_bytes : file.size;
    for (int64_t begin = 0; begin == 0 || begin < file.size; begin += step) {
      const bool last = begin + step >= file.size;
      pieces.push_back(
          {static_cast<int32_t>(i), {begin, last ? INT64_MAX : begin + step}, std::min(step, file.size - begin)});
      if (last) break;
    }
  }
  return pieces;
}

}  // namespace broadsheet
