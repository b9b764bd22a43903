// Preparation: the sources become a corpus in stages, each of them tasks that several processes share (work_board.h).
//
//   sums     a task a source file: its SHA-256; of a corpus that is added to, its known sources and seen files, too
//   lines    a task a piece of the sources: the hashes of its lines   } with clean.repeated_lines
//   repeated a task a part of these hashes: those of enough documents  }
//   read     a task a piece of the sources: documents, tokens, hashes -> chunks
//   search   a task a part of the hashes: which documents equal an earlier one
//   near     a task a band of the signatures and part of it: which documents are alike
//   layout   the first rank: what is kept, and in which shard it lies
//   write    a task a shard
//   finish   the first rank: rejected.jsonl, the tokenizer's files, the manifest
//
// Every result is a pure function of sources and configuration, and appears whole: any number of processes makes the
// same bytes, and so does one that goes on with what a killed one has left. What is added to a corpus goes the same
// way; its documents are searched for, too, and stay.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/text.h"
#include "data/cleaning/repeated_lines.h"
#include "data/field_reader.h"
#include "data/manifest.h"
#include "data/preparation/earlier_corpus.h"
#include "data/preparation/near_duplicate_search.h"
#include "data/preparation/piece_reader.h"
#include "data/preparation/pieces.h"
#include "data/preparation/shard_builder.h"
#include "data/preparation/shard_plan.h"
#include "data/preparation/split_points.h"
#include "data/preparation/work_board.h"
#include "data/prepare.h"
#include "data/sources.h"
#include "data/tokenizers/tokenizer.h"

namespace broadsheet {

// What is prepared. All of it must outlive the preparation.
struct PreparationInput {
  const CorpusConfig& config;
  const FieldReader& fields;
  const Tokenizer& tokenizer;
  const Deidentifier* deidentifier = nullptr;
  const std::vector<SourceFile>& files;
  const Manifest& manifest;                // has the name, the tokenizer and the configuration
  const EarlierCorpus* earlier = nullptr;  // the corpus that is added to
};

class Preparation {
 public:
  // `folder` exists; the corpus will be <folder>/corpus, or what is to be added to the earlier one with the manifest of
  // both (data/preparation/corpus_switch.h).
  Preparation(const PreparationInput& input, const std::string& folder, int64_t piece_bytes, int64_t rank);
  // First rank, before any other begins: what an earlier preparation has left and is still good for this one stays, all
  // else is removed.
  void take_over();
  // All stages. The report is the first rank's.
  PrepareReport run(WorkBoard& board);

  std::string corpus() const { return path("corpus"); }
  int64_t pieces() const { return static_cast<int64_t>(pieces_.size()); }

 private:
  struct Layout {
    std::vector<PlannedShard> shards;
    std::vector<std::vector<std::string>> classes;  // by field
    PrepareReport report;
  };

  nlohmann::json identity() const;
  bool is_whole(size_t piece) const;
  bool is_staged() const;
  bool is_good_record(const std::string& name, bool staged) const;
  void sum_sources(WorkBoard& board);
  void search_lines(WorkBoard& board);
  void list_line_runs(std::set<std::string>& whole) const;
  void read_pieces(WorkBoard& board);
  void search_duplicates(WorkBoard& board);
  void search_near_duplicates(WorkBoard& board);
  void lay_out(WorkBoard& board);
  void write_shards(WorkBoard& board);
  void finish(WorkBoard& board);

  int64_t source_tasks() const;
  void sum_source(int64_t task) const;
  std::string sum_record(int64_t task) const { return path(cat("sum-", task, ".json")); }
  int64_t searched_documents() const { return known_documents_ + documents_; }
  void load_records();
  void check_filters() const;
  std::vector<Dropped> exact_duplicates() const;
  RankOf document_rank();
  std::vector<NearPair> near_pairs() const;
  int64_t near_tasks() const;
  void write_layout(const std::string& file);
  PrepareReport count_records() const;
  std::vector<std::vector<std::string>> find_classes() const;
  template <class Begin, class Kept, class End>
  void each_kept(const std::vector<int64_t>& dropped, Begin begin, Kept kept, End end) const;
  std::optional<SplitPoints> find_split_points(const std::vector<int64_t>& dropped) const;
  std::vector<int64_t> all_dropped(PrepareReport& report) const;
  std::vector<PlannedShard> place_documents(PrepareReport& report);
  void check_shares(const PrepareReport& report) const;
  void check_splits(const std::vector<PlannedShard>& shards, const PrepareReport& report) const;
  int64_t source_of(size_t chunk) const;
  void check_weights(const std::vector<PlannedShard>& shards) const;
  template <class Action>
  void each_reject(Action action) const;
  void write_rejects(const std::string& file, bool with_earlier) const;
  void count_shards(PrepareReport& report);
  Manifest list_shards() const;
  void copy_tokenizer(Manifest& manifest) const;
  void list_sources_of(Manifest& manifest) const;
  void add_day();
  void write_manifest(const std::string& file);
  void write_shard_at(const PlannedShard& shard, size_t number) const;
  nlohmann::json write_seen_of(const PlannedShard& shard) const;

  PieceFiles piece_files(size_t piece) const { return {path(cat("piece-", piece)), tag_}; }
  PieceFiles line_files(size_t piece) const { return {path(cat("lines-", piece)), tag_}; }
  std::string shard_record(size_t shard) const { return path(cat("shard-", shard, ".json")); }
  std::string path(const std::string& name) const { return folder_ + "/" + name; }

  const CorpusConfig& config_;
  const FieldReader& fields_;
  const Tokenizer& tokenizer_;
  const Deidentifier* deidentifier_;
  const std::vector<SourceFile>& files_;
  const Manifest& manifest_;
  const EarlierCorpus* earlier_;
  std::string folder_, tag_;
  int64_t piece_bytes_;
  std::vector<Piece> pieces_;
  std::optional<RepeatedLines> repeated_;
  std::vector<PieceRecord> records_;
  std::vector<ChunkPlace> chunks_;               // over all pieces
  std::vector<ChunkPlace> searched_;             // for duplicates: what is in the corpus already, then all chunks
  std::vector<PlacedChunk> placed_;              // the same, for the shards
  int64_t documents_ = 0;                        // of all chunks
  int64_t known_documents_ = 0;                  // in the corpus already
  std::optional<SplitPoints> early_points_;      // with clean.leakage: keep_test, of all documents
  std::map<std::string, LengthCounts> lengths_;  // by text field, of the shards that are written here
  Layout layout_;
};

}  // namespace broadsheet
