#include "data/shards.h"

#include <algorithm>
#include <array>

#include "core/checksum.h"
#include "core/errors.h"
#include "core/text.h"
#include "data/field_reader.h"
#include "data/manifest.h"
#include "data/shard_file.h"
#include "data/tokenizers/tokenizer.h"

namespace broadsheet {
namespace {

constexpr size_t kSplits = 3;

// As unsigned, negative ids are large.
template <class T>
uint32_t largest_of(std::span<const T> ids) {
  uint32_t largest = 0;
  for (const T id : ids) largest = std::max(largest, static_cast<uint32_t>(id));
  return largest;
}

std::string text_between(std::span<const char> bytes, std::pair<size_t, size_t> bounds) {
  return {bytes.data() + bounds.first, bounds.second - bounds.first};
}

class Hdf5ShardSet : public ShardSet {
 public:
  explicit Hdf5ShardSet(const std::string& folder) : folder_(folder), manifest_(Manifest::load(folder)) {
    MappedShard::Expected expected;
    for (const FieldInfo& info : manifest_.fields) expected.fields.emplace_back(info.name, info.kind);
    for (size_t i = 0; i < kSplits; ++i) {
      Part& part = parts_[i];
      const ManifestSplit& listed = manifest_.splits.at(split_name(static_cast<Split>(i)));
      for (const ManifestShard& shard : listed.shards) {
        expected.documents = shard.documents;
        expected.layout = shard.layout;
        expected.size = manifest_.files.at(shard.file).size;
        part.starts.push_back(part.documents);
        part.shards.push_back(MappedShard::open(folder + "/" + shard.file, expected));
        part.documents += shard.documents;
      }
    }
  }

  const std::string& folder() const override { return folder_; }
  const std::string& name() const override { return manifest_.name; }
  const std::string& fingerprint() const override { return manifest_.fingerprint; }
  const std::string& tokenizer_fingerprint() const override { return manifest_.tokenizer_fingerprint; }
  bool has_tokenizer_of(const std::string& tokenizer_folder) const override {
    size_t listed = 0;
    for (const auto& [name, file] : manifest_.files) listed += starts_with(name, "tokenizer/");
    const std::vector<std::string> names = tokenizer_files(tokenizer_folder);
    return names.size() == listed && std::all_of(names.begin(), names.end(), [&](const std::string& name) {
             const auto mine = manifest_.files.find("tokenizer/" + name);
             return mine != manifest_.files.end() && mine->second.sha256 == sha256_file(tokenizer_folder + "/" + name);
           });
  }
  const std::vector<FieldInfo>& fields() const override { return manifest_.fields; }
  int64_t size(Split split) const override { return part(split).documents; }

  std::vector<SourceShare> source_shares(Split split) const override {
    std::vector<SourceShare> shares;
    for (const int64_t weight : manifest_.weights) shares.push_back({weight, {}});
    int64_t begin = 0;
    for (const ManifestShard& shard : manifest_.splits.at(split_name(split)).shards)
      for (const SourceRun& run : shard.sources) {
        append(shares[static_cast<size_t>(run.source)].ranges, {begin, begin + run.documents});
        begin += run.documents;
      }
    return shares;
  }

  void read_ahead(Split split, const std::string& text_field, ExampleRange documents) const override {
    const size_t index = find(text_field, "text", [](FieldKind kind) { return kind == FieldKind::kText; });
    for (int64_t document = documents.begin; document < documents.end;) {
      const auto [shard, row] = locate(split, document);
      const auto rows =
          static_cast<size_t>(std::min(documents.end - document, shard->documents() - static_cast<int64_t>(row)));
      const MappedShard::Column& column = shard->column(index);
      const size_t begin = shard->bounds(column, row).first, end = shard->bounds(column, row + rows - 1).second;
      if (end < begin) return;  // damaged: who reads it says so
      const auto tokens = column.tokens.subspan(begin, end - begin);
      broadsheet::read_ahead(tokens.data(), tokens.size_bytes());
      document += static_cast<int64_t>(rows);
    }
  }

  int64_t total_tokens(Split split, const std::string& text_field) const override {
    const size_t index = find(text_field, "text", [](FieldKind kind) { return kind == FieldKind::kText; });
    int64_t total = 0;
    for (const auto& shard : part(split).shards) total += static_cast<int64_t>(shard->column(index).tokens.size());
    return total;
  }

  TokenIds tokens(Split split, const std::string& text_field, int64_t document) const override {
    const size_t index = find(text_field, "text", [](FieldKind kind) { return kind == FieldKind::kText; });
    const auto [shard, row] = locate(split, document);
    const TokenIds ids = shard->tokens(shard->column(index), row);
    const uint32_t largest = std::max(largest_of(ids.shorts()), largest_of(ids.longs()));
    if (largest >= static_cast<uint32_t>(manifest_.vocab_size)) damaged(split, document, text_field);
    return ids;
  }

  int64_t token_count(Split split, const std::string& text_field, int64_t document) const override {
    const size_t index = find(text_field, "text", [](FieldKind kind) { return kind == FieldKind::kText; });
    const auto [shard, row] = locate(split, document);
    const MappedShard::Column& column = shard->column(index);
    const auto [begin, end] = shard->bounds(column, row);
    return static_cast<int64_t>(end - begin);
  }

