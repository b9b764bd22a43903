#include "data/remove_documents.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string_view>

#include "core/checksum.h"
#include "core/errors.h"
#include "core/text.h"
#include "data/field_reader.h"
#include "data/lengths.h"
#include "data/manifest.h"
#include "data/preparation/corpus_switch.h"
#include "data/preparation/duplicate_search.h"
#include "data/preparation/places.h"
#include "data/preparation/scratch.h"
#include "data/preparation/seen_file.h"
#include "data/prepare.h"
#include "data/shard_file.h"

namespace broadsheet {
namespace {

constexpr const char* kRecordName = "removal.json";
constexpr size_t kNamedIds = 5;

// Rows of a shard, by whether they leave.
struct Rows {
  std::vector<bool> leave;
  int64_t leaving() const { return std::count(leave.begin(), leave.end(), true); }
};

template <class T>
void keep_rows(const Rows& rows, std::span<const T> from, std::vector<T>& to, size_t width = 1) {
  for (size_t row = 0; row < rows.leave.size(); ++row)
    if (!rows.leave[row]) to.insert(to.end(), from.begin() + row * width, from.begin() + (row + 1) * width);
}

// Between the offsets of the rows that stay: add(begin, end), and where they end then.
template <class Add>
void keep_between(const Rows& rows, std::span<const int64_t> offsets, std::vector<int64_t>& to_offsets, Add add) {
  for (size_t row = 0; row < rows.leave.size(); ++row) {
    if (rows.leave[row]) continue;
    add(static_cast<size_t>(offsets[row]), static_cast<size_t>(offsets[row + 1]));
    to_offsets.push_back(to_offsets.back() + offsets[row + 1] - offsets[row]);
  }
}

template <class T, class Elements>
auto append_to(Elements& to, std::span<const T> from) {
  return [&to, from](size_t begin, size_t end) {
    const auto part = from.subspan(begin, end - begin);
    to.insert(to.end(), part.begin(), part.end());
  };
}

void keep_lists(const Rows& rows, const MappedShard::Column& from, ShardColumn& to) {
  keep_between(rows, from.offsets, to.offsets, [&](size_t begin, size_t end) {
    for (size_t item = begin; item < end; ++item) {
      append_to(to.bytes, from.bytes)(static_cast<size_t>(from.items[item]), static_cast<size_t>(from.items[item + 1]));
      to.items.push_back(static_cast<int64_t>(to.bytes.size()));
    }
  });
}

ShardColumn column_without(const Rows& rows, const MappedShard::Column& from, const FieldInfo& field,
                           int64_t vocab_size) {
  ShardColumn column = empty_column(field.name, field.kind, vocab_size);
  if (field.kind == FieldKind::kText) {
    keep_between(rows, from.offsets, column.offsets,
                 [&](size_t begin, size_t end) { column.tokens.append(from.tokens.subspan(begin, end - begin)); });
  } else if (is_string_kind(field.kind)) {
    keep_between(rows, from.offsets, column.offsets, append_to(column.bytes, from.bytes));
  } else if (field.kind == FieldKind::kList) {
    keep_lists(rows, from, column);
  } else if (field.kind == FieldKind::kLabel) {
    keep_rows(rows, from.labels, column.labels);
  } else if (has_classes(field.kind)) {
    keep_between(rows, from.offsets, column.offsets, append_to(column.labels, from.labels));
  } else {
    keep_rows(rows, from.numbers, column.numbers);
  }
  return column;
}

ShardData data_without(const Rows& rows, const MappedShard& shard, const Manifest& manifest) {
  ShardData data;
  for (size_t i = 0; i < manifest.fields.size(); ++i)
    data.columns.push_back(column_without(rows, shard.column(i), manifest.fields[i], manifest.vocab_size));
  keep_rows(rows, shard.source_files(), data.source_files);
  keep_rows(rows, shard.source_lines(), data.source_lines);
  return data;
}

SeenDocuments seen_without(const Rows& rows, const ChunkView& seen) {
  SeenDocuments kept;
  kept.documents = static_cast<int64_t>(rows.leave.size()) - rows.leaving();
  if (!seen.hashes.empty()) keep_rows(rows, seen.hashes, kept.hashes);
  keep_rows(rows, seen.bands, kept.bands, seen.bands.size() / rows.leave.size());
  if (!seen.shingle_offsets.empty()) {
    kept.shingle_offsets.push_back(0);
    keep_between(rows, seen.shingle_offsets, kept.shingle_offsets, append_to(kept.shingles, seen.shingles));
  }
  return kept;
}

// A removal in the making: the manifest becomes the new one.
class Removal {
 public:
  Removal(std::string folder, const std::vector<std::string>& ids)
      : folder_(std::move(folder)), ids_(ids.begin(), ids.end()), manifest_(Manifest::load(folder_)) {
    const auto field = std::find_if(manifest_.fields.begin(), manifest_.fields.end(),
                                    [](const FieldInfo& info) { return info.kind == FieldKind::kId; });
    if (field == manifest_.fields.end())
      throw UserError("corpus.no_id", cat(folder_, ": has no field of kind id to know documents by"),
                      "add one to fields:, and make the corpus anew with --replace");
    id_field_ = static_cast<size_t>(field - manifest_.fields.begin());
  }
  const Manifest& manifest() const { return manifest_; }

