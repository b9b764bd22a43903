#include "data/preparation/shard_builder.h"

#include <algorithm>
#include <memory>

#include "core/errors.h"
#include "core/text.h"
#include "data/mapped_file.h"

namespace broadsheet {
namespace {

// Neighbours in a chunk that are neighbours in the shard, too.
struct Run {
  const ChunkView* chunk;
  size_t chunk_number;
  size_t begin, end;
};

template <class T>
void append(std::vector<T>& all, std::span<const T> part) {
  all.insert(all.end(), part.begin(), part.end());
}

template <class T>
std::span<const T> part_of(std::span<const T> all, size_t begin, size_t end) {
  if (end > all.size() || begin > end) throw RunError("prepare.chunk", "a chunk is damaged", "prepare again");
  return all.subspan(begin, end - begin);
}

class Gatherer {
 public:
  Gatherer(const PlannedShard& shard, const std::vector<PlacedChunk>& chunks, size_t fields) : chunks_(chunks) {
    int64_t left = shard.documents;
    for (auto number = static_cast<size_t>(shard.first_chunk); left > 0; ++number) {
      BROADSHEET_ASSERT(number < chunks.size());
      const bool first = number == static_cast<size_t>(shard.first_chunk);
      find_runs(number, static_cast<uint8_t>(shard.split), first ? static_cast<size_t>(shard.first_document) : 0,
                fields, left);
    }
  }

  void add_offsets(size_t field, std::vector<int64_t>& all) const {
    all.push_back(0);
    for (const Run& run : runs_) {
      const auto offsets = part_of(run.chunk->columns[field].offsets, run.begin, run.end + 1);
      const int64_t shift = all.back() - offsets[0];
      for (const int64_t offset : offsets.subspan(1)) all.push_back(offset + shift);
    }
  }
  // What lies between the offsets of the documents: `pick` of the column.
  template <class T, class Pick, class Target>
  void add_elements(size_t field, size_t count, Target& all, Pick pick) const {
    all.reserve(count);
    for (const Run& run : runs_) {
      const ChunkView::Column& column = run.chunk->columns[field];
      const auto begin = static_cast<size_t>(column.offsets[run.begin]),
                 end = static_cast<size_t>(column.offsets[run.end]);
      const std::span<const T> part = part_of(std::span<const T>(pick(column)), begin, end);
      all.insert(all.end(), part.begin(), part.end());
    }
  }
  const std::vector<Run>& runs() const { return runs_; }

 private:
  void find_runs(size_t number, uint8_t split, size_t document, size_t fields, int64_t& left) {
    const MappedFile keep(chunks_[number].keep);
    const std::string_view places = keep.bytes();
    const ChunkView* view = nullptr;
    for (; document < places.size() && left > 0; ++document) {
      if (static_cast<uint8_t>(places[document]) != split) continue;
      --left;
      if (view == nullptr) {
        views_.push_back(std::make_unique<ChunkView>(chunks_[number].path, fields));
        view = views_.back().get();
      } else if (runs_.back().end == document) {
        ++runs_.back().end;
        continue;
      }
      runs_.push_back({view, number, document, document + 1});
    }
  }

  const std::vector<PlacedChunk>& chunks_;
  std::vector<std::unique_ptr<ChunkView>> views_;
  std::vector<Run> runs_;
};

// Numbers of the chunk's classes among the final ones.
std::vector<int32_t> final_ids(const std::vector<std::string>& found, const std::vector<std::string>& classes) {
  std::vector<int32_t> ids;
  for (const std::string& name : found) {
    const auto place = std::lower_bound(classes.begin(), classes.end(), name);
    BROADSHEET_ASSERT(place != classes.end() && *place == name);
    ids.push_back(static_cast<int32_t>(place - classes.begin()));
  }
  return ids;
}

void add_labels(const Gatherer& gatherer, size_t field, const std::vector<std::string>& classes,
                std::vector<int32_t>& all) {
  const ChunkView* before = nullptr;
  std::vector<int32_t> ids;
  for (const Run& run : gatherer.runs()) {
    const ChunkView::Column& column = run.chunk->columns[field];
    if (run.chunk != before && !column.classes.empty()) ids = final_ids(column.classes, classes);
    before = run.chunk;
    for (const int32_t label : part_of(column.labels, run.begin, run.end))
      all.push_back(label == kNoClass || column.classes.empty() ? label : ids.at(static_cast<size_t>(label)));
  }
}

}  // namespace

ShardData gather_shard(const PlannedShard& shard, const std::vector<PlacedChunk>& chunks, const FieldReader& fields,
                       const std::vector<std::vector<std::string>>& classes) {
  const Gatherer gatherer(shard, chunks, fields.fields().size());
  ShardData data;
  data.split = split_name(shard.split);
  for (size_t i = 0; i < fields.fields().size(); ++i) {
    const FieldReader::Field& field = fields.fields()[i];
    ShardColumn column{field.name, field.config.kind, {}, {}, {}, {}, {}};
    if (column.kind == FieldKind::kText) {
      gatherer.add_offsets(i, column.offsets);
      gatherer.add_elements<int32_t>(i, static_cast<size_t>(column.offsets.back()), column.tokens,
                                     [](const ChunkView::Column& c) { return c.tokens; });
    } else if (is_string_kind(column.kind)) {
      gatherer.add_offsets(i, column.offsets);
      gatherer.add_elements<char>(i, static_cast<size_t>(column.offsets.back()), column.bytes,
                                  [](const ChunkView::Column& c) { return c.bytes; });
    } else if (column.kind == FieldKind::kLabel) {
      add_labels(gatherer, i, classes[i], column.labels);
    } else {
      for (const Run& run : gatherer.runs())
        append(column.numbers, part_of(run.chunk->columns[i].numbers, run.begin, run.end));
    }
    data.columns.push_back(std::move(column));
  }
  for (const Run& run : gatherer.runs()) {
    const PlacedChunk& chunk = chunks[run.chunk_number];
    for (const int64_t line : part_of(run.chunk->lines, run.begin, run.end)) {
      data.source_files.push_back(chunk.file);
      data.source_lines.push_back(chunk.lines_before + line);
    }
  }
  return data;
}

}  // namespace broadsheet
