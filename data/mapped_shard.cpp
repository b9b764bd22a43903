#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/checksum.h"
#include "core/errors.h"
#include "core/text.h"
#include "data/field_reader.h"
#include "data/shard_file.h"

namespace broadsheet {
namespace {

[[noreturn]] void bad_shard(const std::string& path, const std::string& what) {
  throw UserError("corpus.shard", cat(path, ": ", what), "copy the corpus again, or prepare it again");
}

void check_ends(const std::string& path, const std::string& name, std::span<const int64_t> offsets, int64_t documents,
                size_t end) {
  const auto bad = [&](const char* what) { bad_shard(path, cat("offsets of field ", name, " ", what)); };
  if (static_cast<int64_t>(offsets.size()) != documents + 1) bad("are too few or too many");
  if (offsets.front() != 0 || offsets.back() != static_cast<int64_t>(end)) bad("point outside");
}

void check_size(const std::string& path, uint64_t expected) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) bad_shard(path, std::strerror(errno));
  const auto size = static_cast<uint64_t>(status.st_size);
  if (size != expected) bad_shard(path, cat("has ", size, " bytes, its manifest says ", expected));
}

// The elements of one dataset. shard_structure() has checked that all of them lie inside the file.
template <class T>
void view(std::span<const T>& span, const std::string& path, std::string_view bytes, const ShardLayout& layout,
          const std::string& name) {
  const auto found = layout.datasets.find(name);
  if (found == layout.datasets.end()) bad_shard(path, cat("its manifest knows no dataset ", name));
  const ShardLayout::Place& place = found->second;
  if (place.width != sizeof(T)) bad_shard(path, cat("dataset ", name, " has elements of ", place.width, " bytes"));
  if (place.count > 0) span = {reinterpret_cast<const T*>(bytes.data() + place.offset), place.count};
}

// Of either width.
void view_tokens(TokenIds& ids, const std::string& path, std::string_view bytes, const ShardLayout& layout,
                 const std::string& name) {
  const auto found = layout.datasets.find(name);
  if (found != layout.datasets.end() && found->second.width == sizeof(uint16_t)) {
    std::span<const uint16_t> narrow;
    view(narrow, path, bytes, layout, name);
    ids = narrow;
    return;
  }
  std::span<const int32_t> wide;
  view(wide, path, bytes, layout, name);
  ids = wide;
}

}  // namespace

std::string shard_structure(const std::string& path, std::string_view bytes, const ShardLayout& layout) {
  std::vector<std::pair<uint64_t, uint64_t>> extents;  // first byte, byte after the last
  for (const auto& [name, place] : layout.datasets) {
    if (place.count == 0) continue;
    if (place.width == 0 || place.offset % kShardAlignment != 0 || place.offset > bytes.size() ||
        place.count > (bytes.size() - place.offset) / place.width)
      bad_shard(path, cat("dataset ", name, " lies outside the file"));
    extents.emplace_back(place.offset, place.offset + place.count * place.width);
  }
  std::sort(extents.begin(), extents.end());
  Sha256 sha;
  uint64_t position = 0;
  for (const auto& [begin, end] : extents) {
    if (begin < position) bad_shard(path, "its datasets overlap");
    sha.update(bytes.substr(position, begin - position));
    position = end;
  }
  sha.update(bytes.substr(position));
  return sha.hex();
}

std::pair<size_t, size_t> MappedShard::between(std::span<const int64_t> offsets, size_t row, size_t end) const {
  const int64_t first = offsets[row], last = offsets[row + 1];
  if (first < 0 || first > last || last > static_cast<int64_t>(end)) bad_shard(path_, "offsets do not ascend");
  return {static_cast<size_t>(first), static_cast<size_t>(last)};
}

std::pair<size_t, size_t> MappedShard::bounds(const Column& column, size_t row) const {
  return between(column.offsets, row, column.size);
}

std::pair<size_t, size_t> MappedShard::item_bounds(const Column& column, size_t item) const {
  return between(column.items, item, column.bytes.size());
}

void MappedShard::check_offsets() const {
  for (const Column& column : columns_) {
    for (size_t row = 0; row + 1 < column.offsets.size(); ++row) bounds(column, row);
    for (size_t item = 0; item + 1 < column.items.size(); ++item) item_bounds(column, item);
  }
}

TokenIds MappedShard::tokens(const Column& column, size_t row) const {
  file_.require_readable(&column.offsets[row], 2 * sizeof column.offsets[row]);
  const auto [begin, end] = bounds(column, row);
  const TokenIds ids = column.tokens.subspan(begin, end - begin);
  file_.require_readable(ids.data(), ids.size_bytes());
  return ids;
}

std::unique_ptr<MappedShard> MappedShard::open(const std::string& path, const Expected& expected) {
  check_size(path, expected.size);
  std::unique_ptr<MappedShard> shard(new MappedShard(path));
  const std::string_view bytes = shard->file_.bytes();
  const ShardLayout& layout = expected.layout;
  if (shard_structure(path, bytes, layout) != layout.structure)
    bad_shard(path, "is damaged, or belongs to another corpus than its manifest");
  const auto one_each = [&](const std::string& name, size_t count) {
    if (count != static_cast<uint64_t>(expected.documents))
      bad_shard(path, cat("dataset ", name, " has ", count, " values for ", expected.documents, " documents"));
  };
  shard->documents_ = expected.documents;
  for (const auto& [name, kind] : expected.fields) {
    const std::string folder = "fields/" + name;
    Column column;
    if (has_offsets(kind)) {
      view(column.offsets, path, bytes, layout, folder + "/offsets");
      size_t end = 0;  // of what the offsets point into
      if (kind == FieldKind::kText) {
        view_tokens(column.tokens, path, bytes, layout, folder + "/tokens");
        end = column.tokens.size();
      } else if (is_string_kind(kind)) {
        view(column.bytes, path, bytes, layout, folder + "/bytes");
        end = column.bytes.size();
      } else if (kind == FieldKind::kList) {
        view(column.items, path, bytes, layout, folder + "/items");
        view(column.bytes, path, bytes, layout, folder + "/bytes");
        if (column.items.empty()) bad_shard(path, cat("dataset ", folder, "/items is empty"));
        end = column.items.size() - 1;
        check_ends(path, name, column.items, static_cast<int64_t>(end), column.bytes.size());
      } else {
        view(column.labels, path, bytes, layout, folder + "/values");
        end = column.labels.size();
      }
      check_ends(path, name, column.offsets, expected.documents, end);
      column.size = end;
    } else if (kind == FieldKind::kLabel) {
      view(column.labels, path, bytes, layout, folder + "/values");
      one_each(folder, column.labels.size());
    } else {
      view(column.numbers, path, bytes, layout, folder + "/values");
      one_each(folder, column.numbers.size());
    }
    shard->columns_.push_back(column);
  }
  view(shard->source_files_, path, bytes, layout, "source/file");
  view(shard->source_lines_, path, bytes, layout, "source/line");
  one_each("source/file", shard->source_files_.size());
  one_each("source/line", shard->source_lines_.size());
  return shard;
}

}  // namespace broadsheet
