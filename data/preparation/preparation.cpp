#include "data/preparation/preparation.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include "core/checksum.h"
#include "core/durable.h"
#include "core/log.h"
#include "core/text.h"
#include "data/preparation/scratch.h"

namespace broadsheet {
namespace {

// Raised when what the stages leave for each other changes its meaning.
constexpr int kScratchVersion = 2;
constexpr size_t kShownRejects = 5;

nlohmann::json read_json(const std::string& file) {
  return nlohmann::json::parse(read_file(file));
}

template <class T>
std::vector<T> read_array(const std::string& file) {
  const std::string bytes = read_file(file, uint64_t{1} << 40);
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(static_cast<void*>(values.data()), bytes.data(), values.size() * sizeof(T));
  return values;
}

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

Preparation::Preparation(const CorpusConfig& config, const FieldReader& fields, const Tokenizer& tokenizer,
                         const Deidentifier* deidentifier, const std::vector<SourceFile>& files,
                         const Manifest& manifest, const std::string& folder, int64_t piece_bytes, int64_t rank)
    : config_(config),
      fields_(fields),
      tokenizer_(tokenizer),
      deidentifier_(deidentifier),
      files_(files),
      manifest_(manifest),
      folder_(folder),
      tag_(cat(".", rank, "-", ::getpid())),
      piece_bytes_(piece_bytes),
      pieces_(cut_sources(files, piece_bytes)) {}

PrepareReport Preparation::run(WorkBoard& board) {
  sum_sources(board);
  read_pieces(board);
  search_duplicates(board);
  search_near_duplicates(board);
  lay_out(board);
  write_shards(board);
  finish(board);
  return layout_.report;
}

// What must be equal for the results of another start to be this one's.
nlohmann::json Preparation::identity() const {
  nlohmann::json files = nlohmann::json::array();
  for (const SourceFile& file : files_)
    files.push_back({file.path, file.size, file.inode, file.modified.tv_sec, file.modified.tv_nsec});
  return {{"version", kScratchVersion},
          {"configuration", manifest_.configuration},
          {"tokenizer", manifest_.tokenizer_fingerprint},
          {"piece_bytes", piece_bytes_},
          {"sources", files}};
}

bool Preparation::is_whole(size_t piece) const {
  const PieceFiles files = piece_files(piece);
  try {
    const PieceRecord record = PieceRecord::from(read_json(files.record()));
    if (xxh3_file(files.rejects()) != record.rejects_checksum) return false;
    for (size_t i = 0; i < record.chunks.size(); ++i)
      if (xxh3_file(files.chunk(i)) != record.chunks[i].checksum) return false;
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

void Preparation::take_over() {
  const std::string plan = path("plan.json");
  const auto before =
      exists(plan) ? nlohmann::json::parse(read_file(plan), nullptr, /*allow_exceptions=*/false) : nlohmann::json();
  if (before != identity()) {
    remove_folder_durably(folder_);
    make_folders(folder_ + "/corpus");
    write_scratch(plan, tag_, identity().dump());
    return;
  }
  std::set<std::string> good = {"plan.json", "corpus"};
  int64_t whole = 0;
  for (size_t i = 0; i < pieces_.size(); ++i) {
    if (!exists(piece_files(i).record()) || !is_whole(i)) continue;
    ++whole;
    const PieceFiles files = piece_files(i);
    const PieceRecord record = PieceRecord::from(read_json(files.record()));
    for (const std::string& file : {files.record(), files.rejects()}) good.insert(file.substr(folder_.size() + 1));
    for (size_t k = 0; k < record.chunks.size(); ++k) good.insert(files.chunk(k).substr(folder_.size() + 1));
  }
  // Shards are durable before their record is; sums are of one line.
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    const std::string name = entry.path().filename().string();
    const bool record = (starts_with(name, "shard-") || starts_with(name, "sum-")) && ends_with(name, ".json");
    const bool whole_record = record && nlohmann::json::accept(read_file(entry.path().string()));
    if (good.count(name) == 0 && !whole_record) std::filesystem::remove_all(entry.path());
  }
  // What a killed process was writing has a name of its own kind (core/durable.h), and would stay for ever.
  std::vector<std::filesystem::path> unfinished;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(corpus()))
    if (starts_with(entry.path().filename().string(), ".")) unfinished.push_back(entry.path());
  for (const auto& file : unfinished) std::filesystem::remove_all(file);
  if (whole > 0)
    log_info(cat("going on with what is there: ", whole, " of ", pieces_.size(), " pieces of the sources are read"));
}

void Preparation::sum_sources(WorkBoard& board) {
  WorkBoard::Stage stage;
  stage.name = "sum";
  stage.tasks = static_cast<int64_t>(files_.size());
  stage.doing = "checksums of the sources";
  stage.unit = "bytes";
  const auto record = [this](int64_t file) { return path(cat("sum-", file, ".json")); };
  stage.is_done = [&](int64_t file) { return exists(record(file)); };
  stage.size = [&](int64_t file) { return files_[static_cast<size_t>(file)].size; };
  stage.work = [&](int64_t file) {
    write_scratch(record(file), tag_, nlohmann::json(sha256_file(files_[static_cast<size_t>(file)].path)).dump());
  };
  board.share(stage);
}

void Preparation::read_pieces(WorkBoard& board) {
  PieceReader reader(config_, fields_, tokenizer_, deidentifier_, files_, piece_bytes_);
  WorkBoard::Stage stage;
  stage.name = "read";
  stage.tasks = static_cast<int64_t>(pieces_.size());
  stage.doing = "preparing";
  stage.unit = "bytes";
  stage.is_done = [&](int64_t piece) { return exists(piece_files(static_cast<size_t>(piece)).record()); };
  stage.size = [&](int64_t piece) { return pieces_[static_cast<size_t>(piece)].bytes; };
  stage.work = [&](int64_t piece) {
    const PieceFiles files = piece_files(static_cast<size_t>(piece));
    write_scratch(files.record(), tag_, reader.read(pieces_[static_cast<size_t>(piece)], files).json().dump());
  };
  board.share(stage);
  load_records();
}

void Preparation::load_records() {
  std::vector<int64_t> lines(files_.size());
  for (size_t i = 0; i < pieces_.size(); ++i) {
    records_.push_back(PieceRecord::from(read_json(piece_files(i).record())));
    const auto file = static_cast<size_t>(pieces_[i].file);
    for (size_t k = 0; k < records_[i].chunks.size(); ++k) {
      const int64_t documents = records_[i].chunks[k].documents;
      chunks_.push_back({piece_files(i).chunk(k), documents_, documents});
      placed_.push_back({chunks_.back().path, path(cat("keep-", placed_.size())), pieces_[i].file, lines[file]});
      documents_ += documents;
    }
    lines[file] += records_[i].lines;
  }
}

void Preparation::search_duplicates(WorkBoard& board) {
  if (!config_.clean.exact_duplicates) return;
  WorkBoard::Stage stage;
  stage.name = "search";
  stage.tasks = duplicate_parts(documents_);
  stage.doing = "looking for duplicates";
  stage.unit = "parts";
  const auto result = [this](int64_t part) { return path(cat("duplicates-", part)); };
  stage.is_done = [&](int64_t part) { return exists(result(part)); };
  stage.size = [](int64_t) { return 1; };
  stage.work = [&](int64_t part) {
    const std::vector<int64_t> found = find_duplicates(chunks_, fields_.fields().size(), part, stage.tasks);
    write_scratch(result(part), tag_, {reinterpret_cast<const char*>(found.data()), found.size() * sizeof(int64_t)});
  };
  board.share(stage);
}

std::vector<int64_t> Preparation::exact_duplicates() const {
  std::vector<int64_t> all;
  if (!config_.clean.exact_duplicates) return all;
  for (int64_t part = 0; part < duplicate_parts(documents_); ++part) {
    const std::vector<int64_t> some = read_array<int64_t>(path(cat("duplicates-", part)));
    all.insert(all.end(), some.begin(), some.end());
  }
  std::sort(all.begin(), all.end());
  return all;
}

// A task for each band and part.
int64_t Preparation::near_tasks() const {
  return banding_for(config_.clean.near_duplicates).bands * duplicate_parts(documents_);
}

void Preparation::search_near_duplicates(WorkBoard& board) {
  if (config_.clean.near_duplicates <= 0) return;
  const std::vector<int64_t> skipped = exact_duplicates();
  const int64_t parts = duplicate_parts(documents_);
  WorkBoard::Stage stage;
  stage.name = "near";
  stage.tasks = near_tasks();
  stage.doing = "looking for near-duplicates";
  stage.unit = "parts";
  const auto result = [this](int64_t task) { return path(cat("near-", task)); };
  stage.is_done = [&](int64_t task) { return exists(result(task)); };
  stage.size = [](int64_t) { return 1; };
  stage.work = [&](int64_t task) {
    const std::vector<NearPair> found = find_near_pairs(chunks_, fields_.fields().size(), task / parts, task % parts,
                                                        parts, config_.clean.near_duplicates, skipped);
    write_scratch(result(task), tag_, {reinterpret_cast<const char*>(found.data()), found.size() * sizeof(NearPair)});
  };
  board.share(stage);
}

std::vector<NearPair> Preparation::near_pairs() const {
  std::vector<NearPair> all;
  for (int64_t task = 0; task < near_tasks(); ++task) {
    const std::vector<NearPair> some = read_array<NearPair>(path(cat("near-", task)));
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

std::vector<std::vector<std::string>> Preparation::find_classes() const {
  const std::vector<FieldReader::Field>& fields = fields_.fields();
  std::vector<std::set<std::string>> found(fields.size());
  const auto is_open = [](const FieldReader::Field& field) {
    return field.config.kind == FieldKind::kLabel && field.classes.empty();
  };
  if (std::any_of(fields.begin(), fields.end(), is_open)) {
    for (const ChunkPlace& chunk : chunks_) {
      const ChunkView view(chunk.path, fields.size());
      for (size_t i = 0; i < fields.size(); ++i) {
        found[i].insert(view.columns[i].classes.begin(), view.columns[i].classes.end());
        if (found[i].size() > kMaxFoundClasses) too_many_classes(fields[i].name);
      }
    }
  }
  std::vector<std::vector<std::string>> classes;
  for (size_t i = 0; i < fields.size(); ++i) {
    classes.push_back(fields[i].classes);
    if (is_open(fields[i])) classes.back().assign(found[i].begin(), found[i].end());
  }
  return classes;
}

// In order. `dropped`: ascending.
template <class Begin, class Kept, class End>
void Preparation::each_kept(const std::vector<int64_t>& dropped, Begin begin, Kept kept, End end) const {
  auto next_dropped = dropped.begin();
  for (size_t c = 0; c < chunks_.size(); ++c) {
    const ChunkView view(chunks_[c].path, fields_.fields().size());
    begin(c, view);
    for (size_t i = 0; i < view.splits.size(); ++i) {
      if (next_dropped != dropped.end() && *next_dropped == chunks_[c].first_document + static_cast<int64_t>(i)) {
        ++next_dropped;
      } else {
        kept(c, view, i);
      }
    }
    end(c);
  }
}

std::optional<SplitPoints> Preparation::find_split_points(const std::vector<int64_t>& dropped) const {
  if (!SplitPoints::needed(config_.split)) return std::nullopt;
  const auto field = static_cast<size_t>(fields_.index_of(config_.split.field));
  SplitPoints points(config_.split, field, fields_.fields()[field].classes);
  each_kept(
      dropped, [](size_t, const ChunkView&) {}, [&](size_t, const ChunkView& view, size_t i) { points.count(view, i); },
      [](size_t) {});
  points.settle();
  return points;
}

// Which documents stay, and where. Writes each chunk's list of places.
std::vector<PlannedShard> Preparation::place_documents(PrepareReport& report) {
  std::vector<int64_t> dropped = exact_duplicates();
  report.duplicates = static_cast<int64_t>(dropped.size());
  if (config_.clean.near_duplicates > 0) {
    const std::vector<int64_t> near = near_duplicates(near_pairs());
    report.near_duplicates = static_cast<int64_t>(near.size());
    dropped.insert(dropped.end(), near.begin(), near.end());
    std::sort(dropped.begin(), dropped.end());
  }
  const std::optional<SplitPoints> points = find_split_points(dropped);
  if (points) report.split_points = points->json();
  ShardPlanner planner(config_.shard_tokens);
  std::string places;
  each_kept(
      dropped, [&](size_t, const ChunkView& view) { places.assign(view.splits.size(), static_cast<char>(kDropped)); },
      [&](size_t chunk, const ChunkView& view, size_t i) {
        const Split split = points ? points->split_of(view, i) : static_cast<Split>(view.splits[i]);
        places[i] = static_cast<char>(split);
        planner.add(split, static_cast<int64_t>(chunk), static_cast<int64_t>(i), view.sizes[i]);
      },
      [&](size_t chunk) { write_scratch(placed_[chunk].keep, tag_, places); });
  report.kept = documents_ - static_cast<int64_t>(dropped.size());
  return planner.finish();
}

PrepareReport Preparation::count_records() const {
  PrepareReport report;
  for (const PieceRecord& record : records_) {
    report.read += record.read;
    for (const auto& [reason, count] : record.rejected_by_reason) {
      report.rejected += count;
      report.rejected_by_reason[reason] += count;
    }
    for (const auto& [reason, count] : record.filtered_by_reason) report.filtered_by_reason[reason] += count;
    for (const auto& [step, count] : record.cleaned_by_step) report.cleaned_by_step[step] += count;
    for (const auto& [kind, count] : record.deidentified) report.deidentified[kind] += count;
  }
  return report;
}

void Preparation::write_layout(const std::string& file) {
  check_unchanged(files_);
  PrepareReport report = count_records();
  check_shares(report);
  const std::vector<PlannedShard> shards = place_documents(report);
  check_splits(shards);
  nlohmann::json list = nlohmann::json::array();
  for (const PlannedShard& shard : shards) list.push_back(shard.json());
  const nlohmann::json layout = {{"shards", list}, {"classes", find_classes()}, {"report", report.json()}};
  write_scratch(file, tag_, layout.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

void Preparation::lay_out(WorkBoard& board) {
  const std::string file = path("layout.json");
  board.alone([&] { return exists(file); }, [&] { write_layout(file); });
  const nlohmann::json layout = read_json(file);
  for (const nlohmann::json& shard : layout.at("shards")) layout_.shards.push_back(PlannedShard::from(shard));
  layout_.classes = layout.at("classes").get<std::vector<std::vector<std::string>>>();
  layout_.report = PrepareReport::from(layout.at("report"));
}

template <class Action>
void Preparation::each_reject(Action action) const {
  std::vector<int64_t> lines(files_.size());
  for (size_t i = 0; i < pieces_.size(); ++i) {
    std::ifstream list(piece_files(i).rejects());
    const auto file = static_cast<size_t>(pieces_[i].file);
    for (std::string line; std::getline(list, line);) {
      Reject reject = Reject::from(line);
      reject.line += lines[file];
      if (!action(files_[file], reject)) return;
    }
    lines[file] += records_[i].lines;
  }
}

void Preparation::write_rejects(const std::string& path) const {
  DurableFile out(path);
  each_reject([&](const SourceFile& source, const Reject& reject) {
    const nlohmann::json line = {
        {"file", source.name}, {"line", reject.line}, {"byte", reject.byte}, {"reason", reject.rejection.reason()}};
    out.write(line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    return true;
  });
  out.close();
}

void Preparation::check_shares(const PrepareReport& report) const {
  if (report.read == 0)
    throw UserError("corpus.empty", "the sources hold no documents", "check sources: files: and format:");
  const double share = static_cast<double>(report.rejected) / static_cast<double>(report.read);
  if (share <= config_.max_rejected_share) return;
  const std::string kept_list = config_.output + "." + kRejectedName;
  ::unlink(kept_list.c_str());
  write_rejects(kept_list);
  std::string what = cat(with_thousands(report.rejected), " of ", with_thousands(report.read),
                         " records are unusable (", shortest(std::round(share * 10000) / 100), " %, allowed are ",
                         shortest(config_.max_rejected_share * 100), " %):");
  size_t shown = 0;
  each_reject([&](const SourceFile& source, const Reject& reject) {
    what += cat("\n  ", source.path, ":", reject.line, ": ", reject.rejection.reason());
    return ++shown < kShownRejects;
  });
  throw UserError(
      Fault{"corpus.rejected_share",
            {},
            "max_rejected_share",
            what,
            cat("correct the sources or the fields, or raise max_rejected_share; all of them are in ", kept_list)});
}

void Preparation::check_splits(const std::vector<PlannedShard>& shards) const {
  const auto is_empty = [&](Split split) {
    return std::none_of(shards.begin(), shards.end(), [&](const PlannedShard& shard) { return shard.split == split; });
  };
  if (is_empty(Split::kTrain))
    throw UserError(Fault{
        "corpus.empty_split", {}, "split", "no document is left for the train split", "check split: and the sources"});
  for (const auto& [split, share] :
       {std::pair(Split::kValidation, config_.split.validation), std::pair(Split::kTest, config_.split.test)})
    if (is_empty(split) && (share > 0 || config_.split.by == "field"))
      log_warning(cat("the ", split_name(split), " split is empty"));
}

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
    split.shards.push_back({shard.file, shard.documents, layout_from(record.at("layout"))});
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
