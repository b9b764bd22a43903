// The shards, the tokenizer's files and the manifest.
#include <unistd.h>

#include <filesystem>

#include "core/checksum.h"
#include "core/durable.h"
#include "core/text.h"
#include "data/preparation/corpus_switch.h"
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

nlohmann::json to_json(const ManifestFile& file) {
  return {file.size, file.sha256};
}

ManifestFile file_from(const nlohmann::json& json) {
  return {json.at(0).get<uint64_t>(), json.at(1).get<std::string>()};
}

}  // namespace

void Preparation::write_shard_at(const PlannedShard& shard, size_t number) const {
  ShardData data = gather_shard(shard, placed_, fields_, layout_.classes, tokenizer_.vocab_size());
  data.tokenizer_fingerprint = manifest_.tokenizer_fingerprint;
  const std::string file = corpus() + "/" + shard.file, temporary = path(shard.file + tag_);
  ::unlink(temporary.c_str());
  const ShardLayout layout = write_shard(temporary, data);
  nlohmann::json lengths = nlohmann::json::object();
  for (const ShardColumn& column : data.columns)
    if (column.kind == FieldKind::kText) lengths[column.name] = LengthCounts::between(column.offsets).json();
  data = {};
  nlohmann::json record = {
      {"name", shard.file},
      {"layout", to_json(layout)},
      {"lengths", lengths},
      {"file", to_json(ManifestFile{std::filesystem::file_size(temporary), sha256_file(temporary)})}};
  rename_durably(temporary, file);
  if (remembers(config_.clean)) record["seen"] = write_seen_of(shard);
  write_scratch(shard_record(number), tag_, record.dump());
}

// Its size and checksum.
nlohmann::json Preparation::write_seen_of(const PlannedShard& shard) const {
  const std::string name = seen_name(shard.file), temporary = path(name + tag_);
  ::unlink(temporary.c_str());
  write_seen(temporary, gather_seen(shard, placed_, fields_.fields().size()));
  const nlohmann::json listed = to_json(ManifestFile{std::filesystem::file_size(temporary), sha256_file(temporary)});
  rename_durably(temporary, corpus() + "/" + name);
  return listed;
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

void Preparation::count_shards(PrepareReport& report) {
  for (const Split split : kAllSplits) report.documents_by_split[split_name(split)] = 0;
  for (size_t i = 0; i < layout_.shards.size(); ++i) {
    report.documents_by_split[split_name(layout_.shards[i].split)] += layout_.shards[i].documents;
    const nlohmann::json record = read_json(shard_record(i));
    for (const auto& [field, counts] : record.at("lengths").items()) lengths_[field].add(LengthCounts::from(counts));
  }
  for (const auto& [field, counts] : lengths_) {
    report.tokens += counts.tokens();
    report.lengths[field] = LengthSummary::of(counts);
  }
}

// The manifest's fields, splits and shards: those of the earlier corpus, then the new ones.
Manifest Preparation::list_shards() const {
  Manifest manifest = earlier_ ? earlier_->manifest : manifest_;
  manifest.configuration = manifest_.configuration;
  manifest.fields.clear();
  for (const Split split : kAllSplits) manifest.splits[split_name(split)];
  for (size_t i = 0; i < fields_.fields().size(); ++i) {
    const FieldReader::Field& field = fields_.fields()[i];
    manifest.fields.push_back({field.name, field.config.kind, layout_.classes[i]});
    if (field.config.kind != FieldKind::kText) continue;
    for (auto& [name, split] : manifest.splits) split.tokens[field.name];
  }
  for (size_t i = 0; i < layout_.shards.size(); ++i) {
    const PlannedShard& shard = layout_.shards[i];
    const nlohmann::json record = read_json(shard_record(i));
    ManifestSplit& split = manifest.splits[split_name(shard.split)];
    split.shards.push_back({shard.file, shard.documents, shard.sources, layout_from(record.at("layout"))});
    split.documents += shard.documents;
    for (const auto& [field, counts] : record.at("lengths").items())
      split.tokens[field] += LengthCounts::from(counts).tokens();
    manifest.files[shard.file] = file_from(record.at("file"));
    if (record.contains("seen")) manifest.files[seen_name(shard.file)] = file_from(record.at("seen"));
  }
  return manifest;
}

void Preparation::list_sources_of(Manifest& manifest) const {
  if (!earlier_) manifest.sources = nlohmann::json::array();
  for (size_t i = 0; i < files_.size(); ++i)
    manifest.sources.push_back(
        describe_source(files_[i], read_json(sum_record(static_cast<int64_t>(i))).get<std::string>()));
}

void Preparation::write_manifest(const std::string& file) {
  check_unchanged(files_);
  Manifest manifest = list_shards();
  if (!earlier_) copy_tokenizer(manifest);
  const std::string rejected = earlier_ ? next_revision(earlier_->rejected()) : kRejectedName;
  if (earlier_) manifest.files.erase(earlier_->rejected());
  ::unlink((corpus() + "/" + rejected).c_str());
  write_rejects(corpus() + "/" + rejected, /*with_earlier=*/true);
  manifest.files[rejected] = {};
  for (auto& [name, entry] : manifest.files)
    if (entry.sha256.empty())
      entry = {std::filesystem::file_size(corpus() + "/" + name), sha256_file(corpus() + "/" + name)};
  list_sources_of(manifest);
  manifest.counts = layout_.report.counts();
  write_file_durably(file, manifest.dump());
  sync_folder(corpus());
}

// The report becomes that of all documents, and says what was added.
void Preparation::add_day() {
  PrepareReport day = std::move(layout_.report);
  layout_.report = earlier_->report;
  layout_.report.add(day);
  layout_.report.added = day.counts();
  std::vector<std::string> names;
  for (const SourceFile& source : files_) names.push_back(source.name);
  layout_.report.added["files"] = names;
  std::map<std::string, LengthCounts> lengths = lengths_of(*ShardSet::open(earlier_->folder));
  for (const auto& [field, counts] : lengths_) lengths[field].add(counts);
  for (const auto& [field, counts] : lengths) layout_.report.lengths[field] = LengthSummary::of(counts);
}

void Preparation::finish(WorkBoard& board) {
  const std::string file = corpus() + "/" + kManifestName;
  if (board.first()) {  // whose report it is
    count_shards(layout_.report);
    if (earlier_) add_day();
  }
  board.alone([&] { return exists(file); }, [&] { write_manifest(file); });
}

}  // namespace broadsheet
