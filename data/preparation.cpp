#include "data/preparation.h"

#include <algorithm>

#include "core/errors.h"
#include "core/progress.h"
#include "core/text.h"

namespace broadsheet {

Preparation::Preparation(const CorpusConfig& config, const FieldReader& fields, const Tokenizer& tokenizer,
                         const std::vector<SourceFile>& files, const std::string& folder)
    : config_(config),
      fields_(fields),
      tokenizer_(tokenizer),
      files_(files),
      rejects_(folder + "/" + kRejectedName, files),
      writer_(folder, fields, tokenizer.fingerprint(), config.shard_tokens) {
  for (size_t i = 0; i < fields.fields().size(); ++i) {
    const FieldKind kind = fields.fields()[i].config.kind;
    if (kind == FieldKind::kText) texts_.push_back(i);
    if (kind == FieldKind::kId && id_ < 0) id_ = static_cast<int>(i);
  }
  if (config.split.by != "hash") split_field_ = fields.index_of(config.split.field);
}

void Preparation::run() {
  int64_t total = 0, before = 0;
  for (const SourceFile& file : files_) total += file.size;
  Progress progress("preparing", "bytes", total);
  for (size_t i = 0; i < files_.size(); ++i) {
    const auto importer = open_importer(files_[i].path, *files_[i].source, static_cast<int32_t>(i));
    check_columns(*importer, files_[i]);
    while (importer->next(record_)) {
      ++report.read;
      take();
      progress.set(before + std::min(importer->consumed(), files_[i].size));
    }
    before += files_[i].size;
  }
  rejects_.close();
}

void Preparation::check_columns(const Importer& importer, const SourceFile& file) const {
  const std::vector<std::string>& columns = importer.columns();
  if (columns.empty()) return;
  Faults faults;
  for (const FieldReader::Field& field : fields_.fields()) {
    const std::string& from = field.config.from;
    if (std::find(columns.begin(), columns.end(), from) != columns.end() || field.config.optional) continue;
    const std::string near = nearest(from, columns);
    faults.add({"corpus.no_column",
                {},
                cat("fields.", field.name, ".from"),
                cat(file.path, ": has no column '", from, "'; it has ", join(columns, ", ")),
                near.empty() ? "name one of them" : cat("did you mean '", near, "'?")});
  }
  faults.throw_if_any();
}

void Preparation::take() {
  std::optional<Rejection> rejection;
  if (record_.rejected) rejection = record_.rejection;
  if (!rejection) rejection = fields_.read(record_.document, row_);
  if (!rejection) rejection = keep();
  if (rejection) rejects_.add(record_.document.place, *rejection, report);
}

std::optional<Rejection> Preparation::keep() {
  std::vector<std::string_view> texts;
  for (const size_t i : texts_) texts.push_back(row_[i].text);
  const bool hash_needed = config_.clean.exact_duplicates;
  const Hash128 hash = hash_needed ? hash_texts(texts) : Hash128{};
  if (hash_needed && seen_.contains(hash)) {
    ++report.duplicates;
    return std::nullopt;
  }
  tokens_.resize(texts_.size());
  for (size_t i = 0; i < texts_.size(); ++i) {
    tokens_[i] = tokenizer_.encode(texts[i]);
    const FieldReader::Field& field = fields_.fields()[texts_[i]];
    if (tokens_[i].empty() && !field.config.optional)
      return Rejection{"empty_text", cat("field ", field.name, " has no token")};
  }
  if (hash_needed) seen_.insert(hash);
  writer_.add(choose_split(texts), row_, tokens_, record_.document.place);
  ++report.kept;
  return std::nullopt;
}

Split Preparation::choose_split(const std::vector<std::string_view>& texts) const {
  if (config_.split.by == "field") {
    const std::string& name = row_[static_cast<size_t>(split_field_)].text;
    return name.empty() ? Split::kTrain : split_from_name(name);
  }
  if (config_.split.by == "group") {
    const std::string& group = row_[static_cast<size_t>(split_field_)].text;
    if (!group.empty()) return split_of(group, config_.split);
  }
  if (id_ >= 0 && !row_[static_cast<size_t>(id_)].text.empty())
    return split_of(row_[static_cast<size_t>(id_)].text, config_.split);
  std::string key;
  for (const std::string_view text : texts) key += cat(text.size(), ":", text);
  return split_of(key, config_.split);
}

}  // namespace broadsheet
