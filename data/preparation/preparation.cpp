#include "data/preparation/preparation.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "core/checksum.h"
#include "core/durable.h"
#include "core/log.h"
#include "core/text.h"
#include "data/preparation/columns.h"
#include "data/preparation/scratch.h"
#include "data/preparation/seen_file.h"

namespace broadsheet {
namespace {

// Raised when what the stages leave for each other changes its meaning.
constexpr int kScratchVersion = 6;

}  // namespace

Preparation::Preparation(const PreparationInput& input, const std::string& folder, int64_t piece_bytes, int64_t rank)
    : config_(input.config),
      fields_(input.fields),
      tokenizer_(input.tokenizer),
      deidentifier_(input.deidentifier),
      files_(input.files),
      manifest_(input.manifest),
      earlier_(input.earlier),
      folder_(folder),
      tag_(cat(".", rank, "-", ::getpid())),
      piece_bytes_(piece_bytes > 0 ? piece_bytes : piece_size(files_)),
      pieces_(cut_sources(files_, piece_bytes_)) {
  if (earlier_ == nullptr) return;
  searched_ = earlier_->seen(config_.clean);
  for (const ChunkPlace& place : searched_) known_documents_ += place.documents;
}

PrepareReport Preparation::run(WorkBoard& board) {
  sum_sources(board);
  search_lines(board);
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
          {"earlier", earlier_ ? earlier_->manifest.fingerprint : ""},
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

// Whether the switch to what is staged here can begin, or go on where a killed one has stopped. It cannot when it was
// done and somebody put the corpus from before it back.
bool Preparation::is_staged() const {
  if (!exists(corpus() + "/" + kManifestName)) return false;
  for (const auto& [name, file] : Manifest::load(corpus()).files)
    if (!exists(corpus() + "/" + name) && !(earlier_ && exists(earlier_->folder + "/" + name))) return false;
  return true;
}

bool Preparation::is_good_record(const std::string& name, bool staged) const {
  const auto record = nlohmann::json::parse(read_file(path(name)), nullptr, /*allow_exceptions=*/false);
  if (starts_with(name, "sum-")) return !record.is_discarded();
  if (!starts_with(name, "shard-") || !record.is_object()) return false;
  if (staged) return true;
  const std::string shard = record.at("name").get<std::string>();
  return exists(corpus() + "/" + shard) && (!record.contains("seen") || exists(corpus() + "/" + seen_name(shard)));
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
  list_line_runs(good);
  make_folders(corpus());  // it is gone once it was the whole corpus
  const bool staged = is_staged();
  if (!staged) std::filesystem::remove(corpus() + "/" + kManifestName);
  // Shards are durable before their record is; sums are of one line.
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    const std::string name = entry.path().filename().string();
    if (good.count(name) == 0 && !(ends_with(name, ".json") && is_good_record(name, staged)))
      std::filesystem::remove_all(entry.path());
  }
  // What a killed process was writing has a name of its own kind (core/durable.h), and would stay for ever.
  std::vector<std::filesystem::path> unfinished;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(corpus()))
    if (starts_with(entry.path().filename().string(), ".")) unfinished.push_back(entry.path());
  for (const auto& file : unfinished) std::filesystem::remove_all(file);
  if (whole > 0)
    log_info(cat("going on with what is there: ", whole, " of ", pieces_.size(), " pieces of the sources are read"));
}

// First the new files, then what must be as the earlier corpus says: the sources that it knows, its seen files.
int64_t Preparation::source_tasks() const {
  const auto files = static_cast<int64_t>(files_.size());
  return earlier_ ? files + static_cast<int64_t>(earlier_->known.size() + searched_.size()) : files;
}

void Preparation::sum_source(int64_t task) const {
  auto at = static_cast<size_t>(task);
  std::string sum;
  if (at < files_.size()) {
    sum = sha256_file(files_[at].path);
  } else if (at -= files_.size(); at < earlier_->known.size()) {
    earlier_->known[at].check();
  } else {
    earlier_->check_seen(searched_[at - earlier_->known.size()]);
  }
  write_scratch(sum_record(task), tag_, nlohmann::json(sum).dump());
}

void Preparation::sum_sources(WorkBoard& board) {
  WorkBoard::Stage stage;
  stage.name = "sum";
  stage.tasks = source_tasks();
  stage.doing = "checksums of the sources";
  stage.unit = "bytes";
  stage.is_done = [&](int64_t task) { return exists(sum_record(task)); };
  stage.size = [&](int64_t task) {
    auto at = static_cast<size_t>(task);
    if (at < files_.size()) return files_[at].size;
    at -= files_.size();
    return at < earlier_->known.size() ? earlier_->known[at].file.size : 0;
  };
  stage.work = [&](int64_t task) { sum_source(task); };
  board.share(stage);
}