  int32_t label(Split split, const std::string& label_field, int64_t document) const override {
    const size_t index = find(label_field, "label", [](FieldKind kind) { return kind == FieldKind::kLabel; });
    const auto [shard, row] = locate(split, document);
    const int32_t value = shard->column(index).labels[row];
    if (value < kNoClass || value >= static_cast<int32_t>(manifest_.fields[index].classes.size()))
      damaged(split, document, label_field);
    return value;
  }

  std::vector<int32_t> labels(Split split, const std::string& name, int64_t document) const override {
    const size_t index = find(name, "labels or tags",
                              [](FieldKind kind) { return kind == FieldKind::kLabels || kind == FieldKind::kTags; });
    const auto [shard, row] = locate(split, document);
    const MappedShard::Column& column = shard->column(index);
    const auto [begin, end] = shard->bounds(column, row);
    const std::span<const int32_t> ids = column.labels.subspan(begin, end - begin);
    if (!ids.empty() && largest_of(ids) >= manifest_.fields[index].classes.size()) damaged(split, document, name);
    return {ids.begin(), ids.end()};
  }

  std::vector<std::string> list(Split split, const std::string& name, int64_t document) const override {
    const size_t index = find(name, "list", [](FieldKind kind) { return kind == FieldKind::kList; });
    const auto [shard, row] = locate(split, document);
    const MappedShard::Column& column = shard->column(index);
    std::vector<std::string> items;
    const auto [begin, end] = shard->bounds(column, row);
    for (size_t item = begin; item < end; ++item)
      items.push_back(text_between(column.bytes, shard->item_bounds(column, item)));
    return items;
  }

  double number(Split split, const std::string& name, int64_t document) const override {
    const size_t index = find(name, "score, number or time", is_number_kind);
    const auto [shard, row] = locate(split, document);
    return shard->column(index).numbers[row];
  }

  std::string string(Split split, const std::string& name, int64_t document) const override {
    const size_t index = find(name, "id, group, category or split", is_string_kind);
    const auto [shard, row] = locate(split, document);
    const MappedShard::Column& column = shard->column(index);
    return text_between(column.bytes, shard->bounds(column, row));
  }

 private:
  struct Part {
    int64_t documents = 0;
    std::vector<int64_t> starts;  // number of each shard's first document
    std::vector<std::unique_ptr<MappedShard>> shards;
  };

  const Part& part(Split split) const { return parts_[static_cast<size_t>(split)]; }

  std::pair<const MappedShard*, size_t> locate(Split split, int64_t document) const {
    const Part& of = part(split);
    BROADSHEET_ASSERT(document >= 0 && document < of.documents);
    const auto next = std::upper_bound(of.starts.begin(), of.starts.end(), document);
    const size_t shard = static_cast<size_t>(next - of.starts.begin()) - 1;
    return {of.shards[shard].get(), static_cast<size_t>(document - of.starts[shard])};
  }

  template <class Wanted>
  size_t find(const std::string& name, const char* wanted, Wanted is_wanted) const {
    const FieldInfo& info = field(name);
    if (!is_wanted(info.kind))
      throw UserError("corpus.field_kind",
                      cat(folder_, ": field '", name, "' is of kind ", kind_name(info.kind), ", wanted ", wanted),
                      "name another field, or change its kind in corpus.yaml and prepare again");
    return static_cast<size_t>(&info - manifest_.fields.data());
  }

  [[noreturn]] void damaged(Split split, int64_t document, const std::string& name) const {
    throw UserError(
        "corpus.damaged",
        cat(folder_, ": field '", name, "' of document ", document, " of the ", split_name(split), " split is damaged"),
        cat("see which file: broadsheet verify ", folder_));
  }

  std::string folder_;
  Manifest manifest_;
  std::array<Part, kSplits> parts_;
};

}  // namespace

const char* split_name(Split split) {
  constexpr std::array<const char*, kSplits> kNames = {"train", "validation", "test"};
  return kNames[static_cast<size_t>(split)];
}

Split split_from_name(const std::string& name) {
  for (size_t i = 0; i < kSplits; ++i)
    if (name == split_name(static_cast<Split>(i))) return static_cast<Split>(i);
  throw UserError("corpus.no_split", cat("'", name, "' is not a split"), "use train, validation or test");
}

std::shared_ptr<const ShardSet> ShardSet::open(const std::string& folder) {
  return std::make_shared<Hdf5ShardSet>(folder);
}

const FieldInfo& ShardSet::field(const std::string& name) const {
  std::vector<std::string> names;
  for (const FieldInfo& info : fields()) {
    if (info.name == name) return info;
    names.push_back(info.name);
  }
  const std::string near = nearest(name, names);
  throw UserError("corpus.no_field", cat(folder(), ": has no field '", name, "'; it has ", join(names, ", ")),
                  near.empty() ? "name one of them, or add it to corpus.yaml and prepare again"
                               : cat("did you mean '", near, "'?"));
}

}  // namespace broadsheet
