// The shards, the tokenizer's files and the manifest.
#include <unistd.h>

#include <filesystem>

#include "core/checksum.h"
#include "core/durable.h"
#include "core/text.h"
#include "data/preparation/preparation.h"
#include "data/preparation/scratch.h"

namespace broadsheet {
namespace {

nlohmann::json to_json(const ShardLayout& layout) {
  nlohmann::json datasets = nlohmann::json::object();
  for (const auto& [name, place] : layout.datasets) datasets[name] = {place.offset, place.count, place.width};
  return {{"datasets", datasets}, {"structure", layout.structure}};
}

ShardLayout layout_from(const nlohmann::json& json) {
  ShardLayout layout;
  layout.structure = json.at("structure").get<std::string>();
  for (const auto& [name, place] : json.at("datasets").items())
    layout.datasets[name] = {place.at(0).get<uint64_t>(), place.at(1).get<uint64_t>(), place.at(2).get<uint64_t>()};
  return layout;
}

}  // namespace

void Preparation::write_shard_at(const PlannedShard& shard, size_t number) const {
  ShardData data = gather_shard(shard, placed_, fields_, layout_.classes);
  data.tokenizer_fingerprint = manifest_.tokenizer_fingerprint;
  const std::string file = corpus() + "/" + shard.file, temporary = path(shard.file + tag_);
  ::unlink(temporary.c_str());
  const ShardLayout layout = write_shard(temporary, data);
  nlohmann::json tokens = nlohmann::json::object();
  for (const ShardColumn& column : data.columns)
    if (column.kind == FieldKind::kText) tokens[column.name] = column.tokens.size();
  data = {};
  const nlohmann::json record = {{"layout", to_json(layout)},
                                 {"tokens", tokens},
                                 {"size", std::filesystem::file_size(temporary)},
                                 {"sha256", sha256_file(temporary)}};
  rename_durably(temporary, file);
  write_scratch(shard_record(number), tag_, record.dump());
}

void Preparation::write_shards(WorkBoard& board) {
  WorkBoard::Stage stage;
  stage.name = "write";
  stage.tasks = static_cast<int64_t>(layout_.shards.size());
  stage.doing = "writing";
  stage.unit = "documents";
  stage.is_done = [&](int64_t shard) { return exists(shard_record(static_cast<size_t>(shard))); };
  stage.size = [&](int64_t shard) { return layout_.shards[static_cast<size_t>(shard)].documents; };
  stage.work = [&](int64_t shard) {
    write_shard_at(layout_.shards[static_cast<size_t>(shard)], static_cast<size_t>(shard));
  };
  board.share(stage);
}

void Preparation::copy_tokenizer(Manifest& manifest) const {
  const std::string folder = corpus() + "/tokenizer";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directory(folder);
  for (const std::string& name : tokenizer_files(config_.tokenizer)) {
    write_file_durably(folder + "/" + name, read_file(config_.tokenizer + "/" + name));
    manifest.files["tokenizer/" + name] = {};
  }
  sync_folder(folder);
}

// The manifest's fields, splits and shards, and what the report counts of them.
Manifest Preparation::list_shards(PrepareReport& report) const {
  Manifest manifest = manifest_;
  for (const Split split : kAllSplits) manifest.splits[split_name(split)] = {};
  for (size_t i = 0; i < fields_.fields().size(); ++i) {
    const FieldReader::Field& field = fields_.fields()[i];
    manifest.fields.push_back({field.name, field.config.kind, layout_.classes[i]});
    if (field.config.kind != FieldKind::kText) continue;
    for (auto& [name, split] : manifest.splits) split.tokens[field.name] = 0;
  }
  for (size_t i = 0; i < layout_.shards.size(); ++i) {
    const PlannedShard& shard = layout_.shards[i];
    const nlohmann::json record = read_json(shard_record(i));
    ManifestSplit& split = manifest.splits[split_name(shard.split)];
    split.shards.push_back({shard.file, shard.documents, shard.sources, layout_from(record.at("layout"))});
    split.documents += shard.documents;
    for (const auto& [field, tokens] : record.at("tokens").items()) {
      split.tokens[field] += tokens.get<int64_t>();
      report.tokens += tokens.get<int64_t>();
    }
    manifest.files[shard.file] = {record.at("size").get<uint64_t>(), record.at("sha256").get<std::string>()};
  }
  for (const auto& [name, split] : manifest.splits) report.documents_by_split[name] = split.documents;
  return manifest;
}

void Preparation::write_manifest(const std::string& file) {
  check_unchanged(files_);
  Manifest manifest = list_shards(layout_.report);
  copy_tokenizer(manifest);
  const std::string rejected = corpus() + "/" + kRejectedName;
  ::unlink(rejected.c_str());
  write_rejects(rejected);
  manifest.files[kRejectedName] = {};
  for (auto& [name, entry] : manifest.files)
    if (entry.sha256.empty())
      entry = {std::filesystem::file_size(corpus() + "/" + name), sha256_file(corpus() + "/" + name)};
  manifest.sources = nlohmann::json::array();
  for (size_t i = 0; i < files_.size(); ++i)
    manifest.sources.push_back(describe_source(files_[i], read_json(path(cat("sum-", i, ".json"))).get<std::string>()));
  manifest.counts = layout_.report.counts();
  write_file_durably(file, manifest.dump());
  sync_folder(corpus());
}

void Preparation::finish(WorkBoard& board) {
  const std::string file = corpus() + "/" + kManifestName;
  board.alone([&] { return exists(file); }, [&] { write_manifest(file); });
}

}  // namespace broadsheet
