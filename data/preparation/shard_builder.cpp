#include "data/preparation/shard_builder.h"

#include <algorithm>
#include <map>
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

void check_part(size_t size, size_t begin, size_t end) {
  if (end > size || begin > end) throw RunError("prepare.chunk", "a chunk is damaged", "prepare again");
}

template <class T>
std::span<const T> part_of(std::span<const T> all, size_t begin, size_t end) {
  check_part(all.size(), begin, end);
  return all.subspan(begin, end - begin);
}

// Those of [begin, end), behind the last of `all`.
void append_offsets(std::span<const int64_t> offsets, size_t begin, size_t end, std::vector<int64_t>& all) {
  const auto some = part_of(offsets, begin, end + 1);
  const int64_t shift = all.back() - some[0];
  for (const int64_t offset : some.subspan(1)) all.push_back(offset + shift);
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
    each_run([&](const Run& run) { append_offsets(run.chunk->columns[field].offsets, run.begin, run.end, all); });
  }
  // Those of the items between the offsets of the documents.
  void add_items(size_t field, std::vector<int64_t>& all) const {
    each_part(field, [&](const ChunkView::Column& column, const Run&, size_t begin, size_t end) {
      append_offsets(column.items, begin, end, all);
    });
  }
  // What lies between the offsets of the documents, run by run: action(column, run, begin, end).
  template <class Action>
  void each_part(size_t field, Action action) const {
    each_run([&](const Run& run) {
      const ChunkView::Column& column = run.chunk->columns[field];
      const auto ends = part_of(column.offsets, run.begin, run.end + 1);
      action(column, run, static_cast<size_t>(ends.front()), static_cast<size_t>(ends.back()));
    });
  }
  // A shard of a small split looks at a part of very many chunks: only one of them is in memory at a time.
  template <class Action>
  void each_run(Action action) const {
    for (size_t i = 0; i < runs_.size(); ++i) {
      action(runs_[i]);
      if (i + 1 == runs_.size() || runs_[i + 1].chunk != runs_[i].chunk) runs_[i].chunk->forget();
    }
  }

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

// Numbers of the chunk's classes among the final ones, which are in no order (a later day's stand behind).
std::vector<int32_t> final_ids(const std::vector<std::string>& found, const std::map<std::string, int32_t>& classes) {
  std::vector<int32_t> ids;
  for (const std::string& name : found) {
    const auto place = classes.find(name);
    BROADSHEET_ASSERT(place != classes.end());
    ids.push_back(place->second);
  }
  return ids;
}

// Of a label one each document, of labels and tags any number.
void add_labels(const Gatherer& gatherer, size_t field, const std::vector<std::string>& classes, ShardColumn& all) {
  std::map<std::string, int32_t> numbers;
  for (const std::string& name : classes) numbers.emplace(name, static_cast<int32_t>(numbers.size()));
  const ChunkView* before = nullptr;
  std::vector<int32_t> ids;
  const auto add = [&](const ChunkView::Column& column, const Run& run, size_t begin, size_t end) {
    if (run.chunk != before && !column.classes.empty()) ids = final_ids(column.classes, numbers);
    before = run.chunk;
    for (const int32_t label : part_of(column.labels, begin, end))
      all.labels.push_back(label == kNoClass || column.classes.empty() ? label : ids.at(static_cast<size_t>(label)));
  };
  if (all.kind == FieldKind::kLabel)
    gatherer.each_run([&](const Run& run) { add(run.chunk->columns[field], run, run.begin, run.end); });
  else
    gatherer.each_part(field, add);
  if (all.kind != FieldKind::kLabels) return;
  for (size_t i = 1; i < all.offsets.size(); ++i)
    std::sort(all.labels.begin() + all.offsets[i - 1], all.labels.begin() + all.offsets[i]);
}

// Token ids, and bytes of strings or of the items of lists.
void add_tokens(const Gatherer& gatherer, size_t field, TokenList& all) {
  gatherer.each_part(field, [&](const ChunkView::Column& column, const Run&, size_t begin, size_t end) {
    check_part(column.tokens.size(), begin, end);
    all.append(column.tokens.subspan(begin, end - begin));
  });
}

