#include "data/preparation/piece_reader.h"

#include <algorithm>
#include <fstream>

#include "core/checksum.h"
#include "core/errors.h"
#include "core/text.h"
#include "data/cleaning/text_cleaning.h"
#include "data/preparation/columns.h"
#include "data/preparation/scratch.h"
#include "data/preparation/split_points.h"
#include "data/row_filter.h"

namespace broadsheet {
namespace {

class RejectFile {
 public:
  explicit RejectFile(const PieceFiles& files) : path_(files.rejects()), tag_(files.tag), file_(path_ + tag_) {}
  void write(const std::string& line) {
    file_ << line;
    sum_.update(line.data(), line.size());
  }
  std::string finish() {
    file_.close();
    if (!file_) cannot_write_scratch(path_ + tag_);
    rename_over(path_ + tag_, path_);
    return sum_.hex();
  }

 private:
  std::string path_, tag_;
  std::ofstream file_;
  Xxh3 sum_;
};

// Why a text may be empty: no line of it was good enough, or all of them are everywhere. That is no fault of the
// source. nullptr: no step takes lines.
const char* reason_of_emptied(const std::vector<const char*>& steps) {
  const auto has = [&](std::string_view name) { return std::find(steps.begin(), steps.end(), name) != steps.end(); };
  return has("c4_lines") ? "c4_sentences" : has("repeated_lines") ? "repeated_lines" : nullptr;
}

}  // namespace

[[noreturn]] void too_many_classes(const std::string& field) {
  throw UserError(Fault{"corpus.too_many_classes",
                        {},
                        cat("fields.", field),
                        cat("has more than ", kMaxFoundClasses, " different values"),
                        "a label names one of a few classes: is from: the right column? Otherwise list values:"});
}

nlohmann::json PieceRecord::json() const {
  nlohmann::json chunks_json = nlohmann::json::array();
  for (const ChunkFile& chunk : chunks)
    chunks_json.push_back({{"documents", chunk.documents}, {"checksum", chunk.checksum}});
  return {{"read", read},
          {"lines", lines},
          {"columns", columns},
          {"chunks", chunks_json},
          {"rejected_by_reason", rejected_by_reason},
          {"filtered_by_reason", filtered_by_reason},
          {"cleaned_by_step", cleaned_by_step},
          {"deidentified", deidentified},
          {"rejects_checksum", rejects_checksum}};
}

PieceRecord PieceRecord::from(const nlohmann::json& json) {
  PieceRecord record;
  record.read = json.at("read").get<int64_t>();
  record.lines = json.at("lines").get<int64_t>();
  record.columns = json.at("columns").get<std::set<std::string>>();
  for (const nlohmann::json& chunk : json.at("chunks"))
    record.chunks.push_back({chunk.at("documents").get<int64_t>(), chunk.at("checksum").get<std::string>()});
  record.rejected_by_reason = json.at("rejected_by_reason").get<std::map<std::string, int64_t>>();
  record.filtered_by_reason = json.at("filtered_by_reason").get<std::map<std::string, int64_t>>();
  record.cleaned_by_step = json.at("cleaned_by_step").get<std::map<std::string, int64_t>>();
  record.deidentified = json.at("deidentified").get<std::map<std::string, int64_t>>();
  record.rejects_checksum = json.at("rejects_checksum").get<std::string>();
  return record;
}

std::string Reject::text() const {
  const nlohmann::json json = {line, byte, rejection.code, rejection.detail};
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

Reject Reject::from(const std::string& line) {
  const nlohmann::json json = nlohmann::json::parse(line);
  return {json.at(0).get<int64_t>(),
          json.at(1).get<int64_t>(),
          {json.at(2).get<std::string>(), json.at(3).get<std::string>()}};
}

std::string PieceFiles::chunk(size_t number) const {
  return cat(base, ".", number, ".chunk");
}

PieceReader::PieceReader(const CorpusConfig& config, const FieldReader& fields, const Tokenizer& tokenizer,
                         const Deidentifier* deidentifier, const RepeatedLines* repeated,
                         const std::vector<SourceFile>& files, int64_t chunk_bytes)
    : config_(config),
      fields_(fields),
      tokenizer_(tokenizer),
      deidentifier_(deidentifier),
      repeated_(repeated),
      files_(files),
      chunk_bytes_(chunk_bytes) {
  for (size_t i = 0; i < fields.fields().size(); ++i) {
    const FieldKind kind = fields.fields()[i].config.kind;
    if (kind == FieldKind::kText) texts_.push_back(i);
    if (kind == FieldKind::kId && id_ < 0) id_ = static_cast<int>(i);
  }
  if (config.clean.near_duplicates > 0) banding_ = banding_for(config.clean.near_duplicates);
  deidentified_fields_ = texts_;
  if (config.deidentify && !config.deidentify->fields.empty()) {
    deidentified_fields_.clear();
    for (const std::string& name : config.deidentify->fields)
      deidentified_fields_.push_back(static_cast<size_t>(fields.index_of(name)));
  }
  if (config.split.by != "hash") split_field_ = fields.index_of(config.split.field);
}

PieceRecord PieceReader::read(const Piece& piece, const PieceFiles& files) {
  const SourceFile& file = files_[static_cast<size_t>(piece.file)];
  const auto importer = open_importer(file.path, *file.source, piece.file, piece.range);
  check_columns(config_, fields_, importer->columns(), file);
  SeenColumns seen(file.source->filter, importer->columns());
  PieceRecord result;
  RejectFile rejects(files);
  Record record;
  int64_t chunk_begin = piece.range.begin;
  counts_ = {};
  identifiers_ = {};
  start_chunk();
  while (importer->next(record)) {
    ++result.read;
    const SourcePlace& place = record.document.place;
    if (place.byte - chunk_begin >= chunk_bytes_) {
      finish_chunk(result, files);
      chunk_begin = place.byte;
    }
    if (!record.rejected) {
      seen.add(record.document);
      if (const auto column = passed_over_by(file.source->filter, record.document)) {
        ++counts_.filtered_by_reason[cat("filter: ", *column)];
        continue;
      }
    }
    const std::optional<Rejection> rejection = record.rejected ? record.rejection : take(record);
    if (!rejection) continue;
    ++result.rejected_by_reason[rejection->code];
    rejects.write(Reject{place.line, place.byte, *rejection}.text());
  }
  finish_chunk(result, files);
  result.filtered_by_reason = counts_.filtered_by_reason;
  result.cleaned_by_step = counts_.cleaned_by_step;
  result.deidentified = named_counts(identifiers_);
  result.lines = importer->lines();
  result.columns = seen.names();
  result.rejects_checksum = rejects.finish();
  return result;
}

// The texts as they go on from here, after all that changes them.
std::vector<std::string_view> PieceReader::clean(std::vector<const char*>& steps, IdentifierCounts& identifiers) {
  for (const size_t i : texts_) clean_text(row_[i].text, config_.clean, repeated_, steps);
  if (deidentifier_ != nullptr)
    for (const size_t i : deidentified_fields_) deidentifier_->apply(row_[i].text, identifiers);
  std::vector<std::string_view> texts;
  for (const size_t i : texts_) texts.push_back(row_[i].text);
  return texts;
}

std::optional<Rejection> PieceReader::take(const Record& record) {
  if (auto rejection = fields_.read(record.document, row_)) return rejection;
  std::vector<const char*> steps;
  IdentifierCounts identifiers{};
  const std::vector<std::string_view> texts = clean(steps, identifiers);
  tokens_.resize(texts_.size());
  for (size_t i = 0; i < texts_.size(); ++i) {
    tokens_[i] = tokenizer_.encode(texts[i]);
    const FieldReader::Field& field = fields_.fields()[texts_[i]];
    if (!tokens_[i].empty() || field.config.optional) continue;
    const char* reason = reason_of_emptied(steps);
    if (reason == nullptr) return Rejection{"empty_text", cat("field ", field.name, " has no token")};
    ++counts_.filtered_by_reason[reason];
    return std::nullopt;
  }
  if (const std::string reason = reason_to_drop(texts, config_.clean); !reason.empty()) {
    ++counts_.filtered_by_reason[reason];
    return std::nullopt;
  }
  for (const char* step : steps) ++counts_.cleaned_by_step[step];
  for (size_t i = 0; i < identifiers.size(); ++i) identifiers_[i] += identifiers[i];
  add(choose_split(texts), record.document.place.line);
  if (config_.split.by == "stratified") chunk_.draws.push_back(split_place(own_key(texts), config_.split.seed));
  add_signatures(texts);
  return std::nullopt;
}

void PieceReader::add_signatures(const std::vector<std::string_view>& texts) {
  if (config_.clean.exact_duplicates) chunk_.hashes.push_back(hash_texts(texts));
  if (!banding_) return;
  const std::vector<uint32_t> shingles = shingles_of(texts);
  std::vector<uint64_t> bands = band_hashes(shingles, *banding_);
  bands.resize(static_cast<size_t>(banding_->bands));  // without words: never looked at
  chunk_.bands.insert(chunk_.bands.end(), bands.begin(), bands.end());
  chunk_.shingles.insert(chunk_.shingles.end(), shingles.begin(), shingles.end());
  chunk_.shingle_offsets.push_back(static_cast<int64_t>(chunk_.shingles.size()));
}

Split PieceReader::choose_split(const std::vector<std::string_view>& texts) const {
  if (SplitPoints::needed(config_.split)) return Split::kTrain;  // until all documents are known
  if (config_.split.by == "field") {
    const std::string& name = row_[static_cast<size_t>(split_field_)].text;
    return name.empty() ? Split::kTrain : split_from_name(name);
  }
  if (config_.split.by == "group") {
    const std::string& group = row_[static_cast<size_t>(split_field_)].text;
    if (!group.empty()) return split_of(group, config_.split);
  }
  return split_of(own_key(texts), config_.split);
}

// What tells a document from others: its id, or else its texts.
std::string PieceReader::own_key(const std::vector<std::string_view>& texts) const {
  if (id_ >= 0 && !row_[static_cast<size_t>(id_)].text.empty()) return row_[static_cast<size_t>(id_)].text;
  std::string key;
  for (const std::string_view text : texts) key += cat(text.size(), ":", text);
  return key;
}

void PieceReader::start_chunk() {
  chunk_ = {};
  if (banding_) chunk_.shingle_offsets.push_back(0);
  for (const FieldReader::Field& field : fields_.fields()) {
    chunk_.columns.push_back(empty_column(field.name, field.config.kind, tokenizer_.vocab_size()));
  }
  chunk_.classes.resize(fields_.fields().size());
  class_ids_.assign(fields_.fields().size(), {});
}

void PieceReader::add(Split split, int64_t line) {
  // So that documents without text end a shard, too.
  auto size = static_cast<int64_t>(4 * row_.size());
  size_t text = 0;
  for (size_t i = 0; i < row_.size(); ++i) {
    ShardColumn& column = chunk_.columns[i];
    if (column.kind == FieldKind::kText) {
      const std::vector<int32_t>& ids = tokens_[text++];
      column.tokens.append(ids);
      column.offsets.push_back(static_cast<int64_t>(column.tokens.size()));
      size += static_cast<int64_t>(ids.size());
    } else if (is_string_kind(column.kind)) {
      column.bytes += row_[i].text;
      column.offsets.push_back(static_cast<int64_t>(column.bytes.size()));
      size += static_cast<int64_t>(row_[i].text.size() / sizeof(int32_t));
    } else if (column.kind == FieldKind::kList) {
      for (const std::string& item : row_[i].items) {
        column.bytes += item;
        column.items.push_back(static_cast<int64_t>(column.bytes.size()));
        size += static_cast<int64_t>(item.size() / sizeof(int32_t));
      }
      column.offsets.push_back(static_cast<int64_t>(column.items.size()) - 1);
    } else if (column.kind == FieldKind::kLabel) {
      const bool found = fields_.fields()[i].classes.empty() && !row_[i].text.empty();
      column.labels.push_back(found ? class_id(i, row_[i].text) : row_[i].label);
    } else if (has_classes(column.kind)) {
      const bool found = fields_.fields()[i].classes.empty();
      for (size_t k = 0; k < row_[i].items.size(); ++k)
        column.labels.push_back(found ? class_id(i, row_[i].items[k]) : row_[i].labels[k]);
      column.offsets.push_back(static_cast<int64_t>(column.labels.size()));
      size += static_cast<int64_t>(row_[i].items.size());
    } else {
      column.numbers.push_back(row_[i].number);
    }
  }
  chunk_.lines.push_back(line);
  chunk_.splits.push_back(static_cast<uint8_t>(split));
  chunk_.sizes.push_back(size);
}

int32_t PieceReader::class_id(size_t field, const std::string& name) {
  std::map<std::string, int32_t>& ids = class_ids_[field];
  const auto [entry, is_new] = ids.emplace(name, static_cast<int32_t>(ids.size()));
  if (is_new) chunk_.classes[field].push_back(name);
  if (ids.size() > kMaxFoundClasses) too_many_classes(fields_.fields()[field].name);
  return entry->second;
}

void PieceReader::finish_chunk(PieceRecord& record, const PieceFiles& files) {
  const std::string file = files.chunk(record.chunks.size());
  record.chunks.push_back({chunk_.documents(), write_chunk(file + files.tag, chunk_)});
  rename_over(file + files.tag, file);
  start_chunk();
}

}  // namespace broadsheet