void Preparation::read_pieces(WorkBoard& board) {
  PieceReader reader(config_, fields_, tokenizer_, deidentifier_, repeated_ ? &*repeated_ : nullptr, files_,
                     piece_bytes_);
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
  if (board.first()) check_filters();
}

// The records of a source name their columns themselves: whether one has what its filter looks at is known now.
void Preparation::check_filters() const {
  std::map<const SourceConfig*, std::set<std::string>> seen;
  for (size_t i = 0; i < pieces_.size(); ++i)
    seen[files_[static_cast<size_t>(pieces_[i].file)].source].insert(records_[i].columns.begin(),
                                                                     records_[i].columns.end());
  Faults faults;
  for (const auto& [source, columns] : seen) check_filter(config_, files_, *source, columns, faults);
  faults.throw_if_any();
}

void Preparation::load_records() {
  const auto first_file = static_cast<int32_t>(earlier_ ? earlier_->manifest.sources.size() : 0);
  std::vector<int64_t> lines(files_.size());
  for (size_t i = 0; i < pieces_.size(); ++i) {
    records_.push_back(PieceRecord::from(read_json(piece_files(i).record())));
    const auto file = static_cast<size_t>(pieces_[i].file);
    for (size_t k = 0; k < records_[i].chunks.size(); ++k) {
      const int64_t documents = records_[i].chunks[k].documents;
      chunks_.push_back({piece_files(i).chunk(k), known_documents_ + documents_, documents});
      placed_.push_back(
          {chunks_.back().path, path(cat("keep-", placed_.size())), first_file + pieces_[i].file, lines[file]});
      documents_ += documents;
    }
    lines[file] += records_[i].lines;
  }
  searched_.insert(searched_.end(), chunks_.begin(), chunks_.end());
}

// In which order documents stay (Note [Who stays]). The points at which a split by time or class is cut are then those
// of all documents: which of them are dropped depends on their splits.
RankOf Preparation::document_rank() {
  if (config_.clean.leakage == "earliest") return {};
  if (!early_points_)
    if (const auto found = find_split_points({})) early_points_.emplace(*found);
  return [this](const ChunkView& view, size_t i) -> int64_t {
    const Split split = early_points_ ? early_points_->split_of(view, i) : static_cast<Split>(view.splits[i]);
    return split_rank(split);
  };
}

void Preparation::search_duplicates(WorkBoard& board) {
  if (!config_.clean.exact_duplicates) return;
  const RankOf rank = document_rank();
  WorkBoard::Stage stage;
  stage.name = "search";
  stage.tasks = duplicate_parts(searched_documents());
  stage.doing = "looking for duplicates";
  stage.unit = "parts";
  const auto result = [this](int64_t part) { return path(cat("duplicates-", part)); };
  stage.is_done = [&](int64_t part) { return exists(result(part)); };
  stage.size = [](int64_t) { return 1; };
  stage.work = [&](int64_t part) {
    const std::vector<Dropped> found = find_duplicates(searched_, fields_.fields().size(), part, stage.tasks, rank);
    write_scratch(result(part), tag_, {reinterpret_cast<const char*>(found.data()), found.size() * sizeof(Dropped)});
  };
  board.share(stage);
}

std::vector<Dropped> Preparation::exact_duplicates() const {
  std::vector<Dropped> all;
  if (!config_.clean.exact_duplicates) return all;
  for (int64_t part = 0; part < duplicate_parts(searched_documents()); ++part) {
    const std::vector<Dropped> some = read_array<Dropped>(path(cat("duplicates-", part)));
    all.insert(all.end(), some.begin(), some.end());
  }
  std::sort(all.begin(), all.end());
  return all;
}

// A task for each band and part.
int64_t Preparation::near_tasks() const {
  return banding_for(config_.clean.near_duplicates).bands * duplicate_parts(searched_documents());
}

void Preparation::search_near_duplicates(WorkBoard& board) {
  if (config_.clean.near_duplicates <= 0) return;
  const std::vector<int64_t> skipped = documents_of(exact_duplicates());
  const RankOf rank = document_rank();
  const int64_t parts = duplicate_parts(searched_documents());
  WorkBoard::Stage stage;
  stage.name = "near";
  stage.tasks = near_tasks();
  stage.doing = "looking for near-duplicates";
  stage.unit = "parts";
  const auto result = [this](int64_t task) { return path(cat("near-", task)); };
  stage.is_done = [&](int64_t task) { return exists(result(task)); };
  stage.size = [](int64_t) { return 1; };
  stage.work = [&](int64_t task) {
    const std::vector<NearPair> found = find_near_pairs(searched_, fields_.fields().size(), task / parts, task % parts,
                                                        parts, config_.clean.near_duplicates, skipped, rank);
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

}  // namespace broadsheet
