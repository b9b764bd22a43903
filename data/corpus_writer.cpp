#include "data/corpus_writer.h"

#include <algorithm>
#include <cstdio>

#include "core/checksum.h"
#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

// More classes than this is a column of texts or ids that somebody called a label.
constexpr size_t kMaxFoundClasses = 10000;
constexpr int64_t kMaxShardTokens = int64_t{1} << 29;
constexpr std::array<Split, 3> kSplits = {Split::kTrain, Split::kValidation, Split::kTest};

}  // namespace

CorpusWriter::CorpusWriter(std::string folder, const FieldReader& fields, std::string tokenizer_fingerprint,
                           int64_t shard_tokens)
    : folder_(std::move(folder)),
      fields_(fields),
      tokenizer_fingerprint_(std::move(tokenizer_fingerprint)),
      shard_tokens_(std::min(shard_tokens, kMaxShardTokens)) {
  for (const Split split : kSplits) start(parts_[static_cast<size_t>(split)], split);
}

void CorpusWriter::start(Part& part, Split split) {
  part.open = {.split = split_name(split),
               .tokenizer_fingerprint = tokenizer_fingerprint_,
               .columns = {},
               .source_files = {},
               .source_lines = {}};
  part.size = 0;
  for (const FieldReader::Field& field : fields_.fields()) {
    ShardColumn column{.name = field.name,
                       .kind = field.config.kind,
                       .tokens = {},
                       .bytes = {},
                       .offsets = {},
                       .labels = {},
                       .numbers = {}};
    if (column.kind == FieldKind::kText || is_string_kind(column.kind)) column.offsets.push_back(0);
    part.open.columns.push_back(std::move(column));
  }
}

void CorpusWriter::add(Split split, const Row& row, const std::vector<std::vector<int32_t>>& tokens,
                       const SourcePlace& place) {
  Part& part = parts_[static_cast<size_t>(split)];
  size_t text = 0;
  for (size_t i = 0; i < row.size(); ++i) {
    ShardColumn& column = part.open.columns[i];
    if (column.kind == FieldKind::kText) {
      const std::vector<int32_t>& ids = tokens[text++];
      column.tokens.insert(column.tokens.end(), ids.begin(), ids.end());
      column.offsets.push_back(static_cast<int64_t>(column.tokens.size()));
      part.listed.tokens[column.name] += static_cast<int64_t>(ids.size());
      part.size += static_cast<int64_t>(ids.size());
      total_tokens_ += static_cast<int64_t>(ids.size());
    } else if (is_string_kind(column.kind)) {
      column.bytes += row[i].text;
      column.offsets.push_back(static_cast<int64_t>(column.bytes.size()));
      part.size += static_cast<int64_t>(row[i].text.size() / sizeof(int32_t));
    } else if (column.kind == FieldKind::kLabel) {
      const bool open_classes = fields_.fields()[i].classes.empty();
      column.labels.push_back(open_classes && !row[i].text.empty() ? class_id(i, row[i].text) : row[i].label);
    } else {
      column.numbers.push_back(row[i].number);
    }
  }
  part.open.source_files.push_back(place.file);
  part.open.source_lines.push_back(place.line);
  part.size += static_cast<int64_t>(4 * row.size());  // so that documents without text end a shard, too
  ++part.listed.documents;
  if (part.size >= shard_tokens_) flush(part, split);
}

int32_t CorpusWriter::class_id(size_t field, const std::string& name) {
  std::map<std::string, int32_t>& ids = found_[field].ids;
  const auto id = ids.emplace(name, static_cast<int32_t>(ids.size())).first->second;
  if (ids.size() > kMaxFoundClasses)
    throw UserError(Fault{"corpus.too_many_classes",
                          {},
                          cat("fields.", fields_.fields()[field].name),
                          cat("has more than ", kMaxFoundClasses, " different values"),
                          "a label names one of a few classes: is from: the right column? Otherwise list values:"});
  return id;
}

void CorpusWriter::flush(Part& part, Split split) {
  if (part.open.documents() == 0) return;
  std::array<char, 16> number{};
  std::snprintf(number.data(), number.size(), "-%05zu.h5", part.listed.shards.size());
  const std::string file = cat(split_name(split), number.data());
  ShardLayout layout = write_shard(folder_ + "/" + file, part.open);
  part.listed.shards.push_back({file, part.open.documents(), std::move(layout)});
  start(part, split);
}

void CorpusWriter::settle_classes(Manifest& manifest) {
  for (size_t i = 0; i < manifest.fields.size(); ++i) {
    const auto found = found_.find(i);
    if (found == found_.end()) continue;
    std::vector<int32_t> ids(found->second.ids.size());
    for (const auto& [name, provisional] : found->second.ids) {  // a map: sorted by name
      ids[static_cast<size_t>(provisional)] = static_cast<int32_t>(manifest.fields[i].classes.size());
      manifest.fields[i].classes.push_back(name);
    }
    for (const Part& part : parts_)
      for (const ManifestShard& shard : part.listed.shards)
        renumber_labels(folder_ + "/" + shard.file, shard.layout, manifest.fields[i].name, ids);
  }
}

void CorpusWriter::finish(Manifest& manifest) {
  for (const Split split : kSplits) flush(parts_[static_cast<size_t>(split)], split);
  for (const FieldReader::Field& field : fields_.fields())
    manifest.fields.push_back({field.name, field.config.kind, field.classes});
  settle_classes(manifest);
  for (const Split split : kSplits) {
    Part& part = parts_[static_cast<size_t>(split)];
    for (const FieldReader::Field& field : fields_.fields())
      if (field.config.kind == FieldKind::kText) part.listed.tokens.emplace(field.name, 0);
    manifest.splits[split_name(split)] = part.listed;
    for (const ManifestShard& shard : part.listed.shards) manifest.files[shard.file] = {};
  }
}

}  // namespace broadsheet