void add_bytes(const Gatherer& gatherer, size_t field, std::string& all) {
  gatherer.each_part(field, [&](const ChunkView::Column& column, const Run&, size_t begin, size_t end) {
    check_part(column.bytes.size(), begin, end);
    all += column.bytes.substr(begin, end - begin);
  });
}

void add_list_bytes(const Gatherer& gatherer, size_t field, std::string& all) {
  gatherer.each_part(field, [&](const ChunkView::Column& column, const Run&, size_t begin, size_t end) {
    const auto ends = part_of(column.items, begin, end + 1);
    check_part(column.bytes.size(), static_cast<size_t>(ends.front()), static_cast<size_t>(ends.back()));
    all += column.bytes.substr(static_cast<size_t>(ends.front()), static_cast<size_t>(ends.back() - ends.front()));
  });
}

}  // namespace

ShardData gather_shard(const PlannedShard& shard, const std::vector<PlacedChunk>& chunks, const FieldReader& fields,
                       const std::vector<std::vector<std::string>>& classes, int64_t vocab_size) {
  const Gatherer gatherer(shard, chunks, fields.fields().size());
  ShardData data;
  data.split = split_name(shard.split);
  for (size_t i = 0; i < fields.fields().size(); ++i) {
    const FieldReader::Field& field = fields.fields()[i];
    ShardColumn column = empty_column(field.name, field.config.kind, vocab_size);
    if (has_offsets(column.kind)) gatherer.add_offsets(i, column.offsets);
    if (column.kind == FieldKind::kText) {
      column.tokens.reserve(static_cast<size_t>(column.offsets.back()));
      add_tokens(gatherer, i, column.tokens);
    } else if (is_string_kind(column.kind)) {
      column.bytes.reserve(static_cast<size_t>(column.offsets.back()));
      add_bytes(gatherer, i, column.bytes);
    } else if (column.kind == FieldKind::kList) {
      gatherer.add_items(i, column.items);
      column.bytes.reserve(static_cast<size_t>(column.items.back()));
      add_list_bytes(gatherer, i, column.bytes);
    } else if (has_classes(column.kind)) {
      add_labels(gatherer, i, classes[i], column);
    } else {
      gatherer.each_run(
          [&](const Run& run) { append(column.numbers, part_of(run.chunk->columns[i].numbers, run.begin, run.end)); });
    }
    data.columns.push_back(std::move(column));
  }
  gatherer.each_run([&](const Run& run) {
    const PlacedChunk& chunk = chunks[run.chunk_number];
    for (const int64_t line : part_of(run.chunk->lines, run.begin, run.end)) {
      data.source_files.push_back(chunk.file);
      data.source_lines.push_back(chunk.lines_before + line);
    }
  });
  return data;
}

SeenDocuments gather_seen(const PlannedShard& shard, const std::vector<PlacedChunk>& chunks, size_t fields) {
  const Gatherer gatherer(shard, chunks, fields);
  SeenDocuments seen;
  seen.documents = shard.documents;
  gatherer.each_run([&](const Run& run) {
    const ChunkView& chunk = *run.chunk;
    if (!chunk.hashes.empty()) append(seen.hashes, part_of(chunk.hashes, run.begin, run.end));
    if (chunk.shingle_offsets.empty()) return;
    const size_t bands = chunk.bands.size() / chunk.lines.size();
    append(seen.bands, part_of(chunk.bands, run.begin * bands, run.end * bands));
    const auto offsets = part_of(chunk.shingle_offsets, run.begin, run.end + 1);
    const auto shift = static_cast<int64_t>(seen.shingles.size()) - offsets[0];
    append(seen.shingles,
           part_of(chunk.shingles, static_cast<size_t>(offsets.front()), static_cast<size_t>(offsets.back())));
    if (seen.shingle_offsets.empty()) seen.shingle_offsets.push_back(0);
    for (const int64_t offset : offsets.subspan(1)) seen.shingle_offsets.push_back(offset + shift);
  });
  return seen;
}

}  // namespace broadsheet
