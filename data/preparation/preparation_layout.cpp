// What is kept of all documents that were read, where it will lie, and what the report says of the rest.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>

#include "core/durable.h"
#include "core/log.h"
#include "core/text.h"
#include "data/preparation/preparation.h"
#include "data/preparation/scratch.h"

namespace broadsheet {
namespace {

constexpr size_t kShownRejects = 5;

int64_t bytes_of(const std::vector<SourceFile>& files) {
  int64_t bytes = 0;
  for (const SourceFile& file : files) bytes += file.size;
  return bytes;
}

// "12 set aside, 3 duplicates, 185 dropped by too_short": where documents went that are not kept.
std::string describe_losses(const PrepareReport& report) {
  std::vector<std::string> parts;
  const auto add = [&](int64_t count, const std::string& what) {
    if (count > 0) parts.push_back(cat(with_thousands(count), " ", what));
  };
  add(report.rejected, "set aside");
  add(report.duplicates, "duplicates");
  add(report.near_duplicates, "near-duplicates");
  for (const auto& [reason, count] : report.filtered_by_reason) add(count, cat("dropped by ", reason));
  return join(parts, ", ");
}

}  // namespace

// Classes that are found stand behind those that the earlier corpus has, which keep their numbers.
std::vector<std::vector<std::string>> Preparation::find_classes() const {
  const std::vector<FieldReader::Field>& fields = fields_.fields();
  std::vector<std::set<std::string>> found(fields.size());
  const auto is_open = [](const FieldReader::Field& field) {
    return has_classes(field.config.kind) && field.classes.empty();
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
    if (!is_open(fields[i])) continue;
    if (earlier_) classes.back() = earlier_->manifest.fields.at(i).classes;
    for (const std::string& known : classes.back()) found[i].erase(known);
    classes.back().insert(classes.back().end(), found[i].begin(), found[i].end());
    if (classes.back().size() > kMaxFoundClasses) too_many_classes(fields[i].name);
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
  SplitPoints points(config_.split, field, fields_.fields()[field].classes,
                     earlier_ ? earlier_->report.split_points : nlohmann::json());
  each_kept(
      dropped, [](size_t, const ChunkView&) {}, [&](size_t, const ChunkView& view, size_t i) { points.count(view, i); },
      [](size_t) {});
  points.settle();
  return points;
}

// Numbers of the duplicates of both kinds, ascending, which the report counts.
std::vector<int64_t> Preparation::all_dropped(PrepareReport& report) const {
  std::vector<Dropped> dropped = exact_duplicates();
  report.duplicates = static_cast<int64_t>(dropped.size());
  if (config_.clean.near_duplicates > 0) {
    const std::vector<Dropped> near = near_duplicates(near_pairs());
    report.near_duplicates = static_cast<int64_t>(near.size());
    dropped.insert(dropped.end(), near.begin(), near.end());
    std::sort(dropped.begin(), dropped.end());
  }
  report.leakage = std::count_if(dropped.begin(), dropped.end(), [](const Dropped& one) { return one.leaked == 1; });
  return documents_of(dropped);
}

// Which documents stay, and where. Writes each chunk's list of places.
std::vector<PlannedShard> Preparation::place_documents(PrepareReport& report) {
  const std::vector<int64_t> dropped = all_dropped(report);
  const std::optional<SplitPoints> points = early_points_ ? early_points_ : find_split_points(dropped);
  if (points) report.split_points = points->json();
  ShardPlanner planner(config_.shard_tokens,
                       earlier_ ? next_shard_numbers(earlier_->manifest) : std::array<int64_t, 3>{});
  std::string places;
  each_kept(
      dropped, [&](size_t, const ChunkView& view) { places.assign(view.splits.size(), static_cast<char>(kDropped)); },
      [&](size_t chunk, const ChunkView& view, size_t i) {
        const Split split = points ? points->split_of(view, i) : static_cast<Split>(view.splits[i]);
        places[i] = static_cast<char>(split);
        planner.add(split, static_cast<int64_t>(chunk), static_cast<int64_t>(i), view.sizes[i], source_of(chunk));
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
  check_splits(shards, report);
  check_weights(shards);
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

void Preparation::write_rejects(const std::string& path, bool with_earlier) const {
  DurableFile out(path);
  if (with_earlier && earlier_) earlier_->copy_rejects(out);
  each_reject([&](const SourceFile& source, const Reject& reject) {
    const nlohmann::json line = {
        {"file", source.name}, {"line", reject.line}, {"byte", reject.byte}, {"reason", reject.rejection.reason()}};
    out.write(line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    return true;
  });
  out.close();
}

void Preparation::check_shares(const PrepareReport& report) const {
  if (report.read == 0 && earlier_) return;  // a day without documents
  if (report.read == 0)
    throw UserError("corpus.empty",
                    cat(name_files(files_), ": no documents in ", with_thousands(bytes_of(files_)), " bytes"),
                    "check sources: files: and format:");
  const double share = static_cast<double>(report.rejected) / static_cast<double>(report.read);
  if (share <= config_.max_rejected_share) return;
  const std::string kept_list = config_.output + "." + kRejectedName;
  ::unlink(kept_list.c_str());
  write_rejects(kept_list, /*with_earlier=*/false);
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

// Of corpus.yaml's sources, that a chunk was read from; -1 when they have no weights.
int64_t Preparation::source_of(size_t chunk) const {
  if (!config_.sources[0].weight) return -1;
  const size_t earlier = earlier_ ? earlier_->manifest.sources.size() : 0;
  return files_[static_cast<size_t>(placed_[chunk].file) - earlier].source - config_.sources.data();
}

void Preparation::check_weights(const std::vector<PlannedShard>& shards) const {
  std::vector<bool> trains(config_.sources.size(), !config_.sources[0].weight);
  if (earlier_)
    for (const ManifestShard& shard : earlier_->manifest.splits.at(split_name(Split::kTrain)).shards)
      for (const SourceRun& run : shard.sources) trains[static_cast<size_t>(run.source)] = true;
  for (const PlannedShard& shard : shards)
    for (const SourceRun& run : shard.sources)
      if (shard.split == Split::kTrain) trains[static_cast<size_t>(run.source)] = true;
  for (size_t source = 0; source < trains.size(); ++source)
    if (!trains[source])
      throw UserError(Fault{"corpus.empty_source",
                            {},
                            cat("sources[", source, "].weight"),
                            "no document of this source is left for the train split, so it can have no share of it",
                            "look at its filter, at clean: and at split:, or remove the source"});
}

void Preparation::check_splits(const std::vector<PlannedShard>& shards, const PrepareReport& report) const {
  if (earlier_) return;  // there are documents to train on
  const auto is_empty = [&](Split split) {
    return std::none_of(shards.begin(), shards.end(), [&](const PlannedShard& shard) { return shard.split == split; });
  };
  if (report.kept == 0)
    throw UserError(Fault{"corpus.empty_split",
                          {},
                          "clean",
                          cat("no document is left of ", with_thousands(report.read), ": ", describe_losses(report)),
                          "check clean:, the sources' filter: and the sources"});
  if (is_empty(Split::kTrain))
    throw UserError(Fault{"corpus.empty_split",
                          {},
                          "split",
                          cat("none of the ", with_thousands(report.kept), " documents is in the train split"),
                          "check split: and the sources"});
  for (const auto& [split, share] :
       {std::pair(Split::kValidation, config_.split.validation), std::pair(Split::kTest, config_.split.test)})
    if (is_empty(split) && (share > 0 || config_.split.by == "field"))
      log_warning(cat("the ", split_name(split), " split is empty"));
}

}  // namespace broadsheet
