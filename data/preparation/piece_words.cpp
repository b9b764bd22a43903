#include "data/preparation/piece_words.h"

#include <algorithm>

#include "core/text.h"
#include "data/cleaning/text_cleaning.h"
#include "data/importers/importer.h"
#include "data/preparation/columns.h"
#include "data/preparation/scratch.h"
#include "data/row_filter.h"

namespace broadsheet {

nlohmann::json WordRecord::json() const {
  return {{"read", read},
          {"documents", documents},
          {"rejected_by_reason", rejected_by_reason},
          {"filtered_by_reason", filtered_by_reason},
          {"columns", columns},
          {"words_too_long", words_too_long},
          {"runs", runs}};
}

WordRecord WordRecord::from(const nlohmann::json& json) {
  WordRecord record;
  record.read = json.at("read").get<int64_t>();
  record.documents = json.at("documents").get<int64_t>();
  record.rejected_by_reason = json.at("rejected_by_reason").get<std::map<std::string, int64_t>>();
  record.filtered_by_reason = json.at("filtered_by_reason").get<std::map<std::string, int64_t>>();
  record.columns = json.at("columns").get<std::set<std::string>>();
  record.words_too_long = json.at("words_too_long").get<int64_t>();
  record.runs = json.at("runs").get<int64_t>();
  return record;
}

std::string word_run(const PieceFiles& files, int64_t number) {
  return cat(files.base, ".", number, ".words");
}

WordReader::WordReader(const CorpusConfig& config, const FieldReader& fields, const Deidentifier* deidentifier,
                       const std::vector<SourceFile>& files, const TrainingOptions& options, size_t table_bytes)
    : config_(config),
      fields_(fields),
      deidentifier_(deidentifier),
      files_(files),
      options_(options),
      table_bytes_(table_bytes) {
  for (size_t i = 0; i < fields.fields().size(); ++i) {
    const FieldReader::Field& field = fields.fields()[i];
    if (field.config.kind != FieldKind::kText) continue;
    texts_.push_back(i);
    if (deidentifier == nullptr) continue;
    const std::vector<std::string>& names = config.deidentify->fields;
    if (names.empty() || std::find(names.begin(), names.end(), field.name) != names.end()) deidentified_.push_back(i);
  }
}

WordRecord WordReader::read(const Piece& piece, const PieceFiles& piece_files) {
  const SourceFile& file = files_[static_cast<size_t>(piece.file)];
  const auto importer = open_importer(file.path, *file.source, piece.file, piece.range);
  check_columns(config_, fields_, importer->columns(), file);
  SeenColumns seen(file.source->filter, importer->columns());
  TrainingWords words(options_);
  WordRecord result;
  const auto write = [&] {
    if (!table_.empty()) table_.write_run(word_run(piece_files, result.runs++), piece_files.tag);
  };
  Record record;
  while (importer->next(record)) {
    ++result.read;
    if (!record.rejected) {
      seen.add(record.document);
      if (const auto column = passed_over_by(file.source->filter, record.document)) {
        ++result.filtered_by_reason[cat("filter: ", *column)];
        continue;
      }
    }
    const std::optional<Rejection> rejection =
        record.rejected ? record.rejection : take(record.document, words, result);
    if (rejection) ++result.rejected_by_reason[rejection->code];
    if (table_.memory() >= table_bytes_) write();
  }
  write();
  result.columns = seen.names();
  result.words_too_long = words.too_long();
  return result;
}

std::optional<Rejection> WordReader::take(const Document& document, TrainingWords& words, WordRecord& record) {
  if (auto rejection = fields_.read(document, row_)) return rejection;
  std::vector<const char*> steps;
  IdentifierCounts identifiers{};
  std::vector<std::string_view> texts;
  for (const size_t i : texts_) clean_text(row_[i].text, config_.clean, /*repeated=*/nullptr, steps);
  for (const size_t i : deidentified_) deidentifier_->apply(row_[i].text, identifiers);
  for (const size_t i : texts_) texts.push_back(row_[i].text);
  if (const std::string reason = reason_to_drop(texts, config_.clean); !reason.empty()) {
    ++record.filtered_by_reason[reason];
    return std::nullopt;
  }
  ++record.documents;
  for (const std::string_view text : texts) words.count(text, table_);
  return std::nullopt;
}

}  // namespace broadsheet