  RemoveReport find();
  void stage(const std::string& staged);

 private:
  std::unique_ptr<MappedShard> open(const ManifestShard& shard) const;  // of the corpus as it is
  void count_lengths(const ManifestShard& shard, const Rows* rows);
  Rows rows_of(const MappedShard& shard, std::set<std::string, std::less<>>& unknown) const;
  void write_anew(const std::string& staged, const std::string& split, ManifestShard& shard, const Rows& rows);
  void list(const std::string& staged, const std::string& name);

  std::string folder_;
  std::set<std::string, std::less<>> ids_;
  Manifest manifest_;
  size_t id_field_ = 0;
  std::map<std::string, Rows> rows_;             // of shards that lose some, by file
  std::map<std::string, LengthCounts> lengths_;  // by text field, of the documents that stay
};

std::unique_ptr<MappedShard> Removal::open(const ManifestShard& shard) const {
  MappedShard::Expected expected;
  for (const FieldInfo& info : manifest_.fields) expected.fields.emplace_back(info.name, info.kind);
  expected.documents = shard.documents;
  expected.layout = shard.layout;
  expected.size = manifest_.files.at(shard.file).size;
  auto mapped = MappedShard::open(folder_ + "/" + shard.file, expected);
  mapped->check_offsets();  // they are followed as they are
  return mapped;
}

Rows Removal::rows_of(const MappedShard& shard, std::set<std::string, std::less<>>& unknown) const {
  const MappedShard::Column& column = shard.column(id_field_);
  Rows rows;
  for (size_t row = 0; row < static_cast<size_t>(shard.documents()); ++row) {
    const auto begin = static_cast<size_t>(column.offsets[row]), end = static_cast<size_t>(column.offsets[row + 1]);
    const std::string_view id(column.bytes.data() + begin, end - begin);
    rows.leave.push_back(ids_.find(id) != ids_.end());
    if (!rows.leave.back()) continue;
    if (const auto found = unknown.find(id); found != unknown.end()) unknown.erase(found);
  }
  return rows;
}

RemoveReport Removal::find() {
  RemoveReport report;
  report.folder = folder_;
  std::set<std::string, std::less<>> unknown = ids_;
  for (const auto& [split, part] : manifest_.splits) {
    report.documents_by_split[split] = 0;
    for (const ManifestShard& shard : part.shards) {
      Rows rows = rows_of(*open(shard), unknown);
      if (rows.leaving() == 0) continue;
      report.documents_by_split[split] += rows.leaving();
      ++report.shards;
      rows_[shard.file] = std::move(rows);
    }
    report.documents += report.documents_by_split[split];
  }
  report.unknown.assign(unknown.begin(), unknown.end());
  if (report.documents > 0 && report.documents_by_split["train"] == manifest_.splits.at("train").documents)
    throw UserError("corpus.empty_split", cat(folder_, ": no document would be left in the train split"),
                    "remove the folder, or make the corpus anew from other sources");
  return report;
}

void Removal::list(const std::string& staged, const std::string& name) {
  const std::string path = staged + "/" + name;
  manifest_.files[name] = {std::filesystem::file_size(path), sha256_file(path)};
}

// Of which sources the rows are that stay.
std::vector<SourceRun> sources_without(const Rows& rows, const std::vector<SourceRun>& sources) {
  std::vector<SourceRun> kept;
  size_t row = 0;
  for (const SourceRun& run : sources) {
    SourceRun left{run.source, 0};
    for (const size_t end = row + static_cast<size_t>(run.documents); row < end; ++row)
      left.documents += rows.leave[row] ? 0 : 1;
    if (left.documents > 0) kept.push_back(left);
  }
  return kept;
}

// The shard, and what is remembered of its documents, without the rows that leave.
void Removal::write_anew(const std::string& staged, const std::string& split, ManifestShard& shard, const Rows& rows) {
  const std::string before = shard.file;
  shard.documents -= rows.leaving();
  if (shard.documents > 0) {
    ShardData data =
        data_without(rows, *open({before, static_cast<int64_t>(rows.leave.size()), {}, shard.layout}), manifest_);
    data.split = split;
    data.tokenizer_fingerprint = manifest_.tokenizer_fingerprint;
    shard.file = next_revision(before);
    shard.sources = sources_without(rows, shard.sources);
    shard.layout = write_shard(staged + "/" + shard.file, data);
    list(staged, shard.file);
    if (manifest_.files.count(seen_name(before)) > 0) {
      write_seen(staged + "/" + seen_name(shard.file),
                 seen_without(rows, *open_chunk({folder_ + "/" + seen_name(before), 0,
                                                 static_cast<int64_t>(rows.leave.size()), split_from_name(split)},
                                                0)));
      list(staged, seen_name(shard.file));
    }
  }
  manifest_.files.erase(before);
  manifest_.files.erase(seen_name(before));
}

void Removal::count_lengths(const ManifestShard& shard, const Rows* rows) {
  const auto whole = open(shard);
  for (size_t i = 0; i < manifest_.fields.size(); ++i) {
    if (manifest_.fields[i].kind != FieldKind::kText) continue;
    LengthCounts& lengths = lengths_[manifest_.fields[i].name];
    const std::span<const int64_t> offsets = whole->column(i).offsets;
    for (size_t row = 0; row < static_cast<size_t>(shard.documents); ++row)
      if (rows == nullptr || !rows->leave[row]) lengths.add(offsets[row + 1] - offsets[row]);
  }
}

void Removal::stage(const std::string& staged) {
  PrepareReport counts = PrepareReport::from(manifest_.counts);
  for (auto& [split, part] : manifest_.splits) {
    for (ManifestShard& shard : part.shards) {
      const auto rows = rows_.find(shard.file);
      count_lengths(shard, rows != rows_.end() ? &rows->second : nullptr);
      if (rows != rows_.end()) write_anew(staged, split, shard, rows->second);
    }
    part.shards.erase(std::remove_if(part.shards.begin(), part.shards.end(),
                                     [](const ManifestShard& shard) { return shard.documents == 0; }),
                      part.shards.end());
    part.documents = 0;
    for (auto& [field, tokens] : part.tokens) tokens = 0;
    for (const ManifestShard& shard : part.shards) {
      part.documents += shard.documents;
      for (auto& [field, tokens] : part.tokens)
        tokens += static_cast<int64_t>(shard.layout.datasets.at("fields/" + field + "/tokens").count);
    }
    counts.removed += counts.documents_by_split[split] - part.documents;
    counts.kept -= counts.documents_by_split[split] - part.documents;
    counts.documents_by_split[split] = part.documents;
  }
  counts.tokens = 0;
  for (const auto& [field, lengths] : lengths_) {
    counts.tokens += lengths.tokens();
    counts.lengths[field] = LengthSummary::of(lengths);
  }
  manifest_.counts = counts.counts();
  sync_folder(staged);
  write_file_durably(staged + "/" + kManifestName, manifest_.dump());
}

// Of an earlier call with the same ids that was killed after the switch.
std::optional<RemoveReport> finished_before(const std::string& record, const std::string& ids,
                                            const std::string& fingerprint) {
  if (!exists(record)) return std::nullopt;
  try {
    const nlohmann::json json = read_json(record);
    if (json.at("ids") != ids || json.at("after") != fingerprint) return std::nullopt;
    return RemoveReport::from(json.at("report"));
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

[[noreturn]] void none_is_known(const RemoveReport& report) {
  const size_t named = std::min(kNamedIds, report.unknown.size());
  const std::vector<std::string> some(report.unknown.begin(), report.unknown.begin() + static_cast<ptrdiff_t>(named));
  throw UserError(
      "corpus.unknown_id",
      cat(report.folder, ": no document has any of the ", with_thousands(static_cast<int64_t>(report.unknown.size())),
          " ids (", printable(join(some, ", ")), named < report.unknown.size() ? ", ..." : "", ")"),
      "name ids of the corpus's field of kind id, exactly as they are in the sources");
}

}  // namespace

nlohmann::json RemoveReport::json() const {
  return {{"removed", documents},
          {"documents_by_split", documents_by_split},
          {"unknown", unknown},
          {"shards", shards},
          {"folder", folder}};
}

RemoveReport RemoveReport::from(const nlohmann::json& json) {
  return {json.at("removed").get<int64_t>(), json.at("documents_by_split").get<std::map<std::string, int64_t>>(),
          json.at("unknown").get<std::vector<std::string>>(), json.at("shards").get<int64_t>(),
          json.at("folder").get<std::string>()};
}

std::vector<std::string> read_ids(const std::string& argument) {
  const bool file = starts_with(argument, "@");
  if (file && !exists(argument.substr(1)))
    throw UserError("usage.ids", cat("--remove ", argument, ": there is no file ", argument.substr(1)),
                    "give ids with commas between them, or @FILE with one a line");
  const std::string text = file ? read_file(argument.substr(1)) : argument;
  std::vector<std::string> ids;
  for (std::string& id : split(text, file ? '\n' : ',')) {
    if (file && ends_with(id, "\r")) id.pop_back();
    if (!id.empty()) ids.push_back(std::move(id));
  }
  if (ids.empty())
    throw UserError("usage.ids", cat("--remove ", argument, ": holds no id"),
                    "give ids with commas between them, or @FILE with one a line");
  return ids;
}

RemoveReport remove_documents(const CorpusConfig& config, const std::vector<std::string>& ids,
                              const RemoveOptions& options) {
  if (config.output.empty()) throw UserError("corpus.output", "output: is not set", "name the corpus's folder");
  const Places places(config);
  std::optional<FolderLock> lock;
  if (!options.dry_run && exists(places.output)) lock.emplace(places.hold(options.incarnation));
  Removal removal(places.output, ids);
  const std::string record = places.scratch() + "/" + kRecordName, staged = places.scratch() + "/corpus";
  const std::set<std::string> sorted(ids.begin(), ids.end());
  const std::string named = sha256_hex(join({sorted.begin(), sorted.end()}, "\n"));
  std::optional<RemoveReport> report;
  if (!options.dry_run) {
    report = finished_before(record, named, removal.manifest().fingerprint);
    remove_leftovers(places.output, removal.manifest());
  }
  if (!report) {
    report = removal.find();
    if (report->documents == 0) none_is_known(*report);
    if (options.dry_run) return *report;
    if (exists(places.scratch())) remove_folder_durably(places.scratch());
    make_folders(staged);
    removal.stage(staged);
    write_file_durably(
        record,
        nlohmann::json({{"ids", named}, {"after", Manifest::load(staged).fingerprint}, {"report", report->json()}})
            .dump());
    switch_corpus(staged, places.output);
  }
  // Rows that a frozen trunk made of the documents; runs make them anew.
  if (exists(places.output + "/features")) remove_folder_durably(places.output + "/features");
  if (exists(places.scratch())) remove_folder_durably(places.scratch());
  return *report;
}

}  // namespace broadsheet
